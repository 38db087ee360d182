/** The versions of a document, and what changed between any two of them. */
/** @jsxImportSource hono/jsx */
import { InputError } from "../errors.ts";
import { decodeCursor, NewestKey, pageOf } from "../http/cursor.ts";
import { pageCursor, uuid } from "../http/fields.ts";
import { findVersion, listVersions, type VersionRow } from "../store/documents.ts";
import { type Comparison, compareTexts, type Part, type Row } from "./compare.ts";
import { DocumentFrame, documentOf, titleOf } from "./document_frame.tsx";
import { count, plural, size, utc } from "./format.ts";
import { type ConsoleRoute, view } from "./page.ts";
import { Badge, Pager, Table } from "./parts.tsx";
import { readMarkdown } from "./read_markdown.ts";
import { queryOf, type Visit } from "./visit.ts";

const PAGE = 50;
const COMPARED_BYTES = 2_000_000;

const list = view("/documents/{id}/versions", async (visit) => {
  const { cursor } = queryOf(visit, { cursor: pageCursor });
  const { document, key } = await documentOf(visit);
  const position = decodeCursor(NewestKey, cursor);
  const rows = await listVersions(visit.deps.sql, key, { limit: PAGE + 1, position });
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.exact_created_at, row.source_version_id]);
  const path = `/documents/${key.documentId}`;
  const body = (
    <DocumentFrame document={document} tab="versions">
      <form method="get" action={`${path}/compare`} class="versions">
        <Table label="Versions" head={["From", "To", "Made", "Original", <span class="wide">Converter</span>, ""]}>
          {page.map((row, i) => (
            <VersionLine row={row} path={path} from={i === Math.min(1, page.length - 1)} to={i === 0} />
          ))}
        </Table>
        {page.length > 1 ? (
          <button type="submit" class="primary">
            Compare
          </button>
        ) : (
          <p class="muted">There is one version yet. A changed original makes the next one, and both stay.</p>
        )}
      </form>
      <Pager url={visit.context.req.url} next={next_cursor} back="Newest" />
    </DocumentFrame>
  );
  return { title: `Versions of ${titleOf(document)}`, section: "documents", body };
});

interface LineProps {
  row: VersionRow;
  path: string;
  from: boolean;
  to: boolean;
}

function VersionLine({ row, path, from, to }: LineProps) {
  const id = row.source_version_id;
  const made = utc(row.created_at);
  return (
    <tr>
      <td>
        <input type="radio" name="from" value={id} checked={from} aria-label={`from ${made}`} />
      </td>
      <td>
        <input type="radio" name="to" value={id} checked={to} aria-label={`to ${made}`} />
      </td>
      <th scope="row">
        <a href={row.current ? path : `${path}?version=${id}`}>{made}</a>{" "}
        {row.current && <Badge tone="ok">current</Badge>}
      </th>
      <td>
        {row.media_type}, {size(row.raw_bytes)}
      </td>
      <td class="wide">{row.converter_version}</td>
      <td class="num">
        <a href={`${path}/raw?version=${id}`} aria-label={`Download the original of ${made}`}>
          Download
        </a>
      </td>
    </tr>
  );
}

const compare = view("/documents/{id}/compare", async (visit) => {
  const wanted = queryOf(visit, { from: uuid, to: uuid });
  const { document, key } = await documentOf(visit);
  const [before, after] = await Promise.all([versionText(visit, key, wanted.from), versionText(visit, key, wanted.to)]);
  const compared = compareTexts(before.text, after.text);
  const body = (
    <DocumentFrame document={document} tab="versions">
      <h2>
        {utc(before.row.created_at)} <span class="muted">to</span> {utc(after.row.created_at)}
      </h2>
      {(before.cut || after.cut) && (
        <p class="notice">Only the first {size(COMPARED_BYTES)} of each version are compared.</p>
      )}
      {compared === null ? (
        <p class="notice">These versions have too little in common to be compared line by line.</p>
      ) : (
        <Changes compared={compared} />
      )}
    </DocumentFrame>
  );
  return { title: `Changes of ${titleOf(document)}`, section: "documents", body };
});

async function versionText(visit: Visit, key: { tenantId: string; documentId: string }, id: string) {
  const row = await findVersion(visit.deps.sql, key, id);
  if (row === null)
    throw new InputError("document.version_not_found", `The document ${key.documentId} has no version ${id}`);
  return { row, ...(await readMarkdown(visit.deps.objects, row.s3_markdown_uri, COMPARED_BYTES)) };
}

const Changes = ({ compared: { rows, added, removed } }: { compared: Comparison }) =>
  added + removed === 0 ? (
    <p class="notice">The Markdown of both is the same.</p>
  ) : (
    <>
      <p class="muted">
        {plural(removed, "line")} removed, {plural(added, "line")} added.
      </p>
      <section class="scroll" tabindex={0} aria-label="Changes">
        <table class="diff">
          <tbody>
            {rows.map((row) => (
              <ChangeRow row={row} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );

const SIGNS = { same: " ", removed: "−", added: "+" } as const;
const SPOKEN = { same: "", removed: "removed: ", added: "added: " } as const;

function ChangeRow({ row }: { row: Row }) {
  if (row.kind === "folded")
    return (
      <tr class="folded">
        <td colspan={4}>{count(row.lines)} lines are the same</td>
      </tr>
    );
  return (
    <tr class={row.kind}>
      <td class="line">{row.before}</td>
      <td class="line">{row.after}</td>
      <td class="sign" aria-hidden="true">
        {SIGNS[row.kind]}
      </td>
      <td class="text">
        <span class="hidden">{SPOKEN[row.kind]}</span>
        {row.parts.map((part) => (
          <Words part={part} kind={row.kind} />
        ))}
      </td>
    </tr>
  );
}

function Words({ part, kind }: { part: Part; kind: string }) {
  if (!part.changed) return <>{part.text}</>;
  return kind === "removed" ? <del>{part.text}</del> : <ins>{part.text}</ins>;
}

export const versionPages: ConsoleRoute[] = [list, compare];
