/**
 * Tells a receiver of something: one signed POST. The signature covers the time and the body, so that a message can
 * neither be forged nor be repeated later. What the receiver answers beside its status is not looked at: whoever sets up a
 * webhook must not read other servers through it.
 */
import { createHmac } from "node:crypto";
import type { AddressGuard } from "../connector/address_guard.ts";
import { type ErrorCode, messageOf, SluiceError } from "../errors.ts";
import { VERSION } from "../version.ts";

/** From the connection to the status of the answer. */
const DEADLINE_MS = 10_000;

/** A message as its receiver reads it. `delivery_id` is the same at every attempt, for who must not act twice. */
export interface Message {
  event: "job.finished" | "webhook.test";
  delivery_id: string;
  webhook_id: string;
  tenant_id: string;
  /** How the job ended; null in a test. */
  job: Record<string, unknown> | null;
}

/** Whether the receiver took it. */
export interface Sent {
  ok: boolean;
  /** Null without an answer. */
  status: number | null;
  code: ErrorCode | null;
  message: string | null;
  ms: number;
}

/** Never rejects but for the caller's own `signal`. */
export async function sendMessage(
  receiver: { url: string; secret: string },
  message: Message,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<Sent> {
  const body = JSON.stringify(message);
  const late = AbortSignal.timeout(DEADLINE_MS);
  const startedAt = performance.now();
  const sent = (status: number | null, code: ErrorCode | null, text: string | null): Sent => ({
    ok: code === null,
    status,
    code,
    message: text,
    ms: Math.round(performance.now() - startedAt),
  });
  try {
    const answer = await guard.fetch(new URL(receiver.url), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": `Sluice/${VERSION.version}`,
        "sluice-event": message.event,
        "sluice-delivery": message.delivery_id,
        "sluice-signature": signatureOf(receiver.secret, body, Math.floor(Date.now() / 1000)),
      },
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, late]),
    });
    await answer.body?.cancel().catch(() => {});
    if (answer.ok) return sent(answer.status, null, null);
    return sent(answer.status, "webhook.refused", `the receiver answered with status ${answer.status}`);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return sent(null, "webhook.unreachable", `no answer within ${DEADLINE_MS / 1000} s`);
    if (!(error instanceof SluiceError)) return sent(null, "webhook.unreachable", messageOf(error));
    const refused = error.code === "connector.address_refused";
    return sent(null, refused ? "webhook.address_refused" : "webhook.unreachable", error.message);
  }
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 under the webhook's secret over `SECONDS.BODY`. */
export function signatureOf(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")}`;
}
