/** Connections: what is connected, whether it works, and syncing it now. */
/** @jsxImportSource hono/jsx */
import type { JSX } from "hono/jsx/jsx-runtime";
import type { ConnectionTest } from "../connector/connector.ts";
import { decodeCursor, IdKey, pageOf } from "../http/cursor.ts";
import { pageCursor } from "../http/fields.ts";
import { found } from "../http/tenancy.ts";
import { type ConnectionRow, findConnection, listConnections, SERVED_BY } from "../store/connections.ts";
import { listJobs } from "../store/jobs.ts";
import { apiRoute, callApi, readForm } from "./act.ts";
import { connectionFormPages } from "./connection_form.tsx";
import { signsIn } from "./connection_kinds.tsx";
import { labelOf, SOURCE_NAMES } from "./format.ts";
import { JobTable } from "./jobs.tsx";
import { Heading } from "./layout.tsx";
import { connectionNames } from "./name_job.tsx";
import { act, type ConsoleRoute, leadTo, type View, view } from "./page.ts";
import { ActButton, Badge, Empty, Facts, Pager, Table, Time } from "./parts.tsx";
import { ScheduleOf, schedulePages, scheduleWords } from "./schedule.tsx";
import { mayWrite, ownedById, queryOf, shownTenant, type Visit } from "./visit.ts";

const PAGE = 50;
/** A connection's own jobs are looked for among so many of the newest. */
const JOBS_SEARCHED = 100;
const JOBS_SHOWN = 5;

const list = view("/connections", async (visit) => {
  const query = queryOf(visit, { cursor: pageCursor });
  const tenant = await shownTenant(visit);
  const after = decodeCursor(IdKey, query.cursor)?.[0] ?? null;
  const [rows, schedules] = await Promise.all([
    listConnections(visit.deps.sql, tenant, PAGE + 1, after),
    scheduleWords(visit, tenant),
  ]);
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.connectionId]);
  const body = (
    <>
      <Heading title="Connections">
        {mayWrite(visit) && (
          <a class="button" href="/connections/new">
            Add a connection
          </a>
        )}
      </Heading>
      {page.length === 0 ? (
        <Empty>No folder, S3 prefix or Confluence site is connected. Uploads need no connection.</Empty>
      ) : (
        <Table label="Connections" head={["Name", "Kind", "Place", <span class="wide">Schedule</span>, ""]}>
          {page.map((row) => (
            <tr>
              <th scope="row" class="main-cell">
                <a href={`/connections/${row.connectionId}`}>{row.name}</a>
              </th>
              <td>{kindOf(row)}</td>
              <td class="breakable">{placeOf(row)}</td>
              <td class="wide">{schedules.get(row.connectionId) ?? "on demand"}</td>
              <td class="num">{mayWrite(visit) && <SyncNow row={row} />}</td>
            </tr>
          ))}
        </Table>
      )}
      <Pager url={visit.context.req.url} next={next_cursor} />
    </>
  );
  return { title: "Connections", section: "connections", body };
});

const KINDS: Record<string, string> = { directory: "Folder", s3: "S3 prefix", confluence: "Confluence" };
const kindOf = ({ config, sourceType }: ConnectionRow): string =>
  KINDS[String(config.kind)] ?? SOURCE_NAMES[sourceType] ?? sourceType;

/** Where it leads, in one line. */
function placeOf({ config }: ConnectionRow): string {
  if (typeof config.root === "string") return config.root;
  if (typeof config.bucket === "string") return `s3://${config.bucket}/${config.prefix ?? ""}`;
  return typeof config.base_url === "string" ? config.base_url : "";
}

/** Everything that comes through the connection: pages bring their attachments. */
const typesOf = ({ sourceType }: ConnectionRow): string =>
  [sourceType, ...Object.keys(SERVED_BY).filter((served) => SERVED_BY[served] === sourceType)].join(",");

const SyncNow = ({ row, kind = "" }: { row: ConnectionRow; kind?: string }) => (
  <ActButton action="/sync" fields={{ connection: row.connectionId, source_types: typesOf(row) }} kind={kind}>
    Sync now
  </ActButton>
);

const show = view("/connections/{id}", async (visit) => connectionView(visit, null));

async function connectionView(visit: Visit, tested: ConnectionTest | null): Promise<View> {
  const { sql } = visit.deps;
  const { id, tenantId } = await ownedById(visit, "connection");
  const row = found(await findConnection(sql, tenantId, id), "connection", id);
  const [jobs, names] = await Promise.all([
    listJobs(sql, tenantId, { status: null, limit: JOBS_SEARCHED, position: null }),
    connectionNames(sql, tenantId),
  ]);
  const own = jobs.filter((job) => job.job_type === "sync" && (job.job_payload_json.connection_id ?? id) === id);
  const body = (
    <>
      <Heading title={row.name}>{mayWrite(visit) && <Actions row={row} />}</Heading>
      {tested && <TestResult tested={tested} />}
      <Facts of={[["Kind", kindOf(row)], ["Place", placeOf(row)], ...settingsOf(row)]} />
      <p>
        <a href={`/documents?connection=${id}`}>Documents of this connection</a>
        {mayWrite(visit) && signsIn(row) && (
          <>
            {" · "}
            <a href={`/connections/${id}/credentials`}>Replace its credentials</a>
          </>
        )}
      </p>
      <ScheduleOf visit={visit} tenantId={tenantId} id={id} />
      <section>
        <h2>Latest syncs</h2>
        {own.length > 0 ? (
          <JobTable jobs={own.slice(0, JOBS_SHOWN)} names={names} />
        ) : (
          <Empty>It was not synced lately.</Empty>
        )}
      </section>
      {mayWrite(visit) && (
        <div>
          <ActButton
            action={`/connections/${id}/delete`}
            kind="danger"
            ask={`Delete the connection ${row.name}? Its documents stay.`}
          >
            Delete this connection
          </ActButton>
        </div>
      )}
    </>
  );
  return { title: row.name, section: "connections", body };
}

function Actions({ row }: { row: ConnectionRow }) {
  const path = `/connections/${row.connectionId}`;
  const fields = { connection: row.connectionId, source_types: typesOf(row), force_reindex: "true" };
  return (
    <>
      <ActButton action="/sync" fields={fields} ask="Read and convert every source again, changed or not?">
        Reindex all
      </ActButton>
      <ActButton action={`${path}/test`}>Test</ActButton>
      <SyncNow row={row} kind="primary" />
    </>
  );
}

/** What of its configuration has not been said; secrets never leave the database. */
function settingsOf(row: ConnectionRow): [string, JSX.Element | string][] {
  const said = new Set(["kind", "root", "bucket", "prefix", "base_url"]);
  const rest = Object.entries(row.config).filter(([name]) => !said.has(name));
  return [
    ...rest.map(([name, value]): [string, string] => [labelOf(name), textOf(value)]),
    ["Secrets", row.secrets === null ? "none" : "sealed"],
    ["Changed", <Time at={row.updatedAt} />],
    ["Id", <code>{row.connectionId}</code>],
  ];
}

const textOf = (value: unknown): string =>
  Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : JSON.stringify(value);

const TestResult = ({ tested }: { tested: ConnectionTest }) => (
  <section class={tested.ok ? "notice ok" : "notice bad"} role="status">
    <h2>{tested.ok ? "It works" : "It does not work yet"}</h2>
    <ul class="checks">
      {tested.checks.map((check) => (
        <li>
          <Badge tone={check.ok ? "ok" : "bad"}>{check.ok ? "ok" : "failed"}</Badge> <strong>{check.name}</strong>{" "}
          {check.message} {check.code && <code>{check.code}</code>}
        </li>
      ))}
    </ul>
  </section>
);

const testRoute = apiRoute("post", "/v1/connections/{id}/test");
const test = act("/connections/{id}/test", async (visit) => {
  const answer = await callApi(visit, testRoute);
  return connectionView(visit, (await answer.json()) as ConnectionTest);
});

const removeRoute = apiRoute("delete", "/v1/connections/{id}");
const remove = act("/connections/{id}/delete", async (visit) => {
  await callApi(visit, removeRoute);
  return leadTo(visit, "/connections");
});

const syncRoute = apiRoute("post", "/v1/ingest/sources/sync");
const sync = act("/sync", async (visit) => {
  const form = await readForm(visit.context.req.raw);
  const answer = await callApi(visit, syncRoute, {
    tenant_id: await shownTenant(visit),
    source_types: form.get("source_types")?.split(",") ?? [],
    connection: form.get("connection") ?? undefined,
    force_reindex: form.get("force_reindex") === "true",
    confirm_deletions: form.get("confirm_deletions") === "true",
  });
  const { job_id: jobId } = (await answer.json()) as { job_id: string };
  return leadTo(visit, `/jobs/${jobId}`);
});

// `new` before the ids, which it would be taken for.
export const connectionPages: ConsoleRoute[] = [
  list,
  ...connectionFormPages,
  show,
  test,
  remove,
  sync,
  ...schedulePages,
];
