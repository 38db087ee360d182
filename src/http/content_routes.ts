/**
 * The bytes of a document: its Markdown and its raw payload, streamed from the object store by the URIs of the version's
 * row. Payloads are hostile: they are only ever offered for download, never to be shown by a browser under our origin.
 */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { findVersion } from "../store/documents.ts";
import { attachment, fileNameOf } from "./attachment.ts";
import { uuid } from "./fields.ts";
import { type Call, plainRoute } from "./route.ts";
import { notFound, tenantOwning } from "./tenancy.ts";

const id = { id: uuid };
const version = { version: v.optional(v.pipe(uuid, v.description("An older version; without it the current one."))) };
const tag = "Documents";

const markdown = plainRoute({
  method: "get",
  path: "/v1/documents/{id}/markdown",
  summary: "Get a version's Markdown",
  tag,
  access: "read",
  params: id,
  query: version,
  mediaType: "text/markdown",
  etag: true,
  errors: ["document.version_not_found", "objects.not_found"],
  async handle(call) {
    const row = await versionOf(call);
    return stored(call, row.s3_markdown_uri, row.markdown_sha256, { "content-type": "text/markdown; charset=utf-8" });
  },
});

const raw = plainRoute({
  method: "get",
  path: "/v1/documents/{id}/raw",
  summary: "Download a version's raw payload",
  tag,
  access: "read",
  params: id,
  query: version,
  mediaType: "application/octet-stream",
  etag: true,
  errors: ["document.version_not_found", "objects.not_found"],
  async handle(call) {
    const row = await versionOf(call);
    return stored(call, row.s3_raw_uri, row.checksum, {
      "content-type": row.media_type,
      "content-disposition": attachment(fileNameOf(row.external_ref, row.title)),
    });
  },
});

type ContentCall = Call<typeof id, typeof version, v.GenericSchema<undefined>>;

async function versionOf(call: ContentCall) {
  const documentId = call.params.id;
  const wanted = call.query.version ?? null;
  const tenantId = await tenantOwning(call, "document", documentId);
  const row = await findVersion(call.deps.sql, { tenantId, documentId }, wanted);
  if (row) return row;
  if (wanted === null || !(await findVersion(call.deps.sql, { tenantId, documentId }, null)))
    throw notFound("document", documentId);
  throw new InputError("document.version_not_found", `The document ${documentId} has no version ${wanted}`);
}

/** Versions never change, so their checksum says whether the caller has the bytes already. */
async function stored(
  call: ContentCall,
  uri: string,
  sha256: string,
  headers: Record<string, string>,
): Promise<Response> {
  const etag = `"${sha256}"`;
  const caching = { etag, "cache-control": "private, no-cache" };
  if (matches(call.request.headers.get("if-none-match"), etag))
    return new Response(null, { status: 304, headers: caching });
  const { body, size } = await call.deps.objects.stream(uri);
  const all = { ...headers, ...caching, "content-length": String(size) };
  if (call.request.method !== "HEAD") return new Response(body, { headers: all });
  await body.cancel();
  return new Response(null, { headers: all });
}

/** RFC 9110, 13.1.2: weak comparison, a list, or any. */
function matches(header: string | null, etag: string): boolean {
  const given = header?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return given.includes("*") || given.includes(etag);
}

export const contentRoutes = [markdown, raw];
