/**
 * Drawings in SVG, made on the server: the last hour by the minute, the ledger of a job, what a hit's score is made of.
 * Each says in words what it shows, and colour is never all that tells parts apart.
 */
/** @jsxImportSource hono/jsx */
import type { Ledger } from "../queue/job.ts";
import { compact, count } from "./format.ts";

const HEIGHT = 36;
const STEP = 4;

/** A bar for each minute. `values`: oldest first. */
export function MinutePlot({ label, values, tone }: { label: string; values: readonly number[]; tone: "ok" | "bad" }) {
  const total = values.reduce((sum, value) => sum + value, 0);
  const most = Math.max(...values, 0);
  const width = values.length * STEP;
  return (
    <figure class="plot">
      <figcaption>
        {label} <strong>{compact(total)}</strong>
        <span class="muted"> {most > 0 ? `up to ${compact(most)} a minute` : "in the last hour"}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${label} by the minute over the last hour: ${count(total)} in all, at most ${count(most)} in a minute`}
      >
        <path class="axis" d={`M0 ${HEIGHT - 0.5}H${width}`} />
        {values.map((value, i) => value > 0 && <MinuteBar value={value} most={most} at={i} tone={tone} />)}
      </svg>
      <div class="scale muted" aria-hidden="true">
        <span>60 min ago</span>
        <span>now</span>
      </div>
    </figure>
  );
}

/** At least a pixel high, so that a single failure among thousands is seen. */
function MinuteBar({ value, most, at, tone }: { value: number; most: number; at: number; tone: string }) {
  const height = Math.max(1.5, (value / most) * (HEIGHT - 2));
  return <rect class={tone} x={at * STEP + 0.5} y={HEIGHT - height} width={STEP - 1} height={height} />;
}

const PARTS = [
  ["items_ingested", "ingested", "ok"],
  ["items_skipped_incremental", "unchanged", "calm"],
  ["items_skipped", "skipped", "dim"],
  ["items_failed", "failed", "bad"],
  ["items_canceled", "canceled", "dim"],
  ["items_open", "open", "open"],
] as const satisfies readonly [keyof Ledger, string, string][];

/** The ledger as shares of what was listed; with a legend that adds up, unless `small`. */
export function Balance({ job, small = false }: { job: Ledger; small?: boolean }) {
  const parts = PARTS.map(([field, label, tone]) => ({ label, tone, n: job[field] })).filter(({ n }) => n > 0);
  const words = parts.map(({ label, n }) => `${count(n)} ${label}`).join(", ") || "nothing listed";
  let x = 0;
  return (
    <div class={small ? "balance small" : "balance"}>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label={words}>
        <rect class="track" width="100" height="4" />
        {parts.map(({ n, tone }) => {
          const width = (n / Math.max(1, job.descriptors_listed)) * 100;
          const bar = <rect class={tone} x={x} width={Math.max(width, 0.6)} height="4" />;
          x += width;
          return bar;
        })}
      </svg>
      {!small && <Sum listed={job.descriptors_listed} parts={parts} />}
    </div>
  );
}

const Sum = ({ listed, parts }: { listed: number; parts: { label: string; tone: string; n: number }[] }) => (
  <p class="sum">
    <span>
      <strong>{count(listed)}</strong> listed
    </span>
    {parts.map(({ label, tone, n }, i) => (
      <span>
        <span class="muted">{i === 0 ? "=" : "+"}</span> <i class={`key ${tone}`} aria-hidden="true" />
        <strong>{count(n)}</strong> {label}
      </span>
    ))}
  </p>
);

/** Two contributions to one score, as parts of the highest score shown. */
export const ScoreBar = ({ words, vectors, best }: { words: number; vectors: number; best: number }) => (
  <svg class="score" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="4" />
    <rect class="ok" width={(words / best) * 100} height="4" />
    <rect class="run" x={(words / best) * 100} width={(vectors / best) * 100} height="4" />
  </svg>
);
