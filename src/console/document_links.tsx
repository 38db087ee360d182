/** Links of a document: where it leads, and what leads to it. */
/** @jsxImportSource hono/jsx */
import { decodeCursor, encodeCursor, LinksKey } from "../http/cursor.ts";
import { pageCursor } from "../http/fields.ts";
import { type BacklinkRow, type LinkRow, listBacklinks, listLinks } from "../store/documents.ts";
import { DocumentFrame, documentOf, titleOf } from "./document_frame.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Badge, Empty, Pager, Table } from "./parts.tsx";
import { queryOf } from "./visit.ts";

const PAGE = 200;

const show = view("/documents/{id}/links", async (visit) => {
  const { sql } = visit.deps;
  const { cursor } = queryOf(visit, { cursor: pageCursor });
  const from = decodeCursor(LinksKey, cursor);
  const { document, key } = await documentOf(visit);
  const [out, incoming] = await Promise.all([
    from && from[0] === null ? [] : listLinks(sql, key, { limit: PAGE + 1, after: from?.[0] ?? -1 }),
    from && from[1] === null ? [] : listBacklinks(sql, key, { limit: PAGE + 1, after: from?.[1] ?? null }),
  ]);
  const lastOut = out.length > PAGE ? out[PAGE - 1]!.ordinal : null;
  const lastIn = incoming.length > PAGE ? [incoming[PAGE - 1]!.from_document_id, incoming[PAGE - 1]!.ordinal] : null;
  const next = lastOut === null && lastIn === null ? null : encodeCursor([lastOut, lastIn]);
  const body = (
    <DocumentFrame document={document} tab="links">
      <section>
        <h2>Leads to</h2>
        {out.length > 0 ? <Outgoing rows={out.slice(0, PAGE)} /> : <Empty>No links.</Empty>}
      </section>
      <section>
        <h2>Is linked from</h2>
        {incoming.length > 0 ? (
          <Incoming rows={incoming.slice(0, PAGE)} />
        ) : (
          <Empty>No document that is indexed leads here.</Empty>
        )}
      </section>
      <Pager url={visit.context.req.url} next={next} />
    </DocumentFrame>
  );
  return { title: `Links of ${titleOf(document)}`, section: "documents", body };
});

const Outgoing = ({ rows }: { rows: LinkRow[] }) => (
  <Table label="Leads to" head={["Text", "Target", <span class="wide">Kind</span>]}>
    {rows.map((row) => (
      <tr>
        <th scope="row" class="main-cell">
          {row.link_text || <span class="muted">no text</span>}
        </th>
        <td class="breakable">
          {row.to_document_id ? (
            <>
              <a href={`/documents/${row.to_document_id}`}>{row.to_title || "Untitled"}</a>
              <span class="sub">{row.href}</span>
            </>
          ) : (
            <Target href={row.href} />
          )}
        </td>
        <td class="wide">{row.link_type}</td>
      </tr>
    ))}
  </Table>
);

/** Only what is meant for browsers is a link; a path that the corpus lacks is said to be missing. */
function Target({ href }: { href: string }) {
  if (/^https?:\/\//i.test(href))
    return (
      <a href={href} rel="noopener noreferrer nofollow">
        {href}
      </a>
    );
  const inside = !/^[a-z][a-z0-9+.-]*:/i.test(href) && !href.startsWith("#");
  return (
    <>
      {href} {inside && <Badge tone="quiet">not in the corpus</Badge>}
    </>
  );
}

const Incoming = ({ rows }: { rows: BacklinkRow[] }) => (
  <Table label="Is linked from" head={["Document", "Text of the link", <span class="wide">Kind</span>]}>
    {rows.map((row) => (
      <tr>
        <th scope="row" class="main-cell">
          <a href={`/documents/${row.from_document_id}`}>{row.from_title || "Untitled"}</a>
        </th>
        <td>{row.link_text}</td>
        <td class="wide">{row.link_type}</td>
      </tr>
    ))}
  </Table>
);

export const linkPages: ConsoleRoute[] = [show];
