/**
 * Named places between the stages where a test may have this process killed, hung, blocked or failed, to prove that
 * nothing is lost there. Armed only by SLUICE_FAILPOINTS, in each thread by itself; otherwise passing one costs a look at
 * a variable. The list is written `name=action[:ms][@when];…`: `before_swap=kill@7;during_embed=error@0.1;after_fetch=block:5000@1`.
 * `when` is a chance below 1, or the number of the one pass that it concerns; without it, every pass.
 */
import { TransientError } from "./errors.ts";

export const FAILPOINTS = [
  "after_claim",
  "after_fetch",
  "after_put_raw",
  "after_convert",
  "after_put_markdown",
  "before_swap",
  /** All statements of the swap are done, its transaction is not. */
  "during_swap",
  "after_swap",
  /** Vectors are computed, not written. */
  "during_embed",
  /** Vectors are written, and the document still says that it waits for them. */
  "after_embed",
  "before_settle",
  "before_close",
  "after_close",
  "after_enqueue_page",
  "before_tombstones",
  "before_finish_listing",
  /** The objects of an upload are stored, its job is not. */
  "after_upload_put",
  /** The job of an upload is stored, and its sender has not heard of it. */
  "after_upload_commit",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/**
 * `kill`: SIGKILL to the own process. `hang`: what passes never goes on. `block`: the thread's event loop stands still,
 * for ever or for `ms`. `error`: a TransientError is thrown.
 */
const ACTIONS = ["kill", "hang", "block", "error"] as const;

/** Plain data: worker threads receive it with the configuration. */
export interface ArmedFailpoint {
  name: Failpoint;
  action: (typeof ACTIONS)[number];
  /** How long `block` lasts; null for ever. */
  ms: number | null;
  /** Below 1 a chance, else the number of a pass; null every pass. */
  when: number | null;
}

const ENTRY = /^(?<name>\w+)=(?<action>\w+)(?::(?<ms>\d+))?(?:@(?<when>\d+|0?\.\d+))?$/;

/** Null when the text is no such list. */
export function parseFailpoints(text: string): ArmedFailpoint[] | null {
  const parsed: ArmedFailpoint[] = [];
  for (const entry of text.split(";").filter(Boolean)) {
    const { name, action, ms, when } = ENTRY.exec(entry.trim())?.groups ?? {};
    const point = FAILPOINTS.find((one) => one === name);
    const act = ACTIONS.find((one) => one === action);
    if (!point || !act) return null;
    parsed.push({ name: point, action: act, ms: ms ? Number(ms) : null, when: when ? Number(when) : null });
  }
  return parsed;
}

let armed: Map<Failpoint, ArmedFailpoint & { passes: number }> | null = null;

/** Arms the failpoints of this thread; an empty list disarms all. */
export function armFailpoints(list: readonly ArmedFailpoint[]): void {
  armed = list.length > 0 ? new Map(list.map((one) => [one.name, { ...one, passes: 0 }])) : null;
}

/** To be awaited where it stands. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  const found = armed?.get(name);
  return found && isDue(found) ? act(found) : undefined;
}

function isDue(point: ArmedFailpoint & { passes: number }): boolean {
  point.passes++;
  if (point.when === null) return true;
  return point.when < 1 ? Math.random() < point.when : point.when === point.passes;
}

function act({ name, action, ms }: ArmedFailpoint): Promise<void> | undefined {
  switch (action) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      return new Promise(() => {});
    case "hang":
      return new Promise(() => {});
    case "block": {
      const until = ms === null ? Number.POSITIVE_INFINITY : performance.now() + ms;
      while (performance.now() < until);
      return undefined;
    }
    case "error":
      throw new TransientError("internal.failpoint", `failed at ${name}, as SLUICE_FAILPOINTS wants it`);
  }
}
