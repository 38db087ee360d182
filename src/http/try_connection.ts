/**
 * Tries a connection for the person who sets it up. What is wrong with it is the answer and not an error of the request,
 * so that one look shows how far it got. A connector without a test of its own is asked for the start of its list.
 */
import type { ConnectionCheck, ConnectionTest, Connector } from "../connector/connector.ts";
import { SluiceError } from "../errors.ts";

/** A person waits for it. */
const DEADLINE_MS = 30_000;
const PAGE_SIZE = 20;

/** Stops after 30 s or with `caller`; throws only what is a bug, or the caller's reason. */
export async function tryConnection(
  open: () => Promise<Connector>,
  caller: AbortSignal,
  deadlineMs = DEADLINE_MS,
): Promise<ConnectionTest> {
  const late = AbortSignal.timeout(deadlineMs);
  const signal = AbortSignal.any([caller, late]);
  const failed = (name: string, error: unknown): ConnectionTest => {
    caller.throwIfAborted();
    const check: Pick<ConnectionCheck, "message" | "code"> = late.aborted
      ? { message: `no answer within ${deadlineMs / 1000} s`, code: "connector.unavailable" }
      : described(error);
    return { ok: false, checks: [{ name, ok: false, ...check }] };
  };
  let connector: Connector;
  try {
    connector = await open();
  } catch (error) {
    return failed("configuration", error);
  }
  try {
    return connector.test ? await connector.test(signal) : await tryList(connector, signal);
  } catch (error) {
    return failed("list", error);
  } finally {
    await connector.close?.();
  }
}

function described(error: unknown): { message: string; code: string } {
  if (!(error instanceof SluiceError)) throw error;
  return { message: error.message, code: error.code };
}

async function tryList(connector: Connector, signal: AbortSignal): Promise<ConnectionTest> {
  let message = "can be listed, but is empty";
  for await (const page of connector.list({ signal, pageSize: PAGE_SIZE }).pages) {
    message = `can be listed; at its start: ${page.descriptors.length} to read, ${page.ignored} left out, ${page.failures.length} unreadable`;
    break;
  }
  return { ok: true, checks: [{ name: "list", ok: true, message }] };
}
