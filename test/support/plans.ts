/**
 * The plans that Postgres makes for statements exactly as the product sends them: what a function sends is overheard at
 * the driver and explained afterwards, both for its own values and for any, since prepared statements come to either.
 */
import type { Sql } from "postgres";

export interface PlanNode {
  type: string;
  /** Table that it reads, if any. */
  table: string | null;
  index: string | null;
}

export interface Plan {
  /** The statement's text. */
  statement: string;
  nodes: PlanNode[];
}

interface Overheard {
  text: string;
  values: unknown[];
}

/** Settings that statements make for the rest of their transaction; explained with them, or the plan is another one. */
const SETS = /^\s*SELECT set_config\(/;

/**
 * The plans of all that `work` sends through `pool`, explained within `scope` (`asSystem(pool)`, `asTenant(pool, …)`).
 * `work` runs first and for real.
 */
export async function plansOf(
  pool: Sql,
  scope: Sql,
  work: () => Promise<unknown>,
  modes = ["force_custom_plan", "force_generic_plan"],
): Promise<Plan[]> {
  const heard: Overheard[] = [];
  const options = pool.options as unknown as { debug?: unknown };
  options.debug = (_connection: number, text: string, values: unknown[]) => heard.push({ text, values: [...values] });
  try {
    await work();
  } finally {
    options.debug = false;
  }
  const statements = heard.filter(({ text }) => /^\s*(?:WITH|SELECT|INSERT|UPDATE|DELETE)\b/.test(text));
  return (await scope.begin(async (tx) => {
    const plans: Plan[] = [];
    for (const { text, values } of statements) {
      if (SETS.test(text)) {
        if (!/'role'|sluice\.tenant_id/.test(text)) await tx.unsafe(text, values as never[]);
        continue;
      }
      // Prepared statements outlive their transaction, also one that fails.
      const name = `overheard_${crypto.randomUUID().replaceAll("-", "")}`;
      await tx.unsafe(`PREPARE ${name} AS ${text}`);
      for (const mode of modes) {
        await tx.unsafe(`SET LOCAL plan_cache_mode = ${mode}`);
        const given = values.length > 0 ? `(${values.map(literal).join(", ")})` : "";
        const [row] = await tx.unsafe(`EXPLAIN (FORMAT JSON) EXECUTE ${name}${given}`);
        const [{ Plan: root }] = row!["QUERY PLAN"] as [{ Plan: RawNode }];
        plans.push({ statement: text, nodes: nodesOf(root) });
      }
      await tx.unsafe(`DEALLOCATE ${name}`);
    }
    return plans;
  })) as Plan[];
}

interface RawNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  Plans?: RawNode[];
}

const nodesOf = (node: RawNode): PlanNode[] => [
  { type: node["Node Type"], table: node["Relation Name"] ?? null, index: node["Index Name"] ?? null },
  ...(node.Plans ?? []).flatMap(nodesOf),
];

function literal(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  const text = Array.isArray(value)
    ? `{${value.map((one) => (one === null ? "NULL" : JSON.stringify(String(one)))).join(",")}}`
    : String(value);
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Tables that are read from end to end, as "table: statement". */
export const readWhole = (plans: Plan[], large: ReadonlySet<string>): string[] =>
  plans.flatMap(({ statement, nodes }) =>
    nodes
      .filter(({ type, table }) => type === "Seq Scan" && table !== null && large.has(table))
      .map(({ table }) => `${table}: ${statement.trim().replace(/\s+/g, " ").slice(0, 300)}`),
  );

export const indexesOf = (plans: Plan[]): Set<string> =>
  new Set(plans.flatMap(({ nodes }) => nodes.flatMap(({ index }) => (index ? [index] : []))));
