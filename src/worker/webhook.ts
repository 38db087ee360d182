/**
 * Makes the deliveries that are due; a periodic duty that every process may do at once. One that fails is tried again for
 * most of a day, then it is left as failed.
 */
import { AddressGuard } from "../connector/address_guard.ts";
import { messageOf, SluiceError } from "../errors.ts";
import { meter } from "../metrics_meter.ts";
import type { IngestContext } from "../pipeline/context.ts";
import { type Attempted, type ClaimedDelivery, claimDeliveries, settleDelivery } from "../store/webhook_deliveries.ts";
import { openWebhookSecret } from "../store/webhooks.ts";
import { type Sent, sendMessage } from "./webhook_send.ts";

/** Deliveries under way at once. */
const AT_ONCE = 20;
/** Well above what an attempt may take. */
const LEASE_SECONDS = 60;
/** Seconds to wait after the first attempt, the second, …; there is one attempt more than waits. */
const WAITS = [10, 60, 300, 1800, 7200, 21_600, 43_200];
/** Waits differ by so much, so that deliveries that failed together do not come back together. */
const SPREAD = 0.2;

type Context = Pick<IngestContext, "sql" | "config" | "log">;

/** Ends when nothing is due any more, or with `signal`, which also cuts off what is under way. */
export async function deliverWebhooks(context: Context, signal: AbortSignal): Promise<void> {
  const guard = new AddressGuard(context.config.webhooks.allowPrivateNetwork);
  while (!signal.aborted) {
    const claimed = await claimDeliveries(context.sql, { limit: AT_ONCE, leaseSeconds: LEASE_SECONDS });
    if (claimed.length === 0) return;
    await Promise.all(claimed.map((delivery) => deliver(delivery, context, guard, signal)));
  }
}

async function deliver(
  delivery: ClaimedDelivery,
  { sql, config, log }: Context,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<void> {
  const { tenant_id, webhook_id, delivery_id, attempt, job } = delivery;
  const sent = await send().catch((error: unknown): Sent | null => {
    if (signal.aborted) return null;
    if (!(error instanceof SluiceError)) throw error;
    return { ok: false, status: null, code: error.code, message: messageOf(error), ms: 0 };
  });
  // Cut off by a shutdown: whether it arrived is not known, so it is made again, at once.
  const attempted: Attempted = sent
    ? { ...sent, retryMs: sent.ok ? null : waitAfter(attempt, sent) }
    : { ok: false, status: null, code: null, message: null, retryMs: 0 };
  await settleDelivery(sql, delivery, attempted);
  const result = attempted.ok ? "delivered" : attempted.retryMs === null ? "failed" : "retry";
  meter.count("sluice_webhook_attempts_total", 1, result, attempted.code ?? "");
  const line = { tenant_id, webhook_id, delivery_id, job_id: job.job_id, attempt, status: attempted.status };
  if (attempted.ok) log.info({ ...line, ms: sent?.ms }, "webhook delivered");
  else if (sent)
    log.warn({ ...line, code: sent.code, err_message: sent.message, retry_ms: attempted.retryMs }, "webhook failed");

  async function send(): Promise<Sent> {
    const secret = openWebhookSecret(config.secretKey, webhook_id, delivery.secret);
    const message = { event: "job.finished", delivery_id, webhook_id, tenant_id, job } as const;
    return sendMessage({ url: delivery.url, secret }, message, guard, signal);
  }
}

/** Milliseconds until the next attempt; null when there is none. A private address stays one. */
function waitAfter(attempt: number, { code }: Sent): number | null {
  const seconds = WAITS[attempt - 1];
  if (seconds === undefined || code === "webhook.address_refused") return null;
  return Math.round(seconds * 1000 * (1 + SPREAD * (2 * Math.random() - 1)));
}
