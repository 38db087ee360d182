/** What all pages of one document have in common: finding it, its title with where it comes from, and its tabs. */
/** @jsxImportSource hono/jsx */
import type { PropsWithChildren } from "hono/jsx";
import { found } from "../http/tenancy.ts";
import { type DocumentRow, findDocument } from "../store/documents.ts";
import { count } from "./format.ts";
import { Heading } from "./layout.tsx";
import { Badge, Tabs } from "./parts.tsx";
import { ownedById, type Visit } from "./visit.ts";

export interface Found {
  document: DocumentRow;
  /** For the store's look-ups. */
  key: { tenantId: string; documentId: string };
}

/** The document that the path names. Throws the 404 of documents. */
export async function documentOf(visit: Visit): Promise<Found> {
  const { id: documentId, tenantId } = await ownedById(visit, "document");
  const document = found(await findDocument(visit.deps.sql, tenantId, documentId), "document", documentId);
  return { document, key: { tenantId, documentId } };
}

export const titleOf = (document: DocumentRow): string => document.title || "Untitled";

export type Tab = "text" | "chunks" | "links" | "versions";

export function DocumentFrame({ document, tab, children }: PropsWithChildren<{ document: DocumentRow; tab: Tab }>) {
  const path = `/documents/${document.document_id}`;
  const tabs = [
    ["text", "Text", path],
    ["chunks", `Chunks ${count(document.chunk_count)}`, `${path}/chunks`],
    ["links", "Links", `${path}/links`],
    ["versions", "Versions", `${path}/versions`],
  ] as const;
  return (
    <>
      <Heading title={titleOf(document)} badge={document.hidden ? <Badge tone="warn">hidden</Badge> : undefined}>
        <a class="button" href={`${path}/markdown`} download={`${titleOf(document)}.md`}>
          Markdown
        </a>
        <a class="button" href={`${path}/raw`}>
          Original
        </a>
      </Heading>
      <p class="ref">
        <Origin document={document} />
      </p>
      <Tabs label="Document" choices={tabs.map(([name, label, href]) => ({ href, label, current: name === tab }))} />
      {children}
    </>
  );
}

/** Its name at the source, as a link where a browser may follow it. */
const Origin = ({ document: { url, external_ref: ref } }: { document: DocumentRow }) =>
  url && /^https?:\/\//i.test(url) ? (
    <a href={url} rel="noopener noreferrer nofollow">
      {ref}
    </a>
  ) : (
    <span>{ref}</span>
  );
