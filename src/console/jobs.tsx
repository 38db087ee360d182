/** The list of jobs, newest first, and the table of them that the overview shows as well. */
/** @jsxImportSource hono/jsx */
import * as v from "valibot";
import { decodeCursor, NewestKey, pageOf } from "../http/cursor.ts";
import { pageCursor } from "../http/fields.ts";
import { JOB_STATUSES } from "../queue/job.ts";
import { type JobRow, listJobs } from "../store/jobs.ts";
import { count, duration } from "./format.ts";
import { Heading } from "./layout.tsx";
import { connectionNames, nameJob } from "./name_job.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Empty, hrefWith, Num, Pager, Status, Table, Tabs, Time } from "./parts.tsx";
import { Balance } from "./plot.tsx";
import { queryOf, shownTenant } from "./visit.ts";

const PAGE = 50;
/** Unfinished jobs move; finished ones may be joined by new ones. */
const LIVE_MS = { moving: 1500, resting: 5000 };

export const isOpen = (job: JobRow): boolean => job.finished_at === null;

/** How often a page with these jobs is worth another look. */
export const liveMs = (jobs: readonly JobRow[]): number => (jobs.some(isOpen) ? LIVE_MS.moving : LIVE_MS.resting);

export function JobTable({ jobs, names }: { jobs: readonly JobRow[]; names: Map<string, string> }) {
  return (
    <Table
      label="Jobs"
      head={["Job", "Status", <Num>Sources</Num>, <span class="wide">Ledger</span>, "Started", <Num wide>Took</Num>]}
    >
      {jobs.map((job) => (
        <tr>
          <th scope="row" class="main-cell">
            <a href={`/jobs/${job.job_id}`}>{nameJob(job, names)}</a>
            {job.error_code && <span class="sub bad-text">{job.error_message ?? job.error_code}</span>}
          </th>
          <td>
            <Status of={job.job_status} />
          </td>
          <td class="num">{count(job.descriptors_listed)}</td>
          <td class="wide ledger-cell">
            <Balance job={job} small />
          </td>
          <td>
            <Time at={job.created_at} />
          </td>
          <td class="num wide">{tookOf(job)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** From the request to the end, or until now. */
export const tookOf = (job: JobRow): string =>
  duration((job.finished_at?.getTime() ?? Date.now()) - job.created_at.getTime());

const list = view("/jobs", async (visit) => {
  const { sql } = visit.deps;
  const { url } = visit.context.req;
  const query = queryOf(visit, { status: v.optional(v.picklist(JOB_STATUSES)), cursor: pageCursor });
  const tenant = await shownTenant(visit);
  const wanted = {
    status: query.status ?? null,
    limit: PAGE + 1,
    position: decodeCursor(NewestKey, query.cursor),
  };
  const [rows, names] = await Promise.all([listJobs(sql, tenant, wanted), connectionNames(sql, tenant)]);
  const { page, next_cursor } = pageOf(rows, PAGE, (row) => [row.exact_created_at, row.job_id]);
  const body = (
    <>
      <Heading title="Jobs" />
      <Tabs
        label="Status"
        choices={[null, ...JOB_STATUSES].map((status) => ({
          href: hrefWith(url, { status, cursor: null }),
          label: status ?? "all",
          current: status === (query.status ?? null),
        }))}
      />
      <div id="jobs" data-part>
        {page.length > 0 ? (
          <JobTable jobs={page} names={names} />
        ) : (
          <Empty>{query.status ? `No job is ${query.status}.` : "Nothing was synced or uploaded yet."}</Empty>
        )}
      </div>
      <Pager url={url} next={next_cursor} back="Newest" />
    </>
  );
  return { title: "Jobs", section: "jobs", body, live: query.cursor ? undefined : liveMs(page) };
});

export const jobListPages: ConsoleRoute[] = [list];
