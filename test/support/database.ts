/**
 * One real, migrated database for a test run: a fresh one on TEST_DATABASE_URL if that is set, else the embedded
 * Postgres in a scratch folder. Test files run one after another and share it; each starts from empty tables.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { connectDatabase, type DatabaseTarget, endDatabase } from "../../src/db/connect.ts";
import { startEmbedded } from "../../src/db/embedded/embedded.ts";
import { migrate } from "../../src/db/migrate.ts";

export interface TestDatabase {
  target: DatabaseTarget;
  /** As the owner of the tables: sees everything, whatever the tenant. */
  sql: Sql;
  /** As the service works: sees nothing outside of a tenant's scope. */
  runtime: Sql;
  /** True on a Postgres server; plans, sizes and concurrency are worth testing only there. */
  server: boolean;
}

let opened: Promise<TestDatabase> | null = null;
let closing: (() => Promise<void>) | null = null;

/** Drops the database of this run; called once, when all test files are through (preload.ts). */
export const closeDatabase = async (): Promise<void> => closing?.();

/** The database of this run, with all tables empty. */
export async function emptyDatabase(): Promise<TestDatabase> {
  opened ??= open();
  const database = await opened;
  // Everything of a tenant goes with it; settings and statistics are global.
  await database.sql`DELETE FROM documents`;
  await database.sql`UPDATE sources SET current_version_id = NULL`;
  await database.sql`TRUNCATE tenants, settings, source_sync_state CASCADE`;
  return database;
}

/** A new tenant with nothing in it. */
export async function newTenant(sql: Sql): Promise<string> {
  const tenantId = Bun.randomUUIDv7();
  await sql`INSERT INTO tenants (tenant_id, name) VALUES (${tenantId}, ${`test ${tenantId}`})`;
  return tenantId;
}

async function open(): Promise<TestDatabase> {
  const server = process.env["TEST_DATABASE_URL"];
  const { target, close } = server ? await createDatabase(server) : await startScratch();
  const sql = connectDatabase(target, { max: 8, applicationName: "sluice tests" });
  await migrate(sql);
  const runtime = connectDatabase({ ...target, separated: true }, { max: 8, applicationName: "sluice tests" });
  closing = async () => {
    await endDatabase(sql, 1);
    await endDatabase(runtime, 1);
    await close();
  };
  return { target, sql, runtime, server: server !== undefined };
}

/** A database of its own on a server, dropped at the end. */
export async function createDatabase(server: string): Promise<{ target: { url: string }; close: () => Promise<void> }> {
  const name = `sluice_test_${process.pid}_${Date.now().toString(36)}_${Math.random().toString(36).slice(2, 8)}`;
  const admin = postgres(server, { max: 1, onnotice: () => {} });
  await admin.unsafe(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    target: { url: url.href },
    close: async () => {
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end({ timeout: 1 });
    },
  };
}

async function startScratch(): Promise<{ target: DatabaseTarget; close: () => Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const embedded = await startEmbedded({
    dataDir,
    durable: false,
    spawnThread: () => new Worker(new URL("../../src/db/embedded/thread.ts", import.meta.url).href),
  });
  return {
    target: embedded.target,
    close: async () => {
      await embedded.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
