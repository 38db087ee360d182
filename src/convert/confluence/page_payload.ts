/**
 * A Confluence page with everything that its Markdown needs, as one document: what the interface said of it, the names
 * of the people it mentions, its comments and the pages it includes. These bytes are kept as the page's raw version, so
 * that a conversion can be repeated at any time without asking Confluence again. Volatile fields have no place here.
 */
import * as v from "valibot";

export const PAGE_MEDIA_TYPE = "application/vnd.sluice.confluence-page+json";

const text = v.string();
const maybe = v.nullable(v.string());

export const PagePayload = v.object({
  sluice: v.literal("confluence-page/1"),
  id: text,
  type: text,
  title: text,
  status: text,
  url: text,
  /** Address of the site, against which relative links are resolved. */
  base_url: text,
  space: v.object({ key: text, name: text }),
  version: v.object({ number: v.nullable(v.number()), created_at: maybe, author: maybe }),
  created: v.object({ created_at: maybe, author: maybe }),
  /** From the top. */
  ancestors: v.array(v.object({ id: text, title: text })),
  labels: v.array(text),
  /** Storage format. */
  storage: text,
  comments: v.array(
    v.object({
      id: text,
      reply_to: maybe,
      author: maybe,
      created_at: maybe,
      resolved: v.boolean(),
      /** The passage that an inline comment is about. */
      selection: maybe,
      storage: text,
    }),
  ),
  /** Names by account id, user key or user name. */
  users: v.record(text, text),
  /** Pages that this page includes, directly or by others. */
  includes: v.array(
    v.object({ id: text, space_key: text, title: text, url: text, version: v.nullable(v.number()), storage: text }),
  ),
});

export type PagePayload = v.InferOutput<typeof PagePayload>;

/** The same payload always gives the same bytes. */
export function payloadBytes(payload: PagePayload): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(payload, null, 1));
}
