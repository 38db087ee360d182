/**
 * Brings a database to this binary's schema: numbered migrations under an advisory lock, each in a transaction of its
 * own, recorded with a checksum. A database that is newer than the binary is refused, and so is one whose applied
 * migrations differ from those the binary carries. Two binaries that start at once migrate once.
 */
import { createHash } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { PermanentError, SluiceError } from "../errors.ts";
import { type Access, readAccess, secureTables } from "./access.ts";
import { MIGRATIONS, type Migration, SCHEMA_VERSION } from "./migrations.ts";
import { toSluiceError } from "./sqlstate.ts";

/** Key of the advisory lock that migrators take; arbitrary, but the same in every release. */
const MIGRATION_LOCK = 7_203_118_244;
/** Workers of the release before lock what a migration changes; whom Postgres chooses to end a deadlock tries again. */
const TRIES = 6;

export interface MigrationStatus {
  version: number;
  name: string;
  checksum: string;
  /** ISO 8601, or null while pending. */
  appliedAt: string | null;
}

const checksumOf = (migration: Migration): string => createHash("sha256").update(migration.text).digest("hex");

interface AppliedRow {
  version: number;
  name: string;
  checksum: string;
  applied_at: Date;
}

async function readApplied(sql: Sql): Promise<AppliedRow[]> {
  const [found] = await sql<{ found: boolean }[]>`SELECT to_regclass('schema_migrations') IS NOT NULL AS found`;
  if (!found?.found) return [];
  return sql<AppliedRow[]>`SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version`;
}

/** @throws PermanentError `schema.newer` or `schema.changed` */
function refuseForeign(applied: AppliedRow[]): void {
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > SCHEMA_VERSION)
    throw new PermanentError(
      "schema.newer",
      `The database has schema version ${newest}, this binary knows ${SCHEMA_VERSION}: start a binary at least as new as the one that migrated it.`,
      { databaseVersion: newest, binaryVersion: SCHEMA_VERSION },
    );
  for (const row of applied) {
    const mine = MIGRATIONS.find((migration) => migration.version === row.version);
    if (!mine || checksumOf(mine) !== row.checksum)
      throw new PermanentError(
        "schema.changed",
        `Migration ${row.name} was applied to this database with other contents than this binary carries.`,
        { migration: row.name },
      );
  }
}

/** What is applied and what is pending; changes nothing. */
export async function migrationStatus(sql: Sql): Promise<MigrationStatus[]> {
  const applied = await readApplied(sql);
  refuseForeign(applied);
  return MIGRATIONS.map((migration) => ({
    version: migration.version,
    name: migration.name,
    checksum: checksumOf(migration),
    appliedAt: applied.find((row) => row.version === migration.version)?.applied_at.toISOString() ?? null,
  }));
}

/**
 * Applies what is pending and returns the names of what was applied.
 * A failing migration rolls back whole; those before it stay.
 */
export async function migrate(sql: Sql): Promise<string[]> {
  // Without the lock first: the common start finds nothing to do and must not wait for anybody.
  const current = (await migrationStatus(sql)).every((migration) => migration.appliedAt !== null);
  const applied = current ? [] : await applyMigrations(sql, MIGRATIONS);
  if (!(await readAccess(sql)).separated)
    await beginAgain(sql, async (tx) => {
      await tx`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;
      await secureTables(tx);
    });
  return applied;
}

/** Brings the database to this binary's schema; what is applied, and whether the service can act as roles of its own. */
export async function prepareDatabase(sql: Sql): Promise<Access & { applied: string[] }> {
  const applied = await migrate(sql);
  return { applied, ...(await readAccess(sql)) };
}

/** Those of `migrations` that the database lacks, each in a transaction of its own; `migrate` gives it all there are. */
export async function applyMigrations(sql: Sql, migrations: readonly Migration[]): Promise<string[]> {
  const done: string[] = [];
  for (const migration of migrations) {
    const applied = await beginAgain(sql, async (tx) => {
      await tx`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;
      await tx`CREATE TABLE IF NOT EXISTS schema_migrations (
        version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`;
      const rows = await tx<
        AppliedRow[]
      >`SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version`;
      refuseForeign(rows);
      if (rows.some((row) => row.version === migration.version)) return false;
      await tx.unsafe(migration.text).simple();
      await tx`INSERT INTO schema_migrations (version, name, checksum)
        VALUES (${migration.version}, ${migration.name}, ${checksumOf(migration)})`;
      return true;
    });
    if (applied) done.push(migration.name);
  }
  return done;
}

async function beginAgain<T>(sql: Sql, work: (tx: TransactionSql) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++)
    try {
      return (await sql.begin(work)) as T;
    } catch (error) {
      const fault = toSluiceError(error, "migration");
      if (attempt >= TRIES || !(fault instanceof SluiceError && fault.code === "database.conflict")) throw error;
      await Bun.sleep(Math.random() * 100 * 2 ** attempt);
    }
}
