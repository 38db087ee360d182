/**
 * Opens pools of the one driver that all code uses, for a Postgres server and for the embedded one alike. Decides what
 * the driver leaves to chance: that ambient PG* variables change nothing, that statements have timeouts, that int8 is
 * a number, that closing a pool ends.
 */
import postgres, { type Sql } from "postgres";
import { SYSTEM_ROLE, TENANT_ROLE } from "./tenant_scope.ts";

interface Separable {
  /** Set once the database has roles for the service (db/access.ts): pools act as one of them. */
  separated?: boolean;
}
/** A Postgres server. */
export interface ServerTarget extends Separable {
  url: string;
}
/** The embedded Postgres, or any other behind a Unix socket that asks for no password. */
export interface SocketTarget extends Separable {
  /** Path of the socket itself. */
  path: string;
  user: string;
  database: string;
}
/** Plain data, so that it can be sent to worker threads. */
export type DatabaseTarget = ServerTarget | SocketTarget;

export interface PoolOptions {
  /** Connections at most; they are opened when needed. */
  max: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  connectTimeoutSeconds?: number;
  /** A connection unused for so long is closed; 0 keeps it. */
  idleSeconds?: number;
  /** The server ends statements that take longer (default 60,000 ms; 0: never). Not in the embedded database. */
  statementTimeoutMs?: number;
  /**
   * A connection that owes an answer and has been silent for so much longer than the server's own limit is given up: it is
   * half open (a lost route, a proxy that forgot it), and neither side would ever hear of that. Default 15 s; our own
   * addition to the driver (db/patches).
   */
  silenceSeconds?: number;
  /** The server ends waits for a lock (default 10,000 ms). */
  lockTimeoutMs?: number;
  /** The server ends connections that idle inside a transaction (default 60,000 ms). */
  idleInTransactionTimeoutMs?: number;
  /** Prepared statements (default true); false for poolers that cannot carry them. */
  prepare?: boolean;
  /**
   * Statements are planned for any value instead of for each: half the processor time of a short one is planning, and what
   * the planner knows of a tenant that is new is wrong. For connections whose statements look rows up by key.
   */
  genericPlans?: boolean;
  /** For commands that work on all tenants: statements outside of any scope see every row. */
  system?: boolean;
}

/** int8 beyond 2^53 stays text rather than becoming a wrong number. */
function parseInt8(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

/**
 * Types and those of their arrays, by oid; these are the same in every Postgres (pg_type.dat). The driver would ask each
 * connection for them before its first statement. Others (of extensions) go as text and are cast in the statement.
 */
const ARRAY_TYPES: readonly (readonly [element: number, array: number])[] = [
  [16, 1000], // bool
  [17, 1001], // bytea
  [19, 1003], // name
  [20, 1016], // int8
  [21, 1005], // int2
  [23, 1007], // int4
  [25, 1009], // text
  [26, 1028], // oid
  [114, 199], // json
  [700, 1021], // float4
  [701, 1022], // float8
  [1043, 1015], // varchar
  [1082, 1182], // date
  [1184, 1185], // timestamptz
  [1700, 1231], // numeric
  [2950, 2951], // uuid
  [3614, 3643], // tsvector
  [3802, 3807], // jsonb
];

/** Seconds until the next attempt to connect. The driver's own grows to 20 s, long after the server is back. */
const backoff = (attempt: number): number => (0.5 + Math.random() / 2) * Math.min(2 ** attempt / 100, 2);

/**
 * A pool for the target; connects at the first statement. Arrays of the types below work both ways; arrays of dates, bytes or booleans as parameters need `sql.array(values, oid of the
 * element)`, and a NULL inside an array comes back as the text "NULL" (the driver's parser). `numeric` and `vector` come
 * as text, timestamps as Date, bytea as Buffer.
 */
export function connectDatabase(target: DatabaseTarget, options: PoolOptions): Sql {
  const plans = options.genericPlans ? { plan_cache_mode: "force_generic_plan" } : {};
  const role = target.separated ? { role: options.system ? SYSTEM_ROLE : TENANT_ROLE } : {};
  const common = {
    max: options.max,
    connect_timeout: options.connectTimeoutSeconds ?? 10,
    idle_timeout: options.idleSeconds ?? 0,
    prepare: options.prepare ?? true,
    backoff,
    onnotice: () => {},
    fetch_types: false,
    array_types: ARRAY_TYPES,
    types: { int8: { to: 20, from: [20], parse: parseInt8, serialize: String } },
  };
  if ("path" in target)
    return postgres({
      ...common,
      path: target.path,
      host: "localhost",
      user: target.user,
      database: target.database,
      pass: "",
      ssl: false,
      // The bridge has no use for timeouts: nothing can interrupt a statement in the embedded database.
      connection: { application_name: options.applicationName, ...role, ...plans },
    }) as unknown as Sql;
  const statementTimeoutMs = options.statementTimeoutMs ?? 60_000;
  const silence = {
    silence_timeout: statementTimeoutMs === 0 ? 0 : statementTimeoutMs / 1000 + (options.silenceSeconds ?? 15),
  };
  return postgres(target.url, {
    ...common,
    ...silence,
    connection: {
      application_name: options.applicationName,
      ...role,
      ...plans,
      statement_timeout: statementTimeoutMs,
      lock_timeout: options.lockTimeoutMs ?? 10_000,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 60_000,
    },
  }) as unknown as Sql;
}

/**
 * Closes a pool: lets running statements finish for up to `seconds`, then cuts them off. `sql.end()` without a timeout
 * may never resolve after a lost connection (porsager/postgres#1097).
 */
export async function endDatabase(sql: Sql, seconds = 5): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const atLast = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, (seconds + 1) * 1000);
  });
  await Promise.race([sql.end({ timeout: seconds }), atLast]).finally(() => clearTimeout(timer));
}
