/** What a webhook is sent, for the description; worker/webhook_send.ts sends it. */
import * as v from "valibot";
import { count, instant, uuid } from "./fields.ts";

const FinishedJob = v.strictObject({
  job_id: uuid,
  job_type: v.picklist(["sync", "upload"]),
  job_status: v.picklist(["done", "error", "canceled"]),
  connection_id: v.nullable(uuid),
  error_code: v.nullable(v.string()),
  error_message: v.nullable(v.string()),
  requested_by: v.string(),
  correlation_id: v.string(),
  created_at: instant,
  finished_at: instant,
  descriptors_listed: count,
  items_fetched: count,
  items_ingested: count,
  items_skipped_incremental: count,
  items_skipped: count,
  items_failed: count,
  items_canceled: count,
});

export const WebhookMessage = v.pipe(
  v.strictObject({
    event: v.picklist(["job.finished", "webhook.test"]),
    delivery_id: uuid,
    webhook_id: uuid,
    tenant_id: uuid,
    job: v.pipe(v.nullable(FinishedJob), v.description("As it was when it ended; null in webhook.test.")),
  }),
  v.title("WebhookMessage"),
);
