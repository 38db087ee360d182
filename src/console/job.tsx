/**
 * One job while it runs and after: its ledger, what each connection's listing came to, its items, and what can be done.
 */
/** @jsxImportSource hono/jsx */
import type { JSX } from "hono/jsx/jsx-runtime";
import * as v from "valibot";
import { decodeCursor, NumberKey, pageOf } from "../http/cursor.ts";
import { pageCursor } from "../http/fields.ts";
import { helpFor } from "../http/job_routes.ts";
import { found } from "../http/tenancy.ts";
import type { ConnectionSummary } from "../pipeline/sync.ts";
import { ITEM_STATUSES, type ItemStatus } from "../queue/job.ts";
import { findJob, type ItemRow, type JobRow, listItems } from "../store/jobs.ts";
import { apiRoute, callApi } from "./act.ts";
import { count, plural } from "./format.ts";
import { isOpen, liveMs, tookOf } from "./jobs.tsx";
import { Heading } from "./layout.tsx";
import { connectionNames, nameJob } from "./name_job.tsx";
import { act, type ConsoleRoute, leadTo, view } from "./page.ts";
import { ActButton, Empty, Facts, hrefWith, Num, Pager, Status, Table, Tabs, Time } from "./parts.tsx";
import { Balance } from "./plot.tsx";
import { mayWrite, ownedById, queryOf, type Visit } from "./visit.ts";

const PAGE = 50;

const show = view("/jobs/{id}", async (visit) => {
  const { sql } = visit.deps;
  const { url } = visit.context.req;
  const { id: jobId, tenantId } = await ownedById(visit, "job");
  const query = queryOf(visit, { status: v.optional(v.picklist([...ITEM_STATUSES, "all"])), cursor: pageCursor });
  const after = decodeCursor(NumberKey, query.cursor)?.[0] ?? null;
  const job = found(await findJob(sql, tenantId, jobId), "job", jobId);
  // Whoever comes because something failed sees that first.
  const status = query.status ?? (job.items_failed > 0 ? "failed" : "all");
  const wanted = { status: status === "all" ? null : status, limit: PAGE + 1, after };
  const [rows, names] = await Promise.all([
    listItems(sql, { tenantId, jobId }, wanted),
    connectionNames(sql, tenantId),
  ]);
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.item_id]);
  const title = nameJob(job, names);
  const body = (
    <>
      <div id="head" data-part>
        <Heading title={title} badge={<Status of={job.job_status} />}>
          {mayWrite(visit) && <Actions job={job} />}
        </Heading>
      </div>
      {/* A part of its own: a status is spoken when its text changes, not when another element takes its place. */}
      <p id="state" data-part class="lead" role="status">
        {sentence(job)}
      </p>
      <div id="facts" data-part>
        <Balance job={job} />
        {job.error_code && <Fault job={job} />}
        <JobFacts job={job} />
        <Connections of={connectionsOf(job)} job={job} visit={visit} />
      </div>
      <section aria-labelledby="items">
        <h2 id="items">Items</h2>
        <div id="item-tabs" data-part>
          <ItemTabs url={url} job={job} status={status} />
        </div>
        <div id="item-list" data-part>
          <Items rows={page} status={status} unchanged={job.items_skipped_incremental} />
        </div>
        <Pager url={url} next={next_cursor} />
      </section>
    </>
  );
  return { title, section: "jobs", body, live: isOpen(job) ? liveMs([job]) / 2 : undefined };
});

/** Where the job is, for the ear as well. */
function sentence(job: JobRow): string {
  if (job.job_status === "queued") return "Waits for a worker.";
  if (!isOpen(job)) return `Ended after ${tookOf(job)}.`;
  if (job.cancel_requested_at) return "Is being canceled: what runs may finish its step.";
  const closed = job.descriptors_listed - job.items_open;
  if (job.listing === "pending")
    return `Listing: ${plural(job.descriptors_listed, "source")} so far, ${count(closed)} of them done.`;
  if (job.items_open > 0) return `${count(closed)} of ${plural(job.descriptors_listed, "source")} done.`;
  return `All sources are done; ${plural(job.vectors_pending, "vector")} to come.`;
}

function Actions({ job }: { job: JobRow }) {
  const path = `/jobs/${job.job_id}`;
  if (isOpen(job))
    return job.cancel_requested_at ? null : (
      <ActButton action={`${path}/cancel`} kind="danger" ask="Cancel this job? What is ingested already stays.">
        Cancel
      </ActButton>
    );
  if (job.job_status !== "error" || job.items_failed === 0) return null;
  return (
    <ActButton action={`${path}/retry`} kind="primary">
      Retry {plural(job.items_failed, "failed item")}
    </ActButton>
  );
}

const Fault = ({ job }: { job: JobRow }) => (
  <div class="notice bad">
    <p>
      <strong>{job.error_message}</strong> {helpFor(job.error_code)}
    </p>
    <p class="muted">
      <code>{job.error_code}</code>
    </p>
  </div>
);

const JobFacts = ({ job }: { job: JobRow }) => (
  <Facts
    of={[
      ["Requested", <Time at={job.created_at} />],
      ["By", job.requested_by.replace(/ \(token .*\)$/, "")],
      ["Started", job.started_at && <Time at={job.started_at} />],
      ["Ended", job.finished_at && <Time at={job.finished_at} />],
      ["Listing", job.job_type === "sync" ? job.listing : null],
      ["Fetched", count(job.items_fetched)],
      ["Chunks", count(job.chunks)],
      ["Links", count(job.links)],
      ["Vectors computed", count(job.vectors_embedded)],
      ["Vectors reused", count(job.vectors_reused)],
      ["Vectors pending", count(job.vectors_pending)],
      ["Correlation id", <code>{job.correlation_id}</code>],
    ]}
  />
);

const connectionsOf = (job: JobRow): ConnectionSummary[] =>
  Array.isArray(job.result_json?.connections) ? (job.result_json.connections as ConnectionSummary[]) : [];

function Connections({ of, job, visit }: { of: ConnectionSummary[]; job: JobRow; visit: Visit }) {
  if (of.length === 0) return null;
  return (
    <section>
      <h2>Listing</h2>
      <Table
        label="Listing"
        head={[
          "Connection",
          "Complete",
          ...["Listed", "Ignored", "Hidden", "Purged", "Restored"].map((name) => <Num>{name}</Num>),
        ]}
      >
        {of.map((one) => (
          <tr>
            <th scope="row" class="main-cell">
              <a href={`/connections/${one.connection_id}`}>{one.name}</a>
              {one.reason && <span class="sub">{one.reason}</span>}
              {one.deletion_stopped && <Stopped summary={one} job={job} visit={visit} />}
            </th>
            <td>{one.listing_complete ? "yes" : "no"}</td>
            <td class="num">{count(one.descriptors_listed)}</td>
            <td class="num">{count(one.ignored)}</td>
            <td class="num">{count(one.hidden)}</td>
            <td class="num">{count(one.purged)}</td>
            <td class="num">{count(one.restored)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** So many sources were missing that nobody but a person may believe it. */
function Stopped({ summary, job, visit }: { summary: ConnectionSummary; job: JobRow; visit: Visit }) {
  const types = job.job_payload_json.source_types;
  return (
    <div class="notice warn">
      <p>{summary.deletion_stopped?.help}</p>
      {mayWrite(visit) && Array.isArray(types) && !isOpen(job) && (
        <ActButton
          action="/sync"
          fields={{ connection: summary.connection_id, source_types: types.join(","), confirm_deletions: "true" }}
          ask="Sync again and delete what is missing?"
        >
          Sync and confirm deletions
        </ActButton>
      )}
    </div>
  );
}

/** Statuses that have items, and the one that is chosen. */
function ItemTabs({ url, job, status }: { url: string; job: JobRow; status: ItemStatus | "all" }) {
  const held: Partial<Record<ItemStatus, number>> = {
    failed: job.items_failed,
    skipped: job.items_skipped,
    ingested: job.items_ingested,
    canceled: job.items_canceled,
  };
  const shown = (["failed", "skipped", "ingested", "canceled", "running", "queued"] as const).filter(
    (one) => one === status || (held[one] ?? (isOpen(job) ? 1 : 0)) > 0,
  );
  return (
    <Tabs
      label="Items by status"
      choices={(["all", ...shown] as const).map((one) => ({
        href: hrefWith(url, { status: one, cursor: null }),
        label: one in held ? `${one} ${count(held[one as ItemStatus] ?? 0)}` : one,
        current: one === status,
      }))}
    />
  );
}

function Items({ rows, status, unchanged }: { rows: ItemRow[]; status: string; unchanged: number }): JSX.Element {
  if (rows.length === 0 && unchanged > 0 && status === "all")
    return <Empty>{plural(unchanged, "source was", "sources were")} unchanged, and none needed work.</Empty>;
  if (rows.length === 0) return <Empty>{status === "all" ? "No items yet." : `No item is ${status}.`}</Empty>;
  return (
    <Table
      label="Items"
      head={["Source", "Status", "What happened", <Num>Chunks</Num>, <span class="wide">Ended</span>]}
    >
      {rows.map((item) => (
        <tr>
          <th scope="row" class="main-cell">
            {item.document_id ? <a href={`/documents/${item.document_id}`}>{nameOf(item)}</a> : nameOf(item)}
            <span class="sub">{item.external_ref}</span>
          </th>
          <td>
            <Status of={item.item_status} />
          </td>
          <td>
            <Outcome item={item} />
          </td>
          <td class="num">{item.chunks > 0 ? count(item.chunks) : ""}</td>
          <td class="wide">{item.finished_at && <Time at={item.finished_at} />}</td>
        </tr>
      ))}
    </Table>
  );
}

const nameOf = (item: ItemRow): string => item.name ?? item.external_ref;

const Outcome = ({ item }: { item: ItemRow }) => (
  <>
    {item.error_code && (
      <>
        <code>{item.error_code}</code> {item.error_message}
        <span class="sub">{helpFor(item.error_code)}</span>
      </>
    )}
    {item.attempt > 1 && <span class="sub">attempt {item.attempt}</span>}
    {item.warnings?.map((warning) => (
      <span class="sub">
        {warning.message}
        {(warning.count ?? 1) > 1 && ` (${count(warning.count ?? 1)} times)`}
      </span>
    ))}
  </>
);

const backToJob = (visit: Visit): Response => leadTo(visit, `/jobs/${visit.context.req.param("id")}`);

const cancelRoute = apiRoute("post", "/v1/jobs/{id}/cancel");
const cancel = act("/jobs/{id}/cancel", async (visit) => {
  await callApi(visit, cancelRoute);
  return backToJob(visit);
});

const retryRoute = apiRoute("post", "/v1/jobs/{id}/retry");
const retry = act("/jobs/{id}/retry", async (visit) => {
  await callApi(visit, retryRoute);
  return backToJob(visit);
});

export const jobPages: ConsoleRoute[] = [show, cancel, retry];
