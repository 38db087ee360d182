/** What is sent without waiting for answers, when something of it fails: see db/patches and tenant_scope.ts. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, createServer, type Server } from "node:net";
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { asTenant } from "../../src/db/tenant_scope.ts";
import { emptyDatabase, newTenant, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let tenant: string;
beforeAll(async () => {
  database = await emptyDatabase();
  tenant = await newTenant(database.sql);
});

const codeOf = (work: PromiseLike<unknown>): Promise<string> =>
  Promise.race([
    Promise.resolve(work).then(
      () => "no error",
      (error: { code?: string }) => error.code ?? String(error),
    ),
    Bun.sleep(3_000).then(() => "no answer"),
  ]);

async function withOneConnection(
  work: (own: Sql, pool: Sql) => Promise<void>,
  target = database.target,
): Promise<void> {
  const pool = connectDatabase({ ...target, separated: true }, { max: 1, applicationName: "test" });
  try {
    await work(asTenant(pool, tenant), pool);
  } finally {
    await endDatabase(pool, 1);
  }
}

const mine = (own: Sql) => own<{ tenant_id: string }[]>`SELECT tenant_id FROM tenants`.then((rows) => rows.length);

describe("a statement that cannot be built", () => {
  const many = Array.from({ length: 66_000 }, (_, i) => i);
  test.each<[string, (sql: Sql) => PromiseLike<unknown>]>([
    ["an undefined parameter", (sql) => sql`SELECT ${undefined as unknown as string}`],
    ["too many parameters", (sql) => sql`SELECT 1 WHERE 1 IN ${sql(many)}`],
    ["no date", (sql) => sql`SELECT now() > ${new Date(Number.NaN)}`],
  ])("%s fails alone, and its connection goes on", async (_, statement) => {
    await withOneConnection(async (own, pool) => {
      expect(await mine(own)).toBe(1);
      for (const sql of [own, pool]) {
        expect(await codeOf(statement(sql))).not.toBeOneOf(["no answer", "no error"]);
        expect(await Promise.race([mine(own), Bun.sleep(3_000)])).toBe(1);
      }
      const failed = own.begin((tx) => statement(tx as unknown as Sql) as Promise<unknown>);
      expect(await codeOf(failed)).not.toBeOneOf(["no answer", "no error"]);
      expect(await Promise.race([mine(own), Bun.sleep(3_000)])).toBe(1);
    });
  });
});

describe("a canceled statement", () => {
  test("ends, wherever it was, and its connection goes on", async () => {
    await withOneConnection(async (own) => {
      for (let delay = 0; delay < 24; delay++) {
        const statement = own`SELECT tenant_id, pg_sleep(0.01) FROM tenants`;
        const outcome = codeOf(statement);
        if (delay % 2) await Bun.sleep(delay / 4);
        else for (let i = 0; i < delay; i++) await 1;
        // The request is a connection of its own, which may fail like any.
        Promise.resolve(statement.cancel() as unknown).catch(() => {});
        expect(await outcome).toBeOneOf(["no error", "57014"]);
        // A request to cancel that comes late may hit what is sent next, which says so.
        const next = await codeOf(mine(own).then((found) => expect(found).toBe(1)));
        expect(next).toBeOneOf(["no error", "57014"]);
      }
    });
  }, 30_000);
});

const url = process.env["TEST_DATABASE_URL"] ?? "";

describe.if(url !== "")("a BEGIN that is refused", () => {
  let proxy: Server;
  let armed = false;
  beforeAll(async () => {
    const { hostname, port } = new URL(url);
    proxy = createServer((client) => {
      const server = connect(Number(port), hostname);
      for (const [from, to] of [
        [server, client],
        [client, server],
      ] as const) {
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
      server.on("data", (bytes) => client.write(bytes));
      client.on("data", (bytes: Buffer) => {
        const at = armed ? bytes.indexOf("begin ") : -1;
        if (at >= 0) {
          armed = false;
          bytes.write("BEGIX ", at);
        }
        server.write(bytes);
      });
    });
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
  });
  afterAll(() => void proxy.close());

  test("fails what was sent with it: nothing is read or written outside of the transaction", async () => {
    const through = new URL((database.target as { url: string }).url);
    through.host = `127.0.0.1:${(proxy.address() as { port: number }).port}`;
    await withOneConnection(
      async (own, pool) => {
        expect(await mine(own)).toBe(1);
        for (let i = 0; i < 20; i++) {
          armed = true;
          expect(await codeOf(mine(own))).toBe("42601");
          expect(await mine(own)).toBe(1);
        }
        await pool`CREATE TEMP TABLE written (n int)`;
        armed = true;
        const writing = pool.begin(async (tx) => {
          await tx`INSERT INTO written VALUES (1)`;
          await tx`INSERT INTO written VALUES (2)`;
        });
        expect(await codeOf(writing)).toBe("42601");
        expect((await pool`SELECT * FROM written`).length).toBe(0);
      },
      { url: through.href },
    );
  });
});
