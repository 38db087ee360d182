/** The list of documents, newest first, narrowed by a part of the title, the kind of source, or the connection. */
/** @jsxImportSource hono/jsx */
import * as v from "valibot";
import { decodeCursor, NewestKey, pageOf } from "../http/cursor.ts";
import { pageCursor, sourceType, uuid } from "../http/fields.ts";
import { type DocumentRow, listDocuments } from "../store/documents.ts";
import { count, SOURCE_NAMES } from "./format.ts";
import { Heading } from "./layout.tsx";
import { connectionNames } from "./name_job.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Badge, Empty, Num, Option, Pager, SourceTypes, Table, Time } from "./parts.tsx";
import { mayWrite, queryOf, shownTenant } from "./visit.ts";

const PAGE = 50;

const query = {
  q: v.optional(v.pipe(v.string(), v.maxLength(200, "must have at most 200 characters"))),
  source_type: v.optional(sourceType),
  connection: v.optional(uuid),
  hidden: v.optional(v.literal("true")),
  cursor: pageCursor,
};
type Query = v.InferOutput<v.ObjectSchema<typeof query, undefined>>;

const list = view("/documents", async (visit) => {
  const { sql } = visit.deps;
  const { url } = visit.context.req;
  const wanted = queryOf(visit, query);
  const tenant = await shownTenant(visit);
  const filters = {
    sourceType: wanted.source_type ?? null,
    connectionId: wanted.connection ?? null,
    externalRef: null,
    externalRefPrefix: null,
    title: wanted.q ?? null,
    includeHidden: wanted.hidden !== undefined,
  };
  const position = decodeCursor(NewestKey, wanted.cursor);
  const [rows, names] = await Promise.all([
    listDocuments(sql, tenant, filters, { limit: PAGE + 1, position }),
    connectionNames(sql, tenant),
  ]);
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.exact_created_at, row.document_id]);
  const body = (
    <>
      <Heading title="Documents">
        {mayWrite(visit) && (
          <a class="button" href="/upload">
            Upload files
          </a>
        )}
      </Heading>
      <Filters wanted={wanted} names={names} />
      {page.length > 0 ? (
        <DocumentTable rows={page} names={names} />
      ) : (
        <Empty>{new URL(url).search ? "No document matches." : "No document is indexed yet."}</Empty>
      )}
      <Pager url={url} next={next_cursor} />
    </>
  );
  return { title: "Documents", section: "documents", body };
});

const Filters = ({ wanted, names }: { wanted: Query; names: Map<string, string> }) => (
  <search>
    <form method="get" action="/documents" class="filters">
      <label class="hidden" for="q">
        Part of the title
      </label>
      <input id="q" name="q" type="search" placeholder="Part of the title" maxlength={200} value={wanted.q ?? ""} />
      <SourceTypes chosen={wanted.source_type} />
      {names.size > 0 && (
        <>
          <label class="hidden" for="connection">
            Connection
          </label>
          <select id="connection" name="connection">
            <option value="">Any connection</option>
            {[...names].map(([id, name]) => (
              <Option value={id} chosen={id === wanted.connection}>
                {name}
              </Option>
            ))}
          </select>
        </>
      )}
      <label class="check">
        <input type="checkbox" name="hidden" value="true" checked={wanted.hidden !== undefined} /> with hidden ones
      </label>
      <button type="submit">Find</button>
    </form>
  </search>
);

const DocumentTable = ({ rows, names }: { rows: DocumentRow[]; names: Map<string, string> }) => (
  <Table
    label="Documents"
    head={[
      "Title",
      <span class="wide">Source</span>,
      <span class="wide">Language</span>,
      <Num>Chunks</Num>,
      <Num wide>Tokens</Num>,
      "Updated",
    ]}
  >
    {rows.map((row) => (
      <tr>
        <th scope="row" class="main-cell">
          <a href={`/documents/${row.document_id}`}>{row.title || "Untitled"}</a>{" "}
          {row.hidden && <Badge tone="warn">hidden</Badge>}
          <span class="sub">{row.external_ref}</span>
        </th>
        <td class="wide">
          {(row.connection_id && names.get(row.connection_id)) ?? SOURCE_NAMES[row.source_type] ?? row.source_type}
        </td>
        <td class="wide">{row.language === "und" ? "" : row.language}</td>
        <td class="num">
          {count(row.chunk_count)}
          {row.vectors_pending > 0 && <span class="sub warn-text">{count(row.vectors_pending)} pending</span>}
        </td>
        <td class="num wide">{count(row.token_count)}</td>
        <td>
          <Time at={row.updated_at} />
        </td>
      </tr>
    ))}
  </Table>
);

export const documentListPages: ConsoleRoute[] = [list];
