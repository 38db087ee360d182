/**
 * Slows down whoever tries tokens. An address that has sent too many unknown tokens gets no further look at others for
 * the rest of a minute; tokens that this process has seen to be good are still looked up, so that nobody can shut out
 * those who share an address with them (a proxy, a whole office). What is remembered is bounded.
 */
import { hash } from "node:crypto";
import { isIPv6 } from "node:net";
import { SnoozeError } from "../errors.ts";

/** Unknown tokens that an address may send within a window. */
const FAILURES_MAX = 20;
const WINDOW_MS = 60_000;
/** Addresses, and good tokens, that are remembered; the oldest are forgotten first. */
const KEPT_MAX = 10_000;

interface Failures {
  count: number;
  /** Milliseconds since the epoch. */
  until: number;
}

export class Guesses {
  private readonly failures = new Map<string, Failures>();
  /** Hashes: a copy of this process's memory gives no token away. */
  private readonly good = new Set<string>();

  /** Throws SnoozeError `auth.too_many_guesses`; without an address (a call inside of the process) nothing is refused. */
  check(address: string | undefined, token: string): void {
    const found = address === undefined ? undefined : this.failures.get(networkOf(address));
    if (!found || found.count < FAILURES_MAX || found.until <= Date.now() || this.good.has(hashOf(token))) return;
    throw new SnoozeError(
      "auth.too_many_guesses",
      "Too many unknown tokens came from this address",
      new Date(found.until),
    );
  }

  failed(address: string | undefined): void {
    if (address === undefined) return;
    const key = networkOf(address);
    const found = this.failures.get(key);
    if (found && found.until > Date.now()) {
      found.count++;
      return;
    }
    this.failures.delete(key);
    this.failures.set(key, { count: 1, until: Date.now() + WINDOW_MS });
    forgetOldest(this.failures);
  }

  succeeded(token: string): void {
    const key = hashOf(token);
    this.good.delete(key);
    this.good.add(key);
    forgetOldest(this.good);
  }
}

function forgetOldest(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size <= KEPT_MAX) return;
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}

const hashOf = (token: string): string => hash("sha256", token, "base64");

/** An IPv6 client owns a /64, so that is what counts as its address; an IPv4 address in IPv6 clothes counts as itself. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!isIPv6(address)) return address;
  const [head = "", tail = ""] = address.split("%")[0]!.split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = address.includes("::") ? 8 - groups.length - (tail === "" ? 0 : tail.split(":").length) : 0;
  return [...groups, ...Array<string>(missing).fill("0"), ...tail.split(":")].slice(0, 4).join(":");
}
