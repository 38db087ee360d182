/**
 * A document as it reads: its Markdown, rendered, beside what is known of it; and its bytes, only ever as a download.
 */
/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { JSX } from "hono/jsx/jsx-runtime";
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { uuid } from "../http/fields.ts";
import { type DocumentRow, findVersion, listLinks, type VersionRow } from "../store/documents.ts";
import { apiRoute, callApi } from "./act.ts";
import { chunkPages } from "./document_chunks.tsx";
import { DocumentFrame, documentOf, titleOf } from "./document_frame.tsx";
import { linkPages } from "./document_links.tsx";
import { versionPages } from "./document_versions.tsx";
import { count, labelOf, SOURCE_NAMES, size, utc } from "./format.ts";
import { connectionNames } from "./name_job.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Facts, Time } from "./parts.tsx";
import { readMarkdown } from "./read_markdown.ts";
import { renderMarkdown } from "./render_markdown.ts";
import { queryOf } from "./visit.ts";

/** More than people read on a page; rendering it takes about a tenth of a second, in which nobody else is answered. */
const SHOWN_BYTES = 1_000_000;
const LINKS_MAX = 2000;

const show = view("/documents/{id}", async (visit) => {
  const { sql, objects } = visit.deps;
  const { version: wanted } = queryOf(visit, { version: v.optional(uuid) });
  const { document, key } = await documentOf(visit);
  const version = await findVersion(sql, key, wanted ?? document.source_version_id);
  if (version === null)
    throw new InputError("document.version_not_found", `The document ${key.documentId} has no version ${wanted}`);
  const [markdown, links, names] = await Promise.all([
    readMarkdown(objects, version.s3_markdown_uri, SHOWN_BYTES),
    listLinks(sql, key, { limit: LINKS_MAX, after: -1 }),
    connectionNames(sql, key.tenantId),
  ]);
  const targets = new Map(
    links.flatMap(({ href, to_document_id: id }) => (id === null ? [] : [[href, id] as [string, string]])),
  );
  const html = renderMarkdown(markdown.text, targets);
  const connection = document.connection_id && names.get(document.connection_id);
  const body = (
    <DocumentFrame document={document} tab="text">
      {!version.current && <OldVersion document={document} version={version} />}
      <div class="reader">
        <article class="prose" dir="auto" lang={document.language === "und" ? undefined : document.language}>
          {html.trim() === "" ? <p class="empty">This version has no text.</p> : raw(html)}
          {markdown.cut && (
            <p class="notice">
              Only the first {size(SHOWN_BYTES)} of {size(version.markdown_bytes)} are shown.
            </p>
          )}
        </article>
        <aside aria-label="About the document">
          <About document={document} version={version} connection={connection ?? null} />
        </aside>
      </div>
    </DocumentFrame>
  );
  return { title: titleOf(document), section: "documents", body };
});

const OldVersion = ({ document, version }: { document: DocumentRow; version: VersionRow }) => (
  <p class="notice">
    This is how it read on {utc(version.created_at)}.{" "}
    <a href={`/documents/${document.document_id}`}>Show the current version</a>
  </p>
);

interface AboutProps {
  document: DocumentRow;
  version: VersionRow;
  connection: string | null;
}

const About = ({ document, version, connection }: AboutProps) => (
  <>
    <h2>Document</h2>
    <Facts
      of={[
        ["Source", SOURCE_NAMES[document.source_type] ?? document.source_type],
        ["Connection", connection && <a href={`/connections/${document.connection_id}`}>{connection}</a>],
        ["Language", document.language === "und" ? "not known" : document.language],
        ["Chunks", count(document.chunk_count)],
        ["Tokens", count(document.token_count)],
        ["Vectors pending", document.vectors_pending > 0 ? count(document.vectors_pending) : null],
        ["First indexed", <Time at={document.created_at} />],
        ["Updated", <Time at={document.updated_at} />],
      ]}
    />
    <h2>{version.current ? "Current version" : "This version"}</h2>
    <Facts
      of={[
        ["Made", <Time at={version.created_at} />],
        ["Original", `${version.media_type}, ${size(version.raw_bytes)}`],
        ["Markdown", size(version.markdown_bytes)],
        ["Converter", version.converter_version],
        ["SHA-256", <code title={version.checksum}>{version.checksum.slice(0, 12)}…</code>],
      ]}
    />
    {version.warnings.length > 0 && (
      <>
        <h2>Warnings</h2>
        <ul class="warnings">
          {version.warnings.map((warning) => (
            <li>
              {warning.message} <code>{warning.code}</code>
              {(warning.count ?? 1) > 1 && ` ${count(warning.count ?? 1)} times`}
            </li>
          ))}
        </ul>
      </>
    )}
    {Object.keys(document.metadata).length > 0 && (
      <>
        <h2>From the original</h2>
        <Facts of={Object.entries(document.metadata).map(([name, value]) => [labelOf(name), told(value)])} />
      </>
    )}
  </>
);

/** Metadata is JSON of any shape. */
function told(value: unknown): JSX.Element | string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return value.join(", ");
  return value === null || value === undefined ? "" : <code>{JSON.stringify(value)}</code>;
}

const rawRoute = apiRoute("get", "/v1/documents/{id}/raw");
const markdownRoute = apiRoute("get", "/v1/documents/{id}/markdown");

/** The API's own answers, which no browser shows under our origin. */
const downloads = [
  view("/documents/{id}/raw", (visit) => callApi(visit, rawRoute)),
  view("/documents/{id}/markdown", (visit) => callApi(visit, markdownRoute)),
];

export const documentPages: ConsoleRoute[] = [show, ...downloads, ...chunkPages, ...linkPages, ...versionPages];
