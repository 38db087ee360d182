/**
 * Whose rows a statement sees. Pools of the service act as a role that sees no row of any tenant, until a transaction
 * says for whom it works: `asTenant` for one tenant, `asSystem` for duties that concern all of them. Both give a handle
 * that is used like the pool itself; each of its statements runs in a transaction that sets the scope first, so a
 * forgotten scope finds nothing instead of too much. The policies behind it are those of db/access.ts.
 */
import type { ReservedSql, Sql, TransactionSql } from "postgres";

/** Sees the rows of the tenant that the transaction names. */
export const TENANT_ROLE = "sluice_runtime";
/** Sees the rows of all tenants. */
export const SYSTEM_ROLE = "sluice_system";

export type Scope = { tenantId: string } | "system";

/** Of each handle, the pool that it was made of. */
const pools = new WeakMap<Sql, Sql>();

/** The pool for the rows of one tenant. */
export const asTenant = (sql: Sql, tenantId: string): Sql => inScope(sql, () => ({ tenantId }));

/** The pool for the rows of all tenants: for what belongs to no single one, such as claims, metrics and upkeep. */
export function asSystem(sql: Sql): Sql {
  const pool = poolOf(sql);
  const role = roleOf(pool);
  return role === undefined || role === SYSTEM_ROLE ? pool : inScope(pool, () => "system");
}

/** The pool within the scope that holds when a statement begins; without one it finds no row. */
export function inScope(sql: Sql, scope: () => Scope | null): Sql {
  const pool = poolOf(sql);
  const begin = (options: string, work: Work, single = false): Promise<unknown> => {
    const now = scope();
    const scopedWork = (tx: TransactionSql) => {
      // Not awaited: it travels with the statement that follows, and if it fails, so does the transaction.
      if (now) enter(tx, pool, now);
      return work(tx);
    };
    return (pool.begin as unknown as PatchedBegin)(options, scopedWork, single);
  };
  const handle = new Proxy(pool, {
    apply(_target, _self, [first, ...values]: unknown[]) {
      if (!isTemplate(first)) return call(pool, first, values);
      return scoped(call(pool, first, values), (tx) => call(tx, first, values), begin);
    },
    get(_target, key) {
      if (key === "begin")
        return (...given: [string, Work] | [Work]) =>
          given.length === 1 ? begin("", given[0]) : begin(given[0], given[1]);
      if (key === "unsafe")
        return (...given: Parameters<Sql["unsafe"]>) =>
          scoped(pool.unsafe(...given), (tx) => tx.unsafe(...given), begin);
      return Reflect.get(pool, key);
    },
  });
  pools.set(handle, pool);
  return handle;
}

/**
 * Gives `work` a connection with the rights of the login, for what only the owner of a table may do. On a server it is
 * outside of any transaction, so that indexes can be built CONCURRENTLY; whatever `work` sets is reset afterwards.
 */
export async function asLogin<T>(sql: Sql, work: (connection: Sql) => Promise<T>): Promise<T> {
  const pool = poolOf(sql);
  // The one session of the embedded database is everybody's.
  if (isEmbedded(pool))
    return pool.begin(async (tx) => {
      await tx`SELECT set_config('role', 'none', true)`;
      return work(tx as unknown as Sql);
    }) as Promise<T>;
  const connection: ReservedSql = await pool.reserve();
  try {
    await connection.unsafe("SET ROLE NONE");
    return await work(connection);
  } finally {
    await connection.unsafe("RESET ROLE").catch(() => {});
    await connection.unsafe("RESET ALL").catch(() => {});
    connection.release();
  }
}

type Work = (tx: TransactionSql) => unknown;
type Begin = (options: string, work: Work, single?: boolean) => Promise<unknown>;
/** `single`: work returns a statement and no other follows, so the commit is sent with it (db/patches). */
type PatchedBegin = (options: string, work: Work, single: boolean) => Promise<unknown>;

const poolOf = (sql: Sql): Sql => pools.get(sql) ?? sql;

/** The role that connections of the pool act as from their start; undefined: that of their login. */
const roleOf = (pool: Sql): string | undefined => (pool.options.connection as { role?: string }).role;

const isEmbedded = (pool: Sql): boolean => Boolean(pool.options.path);

/** Sent ahead of the transaction's first statement. Without roles of its own, a database is not divided: see doctor. */
function enter(tx: TransactionSql, pool: Sql, scope: Scope): void {
  const tenantId = scope === "system" ? "" : scope.tenantId;
  const role = scope === "system" ? SYSTEM_ROLE : TENANT_ROLE;
  const statement =
    roleOf(pool) === undefined
      ? tx`SELECT set_config('sluice.tenant_id', ${tenantId}, true)`
      : tx`SELECT set_config('role', ${role}, true), set_config('sluice.tenant_id', ${tenantId}, true)`;
  statement.execute();
}

/** What the driver's statements are beside what its types tell. */
interface Statement {
  handler: (statement: Statement) => void;
  canceller: (() => unknown) | null;
  resolve(rows: unknown): void;
  reject(error: unknown): void;
}

const isTemplate = (value: unknown): boolean => Array.isArray((value as { raw?: unknown } | null)?.raw);

const call = (sql: Sql | TransactionSql, first: unknown, values: unknown[]): unknown =>
  (sql as unknown as (...given: unknown[]) => unknown)(first, ...values);

/**
 * The statement as the pool would make it, lazy and usable as a part of another one, but run by `repeat` in a transaction.
 * It is settled by the transaction: its BEGIN may have failed without the statement's notice, its commit by what was deferred.
 */
function scoped<T>(statement: T, repeat: (tx: TransactionSql) => unknown, begin: Begin): T {
  const outer = statement as unknown as Statement;
  let cancelled = false;
  let inner: { cancel(): unknown } | null = null;
  outer.canceller = () => {
    cancelled = true;
    return inner?.cancel();
  };
  outer.handler = () => {
    const work: Work = (tx) => {
      if (cancelled) throw Object.assign(new Error("canceled before it began"), { code: "57014" });
      inner = repeat(tx) as { cancel(): unknown };
      return inner;
    };
    begin("", work, true).then(
      (rows) => outer.resolve(rows),
      (error: unknown) => outer.reject(error),
    );
  };
  return statement;
}
