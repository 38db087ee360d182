import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import type { EmbeddedDatabase } from "../../src/db/embedded/embedded.ts";
import { errorOf, removeDirs, startFresh } from "./embedded_fixture.ts";

setDefaultTimeout(120_000);

const CLIENTS = 15;
const ROUNDS = 60;

let database: EmbeddedDatabase;
let pools: Sql[];
beforeAll(async () => {
  // Upkeep runs as often as it can, too.
  database = await startFresh({ upkeep: { everyMs: 50, walBytes: 1_000_000, checkpointMs: 1000 } });
  pools = [1, 4, 10].map((max) => connectDatabase(database.target, { max, applicationName: `stress ${max}` }));
  await pools[0]!`CREATE TABLE items (token text PRIMARY KEY, n int4 NOT NULL, body text)`;
});
afterAll(async () => {
  for (const pool of pools) await endDatabase(pool);
  await database.stop();
  removeDirs();
});

/** A small generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

type Act = (sql: Sql, token: string) => Promise<void>;

/** Every act asks something only it knows the answer to. */
const ACTS: Act[] = [
  async (sql, token) => {
    expect((await sql`SELECT ${token}::text AS token`)[0]).toEqual({ token });
  },
  async (sql, token) => {
    const [row] = await sql.unsafe(`SELECT '${token}' AS token`);
    expect(row!.token).toBe(token);
  },
  async (sql, token) => {
    const body = token.padEnd(1_000_000, "·");
    const [row] = await sql<{ body: string }[]>`SELECT ${body}::text AS body`;
    expect(row!.body === body).toBe(true);
  },
  async (sql, token) => {
    await sql`INSERT INTO items VALUES (${token}, 1, ${token})`;
    const error = await errorOf(sql`INSERT INTO items VALUES (${token}, 2, NULL)`);
    expect(error).toMatchObject({ code: "23505" });
    expect(error.message).toContain("items_pkey");
  },
  async (sql, token) => {
    expect(await errorOf(sql.unsafe(`SELEKT '${token}'`))).toMatchObject({ code: "42601" });
    expect(await errorOf(sql`SELECT ${token}::text::int4`)).toMatchObject({ code: "22P02" });
  },
  async (sql, token) => {
    const rows = await sql.begin(async (tx) => {
      await tx`INSERT INTO items VALUES (${token}, 0, NULL)`;
      for (let n = 0; n < 3; n++) await tx`UPDATE items SET n = n + 1 WHERE token = ${token}`;
      return tx`SELECT n FROM items WHERE token = ${token}`;
    });
    expect(rows[0]).toEqual({ n: 3 });
  },
  async (sql, token) => {
    const pipelined = await sql.begin((tx) => [
      tx`INSERT INTO items VALUES (${token}, 5, ${token})`,
      tx`SELECT body FROM items WHERE token = ${token}`,
      tx`SELECT ${token}::text || '!' AS loud`,
    ]);
    expect(pipelined.map((rows) => [...rows])).toEqual([[], [{ body: token }], [{ loud: `${token}!` }]]);
  },
  async (sql, token) => {
    const rollback = sql.begin(async (tx) => {
      await tx`INSERT INTO items VALUES (${token}, 9, NULL)`;
      throw new Error(`changed my mind: ${token}`);
    });
    expect((await errorOf(rollback)).message).toBe(`changed my mind: ${token}`);
    expect(await sql`SELECT 1 FROM items WHERE token = ${token}`).toHaveLength(0);
  },
  async (sql, token) => {
    const failing = sql.begin(async (tx) => {
      await tx`INSERT INTO items VALUES (${token}, 9, NULL)`;
      await tx`INSERT INTO items VALUES (${token}, 9, NULL)`;
    });
    expect(await errorOf(failing)).toMatchObject({ code: "23505" });
    expect(await sql`SELECT 1 FROM items WHERE token = ${token}`).toHaveLength(0);
  },
  async (sql, token) => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => sql`SELECT ${`${token} ${n}`}::text AS t`));
    expect(answers.map(([row]) => row!.t)).toEqual(Array.from({ length: 10 }, (_, n) => `${token} ${n}`));
  },
  async (sql, token) => {
    await sql.begin(async (tx) => {
      await tx`INSERT INTO items VALUES (${token}, 1, NULL)`;
      await tx
        .savepoint(async (inner) => {
          await inner`UPDATE items SET n = 1 / 0 WHERE token = ${token}`;
        })
        .catch(() => {});
      await tx`UPDATE items SET n = 2 WHERE token = ${token}`;
    });
    expect((await sql`SELECT n FROM items WHERE token = ${token}`)[0]).toEqual({ n: 2 });
  },
  // A client that vanishes inside a transaction, in the middle of a message.
  async (_sql, token) => {
    const socket = connect(database.target.path);
    const done = Promise.withResolvers<void>();
    socket.on("close", () => done.resolve());
    socket.on("error", () => {});
    const body = Buffer.from("\0\x03\0\0user\0postgres\0database\0postgres\0\0");
    socket.write(
      Buffer.concat([int32(body.length + 4), body, query(`BEGIN; INSERT INTO items VALUES ('${token}', 0)`)]),
    );
    socket.write(Buffer.from("Q\0\0\x01\0SELECT"));
    socket.on("data", (bytes) => bytes.includes("INSERT 0 1") && socket.destroy());
    await done.promise;
  },
];

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const query = (text: string) =>
  Buffer.concat([Buffer.from("Q"), int32(Buffer.byteLength(text) + 5), Buffer.from(`${text}\0`)]);

test("fifteen connections with transactions, errors, big values and vanishing clients: every answer fits its question", async () => {
  const client = async (id: number) => {
    const next = random(id + 1);
    for (let round = 0; round < ROUNDS; round++) {
      const act = Math.floor(next() * ACTS.length);
      await ACTS[act]!(pools[id % pools.length]!, `c${id}r${round}a${act}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, id) => client(id)));
  const sql = pools[0]!;
  const vanished = ACTS.length - 1;
  expect(await sql`SELECT token FROM items WHERE token LIKE ${`%a${vanished}`}`).toHaveLength(0);
  const acts = await sql<{ act: number; n: number }[]>`
    SELECT split_part(token, 'a', 2)::int4 AS act, count(*) AS n FROM items GROUP BY 1`;
  expect(acts.map((row) => row.act).sort((a, b) => a - b)).toEqual([3, 5, 6, 10]);
});
