/**
 * Small pieces that several pages show in the same way: states, times, facts, pages of a list, forms of one button.
 */
/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";
import { SOURCE_TYPES } from "../connector/connector.ts";
import type { ItemStatus, JobStatus } from "../queue/job.ts";
import { ago, SOURCE_NAMES, utc } from "./format.ts";

/** How a state is meant; it chooses colour and sign, never colour alone. */
type Tone = "ok" | "busy" | "warn" | "bad" | "quiet";

const TONES: Record<JobStatus | ItemStatus, Tone> = {
  queued: "quiet",
  processing: "busy",
  running: "busy",
  retrying: "warn",
  done: "ok",
  ingested: "ok",
  unchanged: "quiet",
  skipped: "quiet",
  error: "bad",
  failed: "bad",
  canceled: "quiet",
};

export const Status = ({ of }: { of: JobStatus | ItemStatus }) => <Badge tone={TONES[of]}>{of}</Badge>;

export const Badge = ({ tone, children }: PropsWithChildren<{ tone: Tone }>) => (
  <span class={`badge ${tone}`}>{children}</span>
);

/** Relative to now, with the exact time on demand. */
export const Time = ({ at }: { at: Date | null }) =>
  at === null ? (
    <span class="muted">never</span>
  ) : (
    <time datetime={at.toISOString()} title={utc(at)}>
      {ago(at)}
    </time>
  );

/** Terms and what they are; those without a value are left out. */
export const Facts = ({ of }: { of: [term: string, value: Child][] }) => (
  <dl class="facts">
    {of
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([term, value]) => (
        <div>
          <dt>{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
  </dl>
);

/** What there is to say where a list is empty. */
export const Empty = ({ children }: PropsWithChildren) => <p class="empty">{children}</p>;

/** Links to the first and the next page of a list, which keep what else stands in the address. */
export function Pager({ url, next, back = "First page" }: { url: string; next: string | null; back?: string }) {
  const here = new URL(url);
  const first = here.searchParams.has("cursor") ? hrefWith(url, { cursor: null }) : null;
  if (first === null && next === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {first && <a href={first}>{back}</a>}
      {next && (
        <a href={hrefWith(url, { cursor: next })} rel="next">
          Next page
        </a>
      )}
    </nav>
  );
}

/** The path and query of `url` with some parameters replaced, or taken out where null. */
export function hrefWith(url: string, change: Record<string, string | null>): string {
  const { pathname, searchParams } = new URL(url);
  for (const [name, value] of Object.entries(change))
    if (value === null) searchParams.delete(name);
    else searchParams.set(name, value);
  return searchParams.size > 0 ? `${pathname}?${searchParams}` : pathname;
}

/** A table that scrolls sideways by itself where it is too wide, by keyboard as well. */
export const Table = ({ label, head, children }: PropsWithChildren<{ label: string; head: Child[] }>) => (
  <section class="scroll" tabindex={0} aria-label={label}>
    <table>
      <thead>
        <tr>
          {head.map((cell) => (
            <th scope="col">{cell}</th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </section>
);

/** Head of a column of numbers. */
export const Num = ({ wide = false, children }: PropsWithChildren<{ wide?: boolean }>) => (
  <span class={wide ? "num wide" : "num"}>{children}</span>
);

interface Choice {
  href: string;
  label: Child;
  current: boolean;
}

/** Alternatives of one view, as links. */
export const Tabs = ({ label, choices }: { label: string; choices: Choice[] }) => (
  <nav class="tabs" aria-label={label}>
    {choices.map(({ href, label: text, current }) => (
      <a href={href} aria-current={current ? "page" : undefined}>
        {text}
      </a>
    ))}
  </nav>
);

/** One button that changes something. */
export const ActButton = ({
  action,
  fields = {},
  kind = "",
  ask,
  children,
}: PropsWithChildren<{ action: string; fields?: Record<string, string>; kind?: string; ask?: string }>) => (
  <form method="post" action={action} class="inline" data-ask={ask}>
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button type="submit" class={kind}>
      {children}
    </button>
  </form>
);

export const Option = ({ value, chosen, children }: PropsWithChildren<{ value: string; chosen: boolean }>) => (
  <option value={value} selected={chosen}>
    {children}
  </option>
);

/** The choice of one source type, or any, in a form that filters. */
export const SourceTypes = ({ chosen }: { chosen: string | undefined }) => (
  <>
    <label class="hidden" for="source_type">
      Kind of source
    </label>
    <select id="source_type" name="source_type">
      <option value="">Any source</option>
      {SOURCE_TYPES.map((type) => (
        <Option value={type} chosen={type === chosen}>
          {SOURCE_NAMES[type]}
        </Option>
      ))}
    </select>
  </>
);
