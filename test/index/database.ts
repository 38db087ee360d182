/**
 * A database of its own for tests and benchmarks of the index: created next to TEST_DATABASE_URL, brought to the
 * current schema by the product's own migrations, dropped at the end.
 */
import postgres, { type Sql } from "postgres";
import { migrate } from "../../src/db/migrate.ts";

export const TEST_DATABASE_URL = process.env.TEST_DATABASE_URL;

export interface TestDatabase {
  sql: Sql;
  url: string;
  drop(): Promise<void>;
}

export async function createDatabase(name: string): Promise<TestDatabase> {
  if (!TEST_DATABASE_URL) throw new Error("TEST_DATABASE_URL is not set");
  const url = new URL(TEST_DATABASE_URL);
  await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, `CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 4, onnotice: () => {} });
  await migrate(sql);
  return {
    sql,
    url: url.href,
    async drop() {
      await sql.end({ timeout: 2 });
      await asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

async function asAdmin(...statements: string[]): Promise<void> {
  const admin = postgres(TEST_DATABASE_URL!, { max: 1, onnotice: () => {} });
  try {
    for (const statement of statements) await admin.unsafe(statement);
  } finally {
    await admin.end({ timeout: 2 });
  }
}
