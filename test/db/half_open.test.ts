import { afterAll, expect, test } from "bun:test";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { toSluiceError } from "../../src/db/sqlstate.ts";
import { TransientError } from "../../src/errors.ts";
import { FaultyNetwork } from "../faults/network.ts";

const server = process.env["TEST_DATABASE_URL"];
const closing: (() => unknown)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

test.if(server !== undefined)(
  "statements on a connection that went silent fail as transient, and the pool goes on with new connections",
  async () => {
    const url = new URL(server!);
    const network = await FaultyNetwork.open({ host: url.hostname, port: Number(url.port) });
    url.port = String(network.port);
    const sql = connectDatabase(
      { url: url.href },
      { max: 2, applicationName: "test", statementTimeoutMs: 600, silenceSeconds: 0.4, connectTimeoutSeconds: 1 },
    );
    closing.push(
      () => endDatabase(sql, 1),
      () => network.close(),
    );
    await Promise.all([sql`SELECT pg_sleep(0.1)`, sql`SELECT pg_sleep(0.1)`]);
    network.freeze();
    const work = [
      sql`SELECT 1`,
      sql.begin(async (tx) => {
        await tx`SELECT 2`;
      }),
    ];
    const outcomes = await Promise.allSettled(work);
    for (const outcome of outcomes)
      expect(outcome.status === "rejected" && toSluiceError(outcome.reason, "test")).toBeInstanceOf(TransientError);
    network.thaw();
    expect((await sql`SELECT 3 AS n`)[0]).toEqual({ n: 3 });
    // Nothing that is under way is longer than the server allows, and what merely idles is left alone.
    const [{ pid } = { pid: 0 }] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    await Bun.sleep(1500);
    const alive = await sql`SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`;
    expect(alive.length).toBe(1);
  },
);
