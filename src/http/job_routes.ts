/** Jobs over HTTP: look at them and their items, cancel them, retry what failed. */
import * as v from "valibot";
import { CODES, InputError } from "../errors.ts";
import { closeAndSummarise } from "../pipeline/close.ts";
import { requestCancel } from "../queue/cancel.ts";
import { ITEM_STATUSES, JOB_STATUSES } from "../queue/job.ts";
import { retryFailed } from "../queue/retry_failed.ts";
import { findJob, type ItemRow, type JobRow, listItems, listJobs } from "../store/jobs.ts";
import { decodeCursor, NewestKey, NumberKey, pageOf } from "./cursor.ts";
import { count, instant, jsonObject, nextCursor, pageCursor, pageLimit, tenantFilter, uuid } from "./fields.ts";
import { jsonRoute } from "./route.ts";
import { found, tenantNamed, tenantOwning } from "./tenancy.ts";

const Job = v.pipe(
  v.strictObject({
    job_id: uuid,
    tenant_id: uuid,
    job_type: v.picklist(["sync", "upload"]),
    job_status: v.picklist(JOB_STATUSES),
    job_payload_json: jsonObject,
    result_json: v.nullable(jsonObject),
    error_code: v.nullable(v.string()),
    error_message: v.nullable(v.string()),
    help: v.nullable(v.string()),
    attempt: count,
    requested_by: v.string(),
    correlation_id: v.string(),
    cancel_requested_at: v.nullable(instant),
    created_at: instant,
    started_at: v.nullable(instant),
    finished_at: v.nullable(instant),
    listing: v.picklist(["pending", "complete", "incomplete"]),
    descriptors_listed: count,
    items_fetched: count,
    items_skipped_incremental: count,
    items_skipped: count,
    items_ingested: count,
    items_failed: count,
    items_canceled: count,
    items_open: count,
    chunks: count,
    vectors_embedded: count,
    vectors_reused: count,
    vectors_pending: count,
    links: count,
  }),
  v.title("Job"),
);

const Item = v.pipe(
  v.strictObject({
    item_id: v.pipe(v.string(), v.digits()),
    source_id: uuid,
    source_type: v.string(),
    external_ref: v.string(),
    name: v.nullable(v.string()),
    item_status: v.picklist(ITEM_STATUSES),
    attempt: count,
    error_code: v.nullable(v.string()),
    error_message: v.nullable(v.string()),
    help: v.nullable(v.string()),
    warnings: v.array(v.strictObject({ code: v.string(), message: v.string(), count: v.optional(count) })),
    document_id: v.nullable(uuid),
    source_version_id: v.nullable(uuid),
    chunks: count,
    created_at: instant,
    available_at: instant,
    finished_at: v.nullable(instant),
  }),
  v.title("Item"),
);

/** The way out of an error, when its code is one of the product's. */
export const helpFor = (code: string | null): string | null =>
  code !== null && code in CODES ? CODES[code as keyof typeof CODES].help : null;

const jobAnswer = (row: JobRow): v.InferInput<typeof Job> => ({ ...row, help: helpFor(row.error_code) });
const itemAnswer = (row: ItemRow): v.InferInput<typeof Item> => ({
  ...row,
  warnings: row.warnings ?? [],
  help: helpFor(row.error_code),
});

const id = { id: uuid };
const tag = "Jobs";

const list = jsonRoute({
  method: "get",
  path: "/v1/jobs",
  summary: "List jobs, newest first",
  tag,
  access: "read",
  query: {
    tenant_id: tenantFilter,
    status: v.optional(v.picklist(JOB_STATUSES, `must be one of ${JOB_STATUSES.join(", ")}`)),
    limit: pageLimit(50, 500),
    cursor: pageCursor,
  },
  answer: v.strictObject({ jobs: v.array(Job), next_cursor: nextCursor }),
  async handle(call) {
    const { status, limit, cursor } = call.query;
    const position = decodeCursor(NewestKey, cursor);
    const tenant = await tenantNamed(call, call.query.tenant_id);
    const rows = await listJobs(call.deps.sql, tenant, { status: status ?? null, limit: limit + 1, position });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.exact_created_at, row.job_id]);
    return { jobs: page.map(({ exact_created_at: _, ...row }) => jobAnswer(row)), next_cursor };
  },
});

const get = jsonRoute({
  method: "get",
  path: "/v1/jobs/{id}",
  summary: "Get a job with its counters",
  tag,
  access: "read",
  params: id,
  answer: Job,
  async handle(call) {
    const tenant = await tenantOwning(call, "job", call.params.id);
    return jobAnswer(found(await findJob(call.deps.sql, tenant, call.params.id), "job", call.params.id));
  },
});

const items = jsonRoute({
  method: "get",
  path: "/v1/jobs/{id}/items",
  summary: "List the items of a job",
  tag,
  access: "read",
  params: id,
  query: {
    status: v.optional(v.picklist(ITEM_STATUSES, `must be one of ${ITEM_STATUSES.join(", ")}`)),
    limit: pageLimit(100, 1000),
    cursor: pageCursor,
  },
  answer: v.strictObject({ items: v.array(Item), next_cursor: nextCursor }),
  async handle(call) {
    const { sql } = call.deps;
    const jobId = call.params.id;
    const { status, limit, cursor } = call.query;
    const after = decodeCursor(NumberKey, cursor)?.[0] ?? null;
    const tenantId = await tenantOwning(call, "job", jobId);
    found(await findJob(sql, tenantId, jobId), "job", jobId);
    const rows = await listItems(sql, { tenantId, jobId }, { status: status ?? null, limit: limit + 1, after });
    const { page, next_cursor } = pageOf(rows, limit, (row) => [row.item_id]);
    return { items: page.map(itemAnswer), next_cursor };
  },
});

const cancel = jsonRoute({
  method: "post",
  path: "/v1/jobs/{id}/cancel",
  summary: "Cancel a job",
  tag,
  access: "write",
  errors: ["job.finished"],
  params: id,
  status: 202,
  answer: Job,
  async handle(call) {
    const { sql, wake, config } = call.deps;
    const jobId = call.params.id;
    const tenantId = await tenantOwning(call, "job", jobId);
    found(await findJob(sql, tenantId, jobId), "job", jobId);
    if (!(await requestCancel(sql, tenantId, jobId)))
      throw new InputError("job.finished", `The job ${jobId} is finished`);
    // Where nothing runs any more there is nobody left who would close it.
    await closeAndSummarise({ sql, config, log: call.log }, { tenantId, jobId });
    wake.ring();
    return jobAnswer(found(await findJob(sql, tenantId, jobId), "job", jobId));
  },
});

const retry = jsonRoute({
  method: "post",
  path: "/v1/jobs/{id}/retry",
  summary: "Retry the failed items of a finished job",
  tag,
  access: "write",
  errors: ["job.nothing_to_retry"],
  params: id,
  status: 202,
  answer: v.strictObject({ job_id: uuid, job_status: v.picklist(JOB_STATUSES), items_retried: count }),
  async handle(call) {
    const { sql, wake } = call.deps;
    const jobId = call.params.id;
    const tenantId = await tenantOwning(call, "job", jobId);
    found(await findJob(sql, tenantId, jobId), "job", jobId);
    const again = await retryFailed(sql, tenantId, jobId);
    if (again === null)
      throw new InputError("job.nothing_to_retry", `The job ${jobId} is not finished or has no failed item`);
    wake.ring();
    return { job_id: jobId, job_status: "processing" as const, items_retried: again };
  },
});

export const jobRoutes = [list, get, items, cancel, retry];
