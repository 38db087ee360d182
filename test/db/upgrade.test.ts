/** Databases as earlier releases left them, brought to this one's schema. */
import { afterEach, describe, expect, test } from "bun:test";
import type { Sql } from "postgres";
import { readAccess } from "../../src/db/access.ts";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { applyMigrations, migrate, migrationStatus } from "../../src/db/migrate.ts";
import { MIGRATIONS, type Migration } from "../../src/db/migrations.ts";
import { asSystem, asTenant } from "../../src/db/tenant_scope.ts";
import { claimItems } from "../../src/queue/claim_items.ts";
import { createDatabase } from "../support/database.ts";

const server = process.env["TEST_DATABASE_URL"];
let undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.toReversed()) await step();
  undo = [];
});

const TENANT = "0192f000-0000-7000-8000-00000000000a";
const JOB = "0192f000-0000-7000-8000-00000000000b";

/** A database with these migrations alone, and a pool of its owner. */
async function databaseAt(migrations: readonly Migration[]): Promise<{ sql: Sql; url: string }> {
  const database = await createDatabase(server!);
  undo.push(database.close);
  const sql = connectDatabase(database.target, { max: 4, applicationName: "test" });
  undo.push(() => endDatabase(sql, 1));
  await applyMigrations(sql, migrations);
  return { sql, url: database.target.url };
}

/** What each migration's release could hold; the ones after 0004 add tables that may as well be empty. */
const DATA: Readonly<Record<number, string>> = {
  1: `INSERT INTO tenants (tenant_id, name) VALUES ('${TENANT}', 'Acme');
    INSERT INTO api_tokens (token_id, tenant_id, name, scope, token_sha256) VALUES (gen_random_uuid(), '${TENANT}', 't', 'write', sha256('x'));
    INSERT INTO connections (tenant_id, connection_id, source_type, name, config) VALUES ('${TENANT}', gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'c', '{}')`,
  2: `INSERT INTO ingest_jobs (tenant_id, job_id, job_type, job_status, listing, job_payload_json, requested_by, correlation_id, descriptors_listed, items_open)
      VALUES ('${TENANT}', '${JOB}', 'upload', 'processing', 'complete', '{}', 't', 't', 40, 40);
    INSERT INTO ingest_items (tenant_id, job_id, source_id, source_type, external_ref, descriptor, lane)
      SELECT '${TENANT}', '${JOB}', gen_random_uuid(), 'FILE_CATALOG_OBJECT', 'file:///' || n, '{"fingerprint": "1"}', 'inline' FROM generate_series(1, 40) n`,
  3: `INSERT INTO sources (tenant_id, source_id, source_type, external_ref) VALUES ('${TENANT}', '${TENANT}', 'FILE_CATALOG_OBJECT', 'r');
    INSERT INTO source_versions (tenant_id, source_version_id, source_id, checksum, converter_version, s3_raw_uri, s3_markdown_uri, s3_manifest_uri,
        media_type, raw_bytes, markdown_bytes, markdown_sha256, title)
      VALUES ('${TENANT}', '${JOB}', '${TENANT}', repeat('a', 64), '1', 'r', 'm', 'j', 'text/markdown', 1, 1, repeat('a', 64), 't');
    INSERT INTO source_sync_state (tenant_id, source_type, external_ref, source_id, fingerprint, last_status)
      VALUES ('${TENANT}', 'FILE_CATALOG_OBJECT', 'r', '${TENANT}', '1', 'ingested')`,
  4: `INSERT INTO documents (tenant_id, document_id, source_id, source_version_id, source_type, external_ref, title)
      VALUES ('${TENANT}', '${TENANT}', '${TENANT}', '${JOB}', 'FILE_CATALOG_OBJECT', 'r', 't');
    INSERT INTO chunks (tenant_id, chunk_id, document_id, ordinal, chunk_path, chunk_text, chunk_type, token_count, char_start, char_end, block_start_idx, block_end_idx)
      VALUES ('${TENANT}', '${JOB}', '${TENANT}', 0, 'p', 'apples', 'paragraph', 1, 0, 6, 0, 0);
    INSERT INTO chunk_vectors (tenant_id, chunk_id, embedding_model, embedding_dim, text_sha256, embedding) VALUES ('${TENANT}', '${JOB}', 'm', 2, sha256('x'), '[1,0]');
    INSERT INTO chunk_fts (tenant_id, chunk_id, fts_config, tsv, word_count) VALUES ('${TENANT}', '${JOB}', 'simple', 'apples', 1);
    INSERT INTO document_links (tenant_id, document_id, ordinal, link_type, href, link_text) VALUES ('${TENANT}', '${TENANT}', 0, 'file', 'h', 't')`,
};

async function fillUpTo(sql: Sql, version: number): Promise<void> {
  for (const [since, statements] of Object.entries(DATA)) if (Number(since) <= version) await sql.unsafe(statements);
}

/** Every row of every table, with the columns that it has now. */
async function rowsOf(
  sql: Sql,
  columns?: Map<string, string[]>,
): Promise<{ rows: Map<string, string[]>; columns: Map<string, string[]> }> {
  const tables = await sql<{ name: string; columns: string[] }[]>`
    SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_migrations' GROUP BY 1`;
  const wanted = columns ?? new Map(tables.map((table) => [table.name, table.columns]));
  const rows = new Map<string, string[]>();
  for (const [table, names] of wanted) {
    const found = await sql.unsafe<{ row: string }[]>(
      `SELECT ROW(${names.join(", ")})::text AS row FROM ${table} ORDER BY 1`,
    );
    rows.set(
      table,
      found.map(({ row }) => row),
    );
  }
  return { rows, columns: wanted };
}

const EARLIER = MIGRATIONS.slice(0, -1).map((last, i) => ({
  name: last.name,
  version: last.version,
  applied: MIGRATIONS.slice(0, i + 1),
}));

describe.if(server !== undefined)("a database of an earlier release", () => {
  test.each(EARLIER)("keeps its rows and works on: $name", async ({ version, applied }) => {
    const { sql, url } = await databaseAt(applied);
    await fillUpTo(sql, version);
    const before = await rowsOf(sql);
    expect([...before.rows.values()].flat().length).toBeGreaterThan(2);
    await migrate(sql);
    expect((await migrationStatus(sql)).every((migration) => migration.appliedAt !== null)).toBe(true);
    expect((await rowsOf(sql, before.columns)).rows).toEqual(before.rows);
    expect(await readAccess(sql)).toEqual({ separated: true, gaps: [] });
    const runtime = connectDatabase({ url, separated: true }, { max: 1, applicationName: "test" });
    undo.push(() => endDatabase(runtime, 1));
    expect((await asTenant(runtime, TENANT)`SELECT name FROM tenants`).map((row) => row.name)).toEqual(["Acme"]);
    const claimed = await claimItems(asSystem(runtime), { worker: "w", leaseSeconds: 60, lane: "inline", limit: 100 });
    expect(claimed.length).toBe(version >= 2 ? 40 : 0);
  });

  test("a migration that an earlier one has overtaken is made up for", async () => {
    const { sql } = await databaseAt(MIGRATIONS.filter(({ version }) => version !== 8));
    await fillUpTo(sql, 4);
    expect(await migrate(sql)).toEqual(["0008_tenant_scope"]);
    expect(await readAccess(sql)).toEqual({ separated: true, gaps: [] });
  });

  test("a migration that fails leaves schema and rows as they were, and the right one can follow", async () => {
    const { sql } = await databaseAt(MIGRATIONS.slice(0, 6));
    await fillUpTo(sql, 4);
    const before = await rowsOf(sql);
    const text =
      "CREATE TABLE half (n integer); ALTER TABLE chunks DROP COLUMN chunk_text; UPDATE tenants SET name = 'x'; SELECT 1 / 0";
    const broken = applyMigrations(sql, [{ version: MIGRATIONS[6]!.version, name: "broken", text }]);
    await expect(broken).rejects.toThrow("division by zero");
    expect(await rowsOf(sql)).toEqual(before);
    expect((await migrationStatus(sql)).filter((migration) => migration.appliedAt !== null).length).toBe(6);
    expect(await migrate(sql)).toEqual(MIGRATIONS.slice(6).map(({ name }) => name));
  });

  test("workers of the release before go on while the schema changes under them: each item is done once, none is lost", async () => {
    const { sql, url } = await databaseAt(MIGRATIONS.slice(0, 7));
    await fillUpTo(sql, 4);
    const old = connectDatabase({ url }, { max: 3, applicationName: "test" });
    undo.push(() => endDatabase(old, 1));
    const done: string[] = [];
    const migrated = Promise.withResolvers<string[]>();
    let migrating = false;
    const work = async (): Promise<void> => {
      for (;;) {
        const item = await again(() => old.begin(claimAsBefore));
        if (item === null) return;
        done.push(item.item_id);
        await again(() => old.begin((tx) => tx.unsafe(SETTLE_AS_BEFORE, [item.item_id, item.run_lease])));
        // From the middle of the work on there is no waiting for the migration: it and the workers wait for each other's locks.
        if (done.length >= 10 && !migrating) {
          migrating = true;
          migrate(sql).then(migrated.resolve, migrated.reject);
        }
        if (done.length >= 30) await migrated.promise;
      }
    };
    await Promise.all([work(), work(), work()]);
    expect((await migrated.promise).length).toBe(MIGRATIONS.length - 7);
    expect(new Set(done).size).toBe(40);
    expect(done.length).toBe(40);
    const [job] = await sql`SELECT items_ingested::integer AS ingested, items_open::integer AS open FROM ingest_jobs`;
    expect(job).toEqual({ ingested: 40, open: 0 });
  });
});

/** A worker tries again what a deadlock with the migration has cost it. */
const again = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error: { code?: string }) => {
    if (error.code !== "40P01") throw error;
    return again(work);
  });

interface Claim {
  item_id: string;
  run_lease: string;
}

/** As schema 7's release claims and settles, without what does not matter here. */
async function claimAsBefore(tx: { unsafe(text: string): PromiseLike<unknown[]> }): Promise<Claim | null> {
  const rows = await tx.unsafe(`
    UPDATE ingest_items i SET item_status = 'running', attempt = attempt + 1, run_lease = nextval('run_leases'), leased_until = now() + interval '1 minute'
    FROM (SELECT tenant_id, job_id, item_id FROM ingest_items WHERE item_status = 'queued' ORDER BY item_id LIMIT 1 FOR UPDATE SKIP LOCKED) next
    WHERE (i.tenant_id, i.job_id, i.item_id) = (next.tenant_id, next.job_id, next.item_id) RETURNING i.item_id::text, i.run_lease::text`);
  return (rows[0] as Claim | undefined) ?? null;
}
const SETTLE_AS_BEFORE = `
  WITH settled AS (
    UPDATE ingest_items SET item_status = 'ingested', run_lease = NULL, leased_until = NULL, finished_at = now()
    WHERE item_id = $1::bigint AND run_lease = $2::bigint AND item_status = 'running' RETURNING tenant_id, job_id
  )
  UPDATE ingest_jobs j SET items_ingested = items_ingested + 1, items_open = items_open - 1
  FROM settled s WHERE j.tenant_id = s.tenant_id AND j.job_id = s.job_id`;
