/** `sluice webhook`: who is told when a job ends, and what became of telling them. */
import { type Context, idOf, withApi } from "./connection.ts";
import { allPages } from "./pages.ts";
import { EXIT, print, printJson, table } from "./terminal.ts";

interface WebhookAnswer {
  webhook_id: string;
  connection_id: string | null;
  url: string;
  deliveries: { pending: number; delivered: number; failed: number };
}

interface DeliveryAnswer {
  delivery_status: string;
  job_id: string;
  attempt: number;
  error_message: string | null;
  created_at: string;
  next_attempt_at: string | null;
}

/** Prints the id and the secret, which nobody can ask for again. */
export const webhookCreate = (
  url: string,
  options: { connection?: string; json: boolean },
  ...context: Context
): Promise<number> =>
  withApi(context, async (api) => {
    const created = await api.call<WebhookAnswer & { secret: string }>("POST", "/v1/webhooks", {
      tenant_id: api.tenantId,
      url,
      connection_id: options.connection === undefined ? undefined : await idOf(api, options.connection),
    });
    if (options.json) printJson(created);
    else print(`${created.webhook_id}\n${created.secret}\nKeep the secret: it is shown only once.`);
    return EXIT.ok;
  });

/** Prints the tenant's webhooks, newest first. */
export const webhookList = (options: { json: boolean }, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const webhooks = await allPages<WebhookAnswer>(api, "/v1/webhooks", "webhooks");
    if (options.json) printJson({ webhooks });
    else if (webhooks.length === 0) print(`No webhooks in tenant ${context[0].tenant}.`);
    else print(table([["WEBHOOK", "CONNECTION", "PENDING", "DELIVERED", "FAILED", "URL"], ...webhooks.map(row)]));
    return EXIT.ok;
  });

const row = ({ webhook_id, connection_id, deliveries, url }: WebhookAnswer): string[] => [
  webhook_id,
  connection_id ?? "all",
  ...[deliveries.pending, deliveries.delivered, deliveries.failed].map(String),
  url,
];

/** Sends a test message; fails when the receiver does not take it. */
export const webhookTest = (id: string, options: { json: boolean }, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const sent = await api.call<{ ok: boolean; status: number | null; message: string | null; ms: number }>(
      "POST",
      `/v1/webhooks/${encodeURIComponent(id)}/test`,
    );
    if (options.json) printJson(sent);
    else print(sent.ok ? `Taken with status ${sent.status} in ${sent.ms} ms.` : `FAILED: ${sent.message}`);
    return sent.ok ? EXIT.ok : EXIT.failed;
  });

/** Prints what a webhook was told, newest first. */
export const webhookDeliveries = (
  id: string,
  options: { status?: string; limit: number; json: boolean },
  ...context: Context
): Promise<number> =>
  withApi(context, async (api) => {
    const wanted = new URLSearchParams({ limit: String(options.limit), status: options.status ?? "" });
    const page = await api.call<{ deliveries: DeliveryAnswer[] }>(
      "GET",
      `/v1/webhooks/${encodeURIComponent(id)}/deliveries?${wanted}`,
    );
    if (options.json) printJson(page);
    else if (page.deliveries.length === 0) print("No deliveries.");
    else
      print(
        table([
          ["STATUS", "JOB", "JOB ENDED", "ATTEMPTS", "NEXT ATTEMPT", "REASON"],
          ...page.deliveries.map((one) => [
            one.delivery_status,
            one.job_id,
            secondOf(one.created_at),
            String(one.attempt),
            one.next_attempt_at === null ? "-" : secondOf(one.next_attempt_at),
            one.error_message ?? "",
          ]),
        ]),
      );
    return EXIT.ok;
  });

/** Deletes a webhook with its deliveries. */
export const webhookDelete = (id: string, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    await api.call("DELETE", `/v1/webhooks/${encodeURIComponent(id)}`);
    print(`Deleted ${id}.`);
    return EXIT.ok;
  });

const secondOf = (instant: string): string => `${instant.slice(0, 19).replace("T", " ")} UTC`;
