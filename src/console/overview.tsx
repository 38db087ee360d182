/** The first page: what the tenant holds, what is going on, what went wrong. */
/** @jsxImportSource hono/jsx */
import { helpFor } from "../http/job_routes.ts";
import { type JobRow, listJobs } from "../store/jobs.ts";
import {
  type Failures,
  failuresOfDay,
  type Holdings,
  holdings,
  jobCounts,
  lastHour,
  type Minute,
} from "../store/overview.ts";
import { count, plural } from "./format.ts";
import { isOpen, JobTable, liveMs } from "./jobs.tsx";
import { Heading } from "./layout.tsx";
import { connectionNames } from "./name_job.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Num, Table } from "./parts.tsx";
import { MinutePlot } from "./plot.tsx";
import { mayWrite, shownTenant } from "./visit.ts";

const JOBS = 10;

const overview = view("/", async (visit) => {
  const { sql } = visit.deps;
  const tenant = await shownTenant(visit);
  const [held, minutes, jobs, counts, failures, names] = await Promise.all([
    holdings(sql, tenant),
    lastHour(sql, tenant),
    listJobs(sql, tenant, { status: null, limit: JOBS, position: null }),
    jobCounts(sql, tenant),
    failuresOfDay(sql, tenant),
    connectionNames(sql, tenant),
  ]);
  const unfinished = (counts.queued ?? 0) + (counts.processing ?? 0) + (counts.retrying ?? 0);
  const empty = jobs.length === 0 && held.documents === 0;
  const body = (
    <>
      <Heading title="Overview">
        {mayWrite(visit) && (
          <a class="button" href="/upload">
            Upload files
          </a>
        )}
      </Heading>
      {empty && <FirstSteps />}
      <div id="figures" data-part>
        <Figures held={held} minutes={minutes} unfinished={unfinished} failedJobs={counts.error ?? 0} />
        <div class="plots">
          <MinutePlot label="Documents" values={minutes.map((m) => m.ingested)} tone="ok" />
          <MinutePlot label="Chunks" values={minutes.map((m) => m.chunks)} tone="ok" />
          <MinutePlot label="Failures" values={minutes.map((m) => m.failed)} tone="bad" />
        </div>
      </div>
      <div id="trouble" data-part>
        {failures.length > 0 && <Trouble failures={failures} />}
      </div>
      <div id="jobs" data-part>
        {jobs.length > 0 && <Jobs jobs={jobs} names={names} />}
      </div>
    </>
  );
  return { title: "Overview", section: "overview", body, live: liveMs(jobs) };
});

interface FiguresProps {
  held: Holdings;
  minutes: Minute[];
  unfinished: number;
  failedJobs: number;
}

function Figures({ held, minutes, unfinished, failedJobs }: FiguresProps) {
  const failed = minutes.reduce((sum, minute) => sum + minute.failed, 0);
  const ended = minutes.reduce((sum, minute) => sum + minute.failed + minute.ingested + minute.other, 0);
  const rate = ended > 0 ? `${((failed / ended) * 100).toFixed(failed > 0 && failed < ended / 10 ? 1 : 0)} %` : "–";
  const hidden = held.sources_hidden > 0 ? `${count(held.sources_hidden)} hidden` : "none hidden";
  return (
    <dl class="figures">
      <Figure label="Sources" value={count(held.sources)} note={hidden} />
      <Figure label="Documents" value={count(held.documents)} note="searchable" href="/documents" />
      <Figure label="Chunks" value={count(held.chunks)} note="in the index" />
      <Figure
        label="Vectors pending"
        value={count(held.vectors_pending)}
        note={held.vectors_pending > 0 ? "found by words until then" : "all embedded"}
        tone={held.vectors_pending > 0 ? "warn" : ""}
      />
      <Figure
        label="Jobs running"
        value={count(unfinished)}
        note={failedJobs > 0 ? `${count(failedJobs)} with errors today` : "no errors today"}
        href={failedJobs > 0 ? "/jobs?status=error" : "/jobs"}
      />
      <Figure
        label="Error rate"
        value={rate}
        note={`${count(failed)} of ${plural(ended, "item")}, last hour`}
        tone={failed > 0 ? "bad" : ""}
      />
    </dl>
  );
}

interface FigureProps {
  label: string;
  value: string;
  note: string;
  tone?: string;
  href?: string;
}

const Figure = ({ label, value, note, tone = "", href }: FigureProps) => (
  <div class={tone}>
    <dt>{href ? <a href={href}>{label}</a> : label}</dt>
    <dd>
      <strong>{value}</strong>
      <span class="muted">{note}</span>
    </dd>
  </div>
);

const Trouble = ({ failures }: { failures: Failures[] }) => (
  <section>
    <h2>What failed in the last day</h2>
    <Table label="What failed in the last day" head={["Reason", <Num>Sources</Num>, "For example"]}>
      {failures.map(({ error_code: code, items, job_id: jobId, example }) => (
        <tr>
          <th scope="row" class="main-cell">
            <code>{code}</code>
            <span class="sub">{helpFor(code)}</span>
          </th>
          <td class="num">{count(items)}</td>
          <td>
            <a href={`/jobs/${jobId}?status=failed`}>{example}</a>
          </td>
        </tr>
      ))}
    </Table>
  </section>
);

const Jobs = ({ jobs, names }: { jobs: JobRow[]; names: Map<string, string> }) => (
  <section>
    <h2>{jobs.some(isOpen) ? "Now and before" : "Latest jobs"}</h2>
    <JobTable jobs={jobs} names={names} />
  </section>
);

const FirstSteps = () => (
  <section class="notice">
    <h2>Nothing is indexed yet</h2>
    <p>
      <a href="/upload">Upload files</a>, or drop them anywhere on this page. For a folder, an S3 prefix or a Confluence
      site, <a href="/connections">add a connection</a> and sync it.
    </p>
  </section>
);

export const overviewPages: ConsoleRoute[] = [overview];
