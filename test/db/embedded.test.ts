import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { type EmbeddedDatabase, startEmbedded } from "../../src/db/embedded/embedded.ts";
import { lockDataDir } from "../../src/db/embedded/lock.ts";
import { toSluiceError } from "../../src/db/sqlstate.ts";
import { TransientError } from "../../src/errors.ts";
import { errorOf, freshDir, preparedDir, removeDirs, spawnThread, startFresh } from "./embedded_fixture.ts";

/** Whether the queue would try again. */
const isTransient = (error: unknown): boolean => toSluiceError(error, "test") instanceof TransientError;

setDefaultTimeout(60_000);

const running: EmbeddedDatabase[] = [];
const keep = (database: EmbeddedDatabase) => {
  running.push(database);
  return database;
};
afterEach(async () => {
  for (const database of running.splice(0)) await database.stop();
});

function startChild(dataDir: string, ...args: string[]) {
  const script = new URL("./embedded_child.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, script, dataDir, ...args], { stdout: "pipe", stderr: "inherit" });
  return { child, lines: linesOf(child.stdout) };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

afterAll(removeDirs);

describe("the embedded database", () => {
  test("is created on first use, speaks vector, keeps its data over a clean stop, and its socket is private", async () => {
    const dataDir = freshDir();
    // What a start that was killed while it created the database leaves behind.
    mkdirSync(join(dataDir, "postgres.new"), { recursive: true });
    writeFileSync(join(dataDir, "postgres.new", "PG_VERSION"), "18\n");
    const first = keep(await startEmbedded({ dataDir, spawnThread }));
    const sql = connectDatabase(first.target, { max: 2, applicationName: "test" });
    await sql`CREATE EXTENSION vector`;
    await sql`CREATE TABLE kept (v vector)`;
    await sql`INSERT INTO kept VALUES ('[1,2,3]')`;
    expect(statSync(first.target.path).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, "postgres")).mode & 0o077).toBe(0);
    await endDatabase(sql);
    await first.stop();
    expect(readdirSync(dataDir).sort()).toEqual(["postgres", "run", "sluice.lock"]);

    const second = keep(await startEmbedded({ dataDir, spawnThread }));
    const again = connectDatabase(second.target, { max: 1, applicationName: "test" });
    const [row] = await again`SELECT v, v <-> '[1,2,4]' AS distance FROM kept`;
    expect(row).toEqual({ v: "[1,2,3]", distance: 1 });
    await endDatabase(again);
  });

  test("refuses a data directory of another Postgres version and leaves it alone", async () => {
    const dataDir = await preparedDir();
    writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "17\n");
    expect(await errorOf(startEmbedded({ dataDir, spawnThread }))).toMatchObject({ code: "data_dir.other_version" });
    lockDataDir(dataDir).release();
  });

  test("says that a damaged database does not open, and gives the directory free", async () => {
    const dataDir = await preparedDir();
    writeFileSync(join(dataDir, "postgres", "global", "pg_control"), "");
    const error = await errorOf(startEmbedded({ dataDir, spawnThread }));
    expect(error).toMatchObject({ code: "database.damaged" });
    expect(error.message).toContain("pg_control");
    lockDataDir(dataDir).release();
  });

  test("puts its socket elsewhere when the path of the data directory is too long for one", async () => {
    const dataDir = join(freshDir(), "d".repeat(100));
    const database = keep(await startFresh({ dataDir }));
    expect(database.target.path.length).toBeLessThan(104);
    const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
    const [row] = await sql`SELECT 1 AS n`;
    expect(row).toEqual({ n: 1 });
    await endDatabase(sql);
    await database.stop();
    expect(() => statSync(database.target.path)).toThrow();
  });

  test("comes back by itself when Postgres dies: clients see transient errors, what was committed is there", async () => {
    const crash = Promise.withResolvers<Error>();
    const database = keep(await startFresh({ onCrash: crash.resolve }));
    const sql = connectDatabase(database.target, { max: 2, applicationName: "test" });
    await sql`CREATE TABLE survivors AS SELECT 7 AS n`;
    // Overflows the stack of the thread.
    const error = await errorOf(sql`SELECT ${"[".repeat(200_000)}::text::jsonb`);
    expect(isTransient(error)).toBe(true);
    expect(await crash.promise).toMatchObject({ code: "database.unavailable" });
    let n: unknown;
    while (n === undefined)
      try {
        [n] = await sql`SELECT n FROM survivors`;
      } catch (fault) {
        expect(isTransient(fault)).toBe(true);
      }
    expect(n).toEqual({ n: 7 });
    await endDatabase(sql);
  });

  test("tries again for as long as it cannot be opened, as on a full disk", async () => {
    const dataDir = freshDir();
    const faults: Error[] = [];
    const tried = Promise.withResolvers<void>();
    const onCrash = (error: Error) => {
      faults.push(error);
      if (faults.length === 2) tried.resolve();
    };
    const database = keep(await startFresh({ dataDir, onCrash }));
    const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
    const control = join(dataDir, "postgres/global/pg_control");
    renameSync(control, `${control}.away`);
    await errorOf(sql`SELECT ${"[".repeat(200_000)}::text::jsonb`);
    await tried.promise;
    expect(faults[1]).toMatchObject({ code: "database.damaged" });
    renameSync(`${control}.away`, control);
    let answer: unknown;
    while (answer === undefined)
      [answer] = await sql`SELECT 1 AS n`.catch((fault: unknown) => {
        expect(isTransient(fault)).toBe(true);
        return [];
      });
    await endDatabase(sql);
  });

  test("stops while clients are busy: what was acknowledged is there, what was not is not half there", async () => {
    const dataDir = freshDir();
    const database = keep(await startFresh({ dataDir }));
    const sql = connectDatabase(database.target, { max: 4, applicationName: "test", connectTimeoutSeconds: 1 });
    await sql`CREATE TABLE pairs (id int8 GENERATED ALWAYS AS IDENTITY, token text)`;
    const acknowledged: string[] = [];
    const enough = Promise.withResolvers<void>();
    const writer = async (name: number) => {
      for (let i = 0; ; i++) {
        const token = `${name}-${i}`;
        await sql.begin(async (tx) => {
          await tx`INSERT INTO pairs (token) VALUES (${token})`;
          await tx`INSERT INTO pairs (token) VALUES (${token})`;
        });
        acknowledged.push(token);
        if (acknowledged.length === 50) enough.resolve();
      }
    };
    const writers = Promise.allSettled([1, 2, 3, 4].map(writer));
    await enough.promise;
    await database.stop();
    await endDatabase(sql, 1);
    await writers;
    const again = keep(await startFresh({ dataDir }));
    const reader = connectDatabase(again.target, { max: 1, applicationName: "test" });
    const found = await reader<{ token: string; n: number }[]>`SELECT token, count(*) AS n FROM pairs GROUP BY token`;
    expect(found.filter((row) => row.n !== 2)).toEqual([]);
    const tokens = new Set(found.map((row) => row.token));
    expect(acknowledged.filter((token) => !tokens.has(token))).toEqual([]);
    await endDatabase(reader);
  });
});

describe("the lock of a data directory", () => {
  test("keeps a second process out, naming the first, and is free the moment the first is killed", async () => {
    const dataDir = freshDir();
    const { child, lines } = startChild(dataDir, "hold");
    expect((await lines.next()).value).toBe("ready");
    const error = await errorOf(startEmbedded({ dataDir, spawnThread }));
    expect(error).toMatchObject({ code: "data_dir.locked", details: { holder: String(child.pid) } });
    child.kill("SIGKILL");
    await child.exited;
    lockDataDir(dataDir).release();
  });

  test("has exactly one winner within a process, too", () => {
    const dataDir = freshDir();
    const lock = lockDataDir(dataDir);
    expect(() => lockDataDir(dataDir)).toThrow(`pid ${process.pid}`);
    lock.release();
    lockDataDir(dataDir).release();
  });
});

describe("kill -9 under load", () => {
  test("loses no acknowledged row and leaves a database that opens", async () => {
    const dataDir = freshDir();
    const acknowledged: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { child, lines } = startChild(dataDir, "write", String(round * 1_000_000));
      expect((await lines.next()).value).toBe("ready");
      let seen = 0;
      for await (const line of lines) {
        acknowledged.push(Number(line));
        if (++seen === 60 + 40 * round) child.kill("SIGKILL");
      }
      await child.exited;
    }
    const database = keep(await startFresh({ dataDir }));
    const sql = connectDatabase(database.target, { max: 1, applicationName: "test" });
    const rows = await sql<{ id: number }[]>`SELECT id FROM acknowledged WHERE length(payload) = id % 3000`;
    const found = new Set(rows.map((row) => row.id));
    expect(acknowledged.length).toBeGreaterThan(200);
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
    await endDatabase(sql);
  });
});
