/** The chunks of a document, drawn over its Markdown: what is found, where it begins, what it shares with the next. */
/** @jsxImportSource hono/jsx */
import * as v from "valibot";
import { decodeCursor, encodeCursor, OrdinalKey, pageOf } from "../http/cursor.ts";
import { pageCursor, uuid } from "../http/fields.ts";
import { found } from "../http/tenancy.ts";
import { type ChunkRow, findChunkOrdinal, findVersion, listChunks } from "../store/documents.ts";
import { DocumentFrame, documentOf, titleOf } from "./document_frame.tsx";
import { drawChunks, type Piece } from "./draw_chunks.ts";
import { count, plural } from "./format.ts";
import { type ConsoleRoute, leadTo, view } from "./page.ts";
import { Badge, Empty, Pager } from "./parts.tsx";
import { readMarkdown } from "./read_markdown.ts";
import { queryOf } from "./visit.ts";

const PAGE = 100;
const SHOWN_BYTES = 16_000_000;

const show = view("/documents/{id}/chunks", async (visit) => {
  const { sql, objects, embedder } = visit.deps;
  const { cursor, chunk } = queryOf(visit, { cursor: pageCursor, chunk: v.optional(uuid) });
  const { document, key } = await documentOf(visit);
  const path = `/documents/${key.documentId}/chunks`;
  if (chunk !== undefined)
    return leadTo(visit, `${path}${pageWith(await findChunkOrdinal(sql, key, chunk))}#c-${chunk}`);
  const after = decodeCursor(OrdinalKey, cursor)?.[0] ?? -1;
  const version = found(await findVersion(sql, key, document.source_version_id), "document", key.documentId);
  const [rows, markdown, previous] = await Promise.all([
    listChunks(sql, key, embedder.model, { limit: PAGE + 1, after }),
    readMarkdown(objects, version.s3_markdown_uri, SHOWN_BYTES),
    after < 0 ? [] : listChunks(sql, key, embedder.model, { limit: 1, after: after - 1 }),
  ]);
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.ordinal]);
  const pieces = drawChunks(markdown.text, page, previous[0]?.char_end ?? 0);
  const body = (
    <DocumentFrame document={document} tab="chunks">
      <p class="muted">
        {plural(document.chunk_count, "chunk")}, {count(document.token_count)} tokens. Each is embedded with its path
        before it. Dotted text is also the beginning of the next chunk; grey text is in none.
      </p>
      {page.length === 0 ? (
        <Empty>This document has no text that could be found.</Empty>
      ) : (
        <ol class="chunks" start={after + 2}>
          {pieces.map((piece) =>
            piece.chunk ? <Chunk piece={piece} chunk={piece.chunk} /> : <Between piece={piece} />,
          )}
        </ol>
      )}
      <Pager url={visit.context.req.url} next={next_cursor} back="First chunks" />
    </DocumentFrame>
  );
  return { title: `Chunks of ${titleOf(document)}`, section: "documents", body };
});

/** The query of the page that a chunk stands on; a chunk that is gone is on none, and the first one is shown. */
function pageWith(ordinal: number | null): string {
  const before = Math.floor((ordinal ?? 0) / PAGE) * PAGE - 1;
  return before < 0 ? "" : `?cursor=${encodeCursor([before])}`;
}

const Chunk = ({ piece, chunk }: { piece: Piece; chunk: ChunkRow }) => (
  <li id={`c-${chunk.chunk_id}`} class={chunk.ordinal % 2 === 0 ? "chunk" : "chunk odd"}>
    <p class="chunk-head">
      <strong>{chunk.ordinal + 1}</strong>
      <span class="path">{chunk.chunk_path}</span>
      <span class="muted">
        {chunk.chunk_type} · {plural(chunk.token_count, "token")} · {count(chunk.char_start)}–{count(chunk.char_end)}
      </span>
      {chunk.embedding_model === null ? (
        <Badge tone="warn">vector pending</Badge>
      ) : (
        <Badge tone="ok">{chunk.embedding_dim} dimensions</Badge>
      )}
    </p>
    <pre>
      {piece.text}
      {piece.shared && <span class="shared">{piece.shared}</span>}
    </pre>
  </li>
);

const Between = ({ piece }: { piece: Piece }) => (
  <li class="between">
    <pre>{piece.text.trim()}</pre>
  </li>
);

export const chunkPages: ConsoleRoute[] = [show];
