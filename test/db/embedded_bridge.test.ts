import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { Sql } from "postgres";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import type { EmbeddedDatabase } from "../../src/db/embedded/embedded.ts";
import { errorOf, removeDirs, startFresh } from "./embedded_fixture.ts";

setDefaultTimeout(60_000);

let database: EmbeddedDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await startFresh({ idleInTransactionMs: 700 });
  sql = connectDatabase(database.target, { max: 4, applicationName: "test" });
});
afterAll(async () => {
  await endDatabase(sql);
  await database.stop();
  removeDirs();
});

/** A client that speaks the protocol by hand. */
class RawClient {
  replies = "";
  closed = false;
  #changed = Promise.withResolvers<void>();

  private constructor(readonly socket: Socket) {
    const changed = () => {
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    socket.on("data", (bytes) => {
      this.replies += bytes.toString("latin1");
      changed();
    });
    socket.on("close", () => {
      this.closed = true;
      changed();
    });
    socket.on("error", () => {});
  }

  static async open(parameters = "user\0postgres\0database\0postgres\0\0"): Promise<RawClient> {
    const client = new RawClient(connect(database.target.path));
    const body = Buffer.concat([Buffer.from([0, 3, 0, 0]), Buffer.from(parameters)]);
    client.socket.write(Buffer.concat([int32(body.length + 4), body]));
    await client.until(() => client.closed || client.#ready());
    return client;
  }

  /** Sends messages given as [type, body] and forgets the replies so far. */
  send(...messages: [string, string][]): void {
    this.replies = "";
    for (const [type, body] of messages) {
      const bytes = Buffer.from(body, "latin1");
      this.socket.write(Buffer.concat([Buffer.from(type), int32(bytes.length + 4), bytes]));
    }
  }

  async ask(...messages: [string, string][]): Promise<string> {
    this.send(...messages);
    await this.until(() => this.closed || this.#ready());
    return this.replies;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  #ready(): boolean {
    return /Z\0\0\0\x05[ITE]$/.test(this.replies);
  }
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const PARSE = (name: string, text: string): [string, string] => ["P", `${name}\0${text}\0\0\0`];
const BIND = (name: string): [string, string] => ["B", `\0${name}\0\0\0\0\0\0\0`];
const EXECUTE: [string, string] = ["E", "\0\0\0\0\0"];
const SYNC: [string, string] = ["S", ""];
const QUERY = (text: string): [string, string] => ["Q", `${text}\0`];

describe("clients that share the backend", () => {
  test("may use the same statement name for different statements", async () => {
    const [a, b] = [await RawClient.open(), await RawClient.open()];
    await a.ask(PARSE("s", "select 'of a'"), SYNC);
    await b.ask(PARSE("s", "select 'of b'"), SYNC);
    expect(await a.ask(BIND("s"), EXECUTE, SYNC)).toContain("of a");
    expect(await b.ask(BIND("s"), EXECUTE, SYNC)).toContain("of b");
    a.socket.destroy();
    b.socket.destroy();
  });

  test("leave no prepared statement behind", async () => {
    const raw = await RawClient.open();
    await raw.ask(PARSE("left_behind", "select 1"), SYNC);
    const count = () => sql`SELECT 1 FROM pg_prepared_statements WHERE name LIKE '%left_behind'`.then((r) => r.count);
    expect(await count()).toBe(1);
    raw.socket.end();
    await raw.until(() => raw.closed);
    while ((await count()) > 0);
  });

  test("do not see a transaction that its client left open, whichever way it vanished", async () => {
    await sql`CREATE TABLE left_open (n int)`;
    for (const leave of ["destroy", "end", "mid-batch"]) {
      const raw = await RawClient.open();
      await raw.ask(QUERY("begin"));
      await raw.ask(QUERY("insert into left_open values (1)"));
      // Flush makes the backend answer without ending the batch.
      if (leave === "mid-batch") raw.send(PARSE("", "select 1"), ["H", ""]);
      if (leave === "mid-batch") await raw.until(() => raw.replies.startsWith("1"));
      if (leave === "end") raw.socket.end();
      else raw.socket.destroy();
      expect((await sql`SELECT count(*) AS n FROM left_open`)[0]).toEqual({ n: 0 });
    }
  });

  test("are not kept waiting by one that is silent inside a transaction", async () => {
    const raw = await RawClient.open();
    await raw.ask(QUERY("begin"));
    raw.replies = "";
    expect((await sql`SELECT 1 AS n`)[0]).toEqual({ n: 1 });
    await raw.until(() => raw.closed);
    expect(raw.replies).toContain("25P03");
  });

  test("have their turn in the order of their coming, even next to one that sends without end", async () => {
    const flood = await RawClient.open();
    flood.send(...Array.from({ length: 400 }, () => QUERY("select 'flood' from generate_series(1, 2000)")));
    await flood.until(() => flood.replies.length > 0);
    const answered = () => flood.replies.split("SELECT 2000").length - 1;
    const before = answered();
    const other = await RawClient.open();
    await other.ask(QUERY("select 1"));
    expect(answered() - before).toBeLessThan(200);
    await flood.until(() => answered() === 400);
    flood.socket.destroy();
    other.socket.destroy();
  });
});

describe("what would end the backend for everybody", () => {
  test("ends the statement or the client only", async () => {
    const error = await errorOf(sql.unsafe("copy pg_class from stdin"));
    expect(error.code).toBe("0A000");
    const hidden = await RawClient.open();
    expect(await hidden.ask(QUERY("create temp table c (n int); copy c from stdin"))).toContain("57014");
    const garbage = await RawClient.open();
    expect(await garbage.ask(["\x01", "garbage"])).toContain("08P01");
    expect(garbage.closed).toBe(true);
    const huge = await RawClient.open();
    huge.socket.write(Buffer.from("Q\x7f\xff\xff\xff", "latin1"));
    await huge.until(() => huge.closed);
    expect((await hidden.ask(QUERY("select 'alive'"))).includes("alive")).toBe(true);
    hidden.socket.destroy();
  });

  test("a database that does not exist is refused by name", async () => {
    const raw = await RawClient.open("user\0postgres\0database\0other\0\0");
    expect(raw.replies).toContain("3D000");
  });
});

describe("errors", () => {
  test("skip the rest of a pipeline until Sync and leave the connection usable", async () => {
    const raw = await RawClient.open();
    const replies = await raw.ask(
      PARSE("", "select 1/0"),
      BIND(""),
      EXECUTE,
      PARSE("never", "select 2"),
      BIND("never"),
      EXECUTE,
      SYNC,
    );
    expect(replies).toContain("22012");
    expect(replies).not.toContain("SELECT 1");
    expect(await raw.ask(QUERY("select 'next'"))).toContain("next");
    raw.socket.destroy();
  });
});

describe("a client that sends more than can be worked off", () => {
  test("is not read any further until its turn comes", async () => {
    const [owner, sender] = [await RawClient.open(), await RawClient.open()];
    await owner.ask(QUERY("begin"));
    const megabyte = "x".repeat(1_000_000);
    for (let n = 0; n < 64; n++) sender.send(QUERY(`select length('${megabyte}')`));
    for (let n = 0; n < 50; n++) await owner.ask(QUERY("select 1"));
    expect(sender.socket.writableLength).toBeGreaterThan(32_000_000);
    await owner.ask(QUERY("commit"));
    await sender.until(() => sender.replies.split("SELECT 1\0").length - 1 === 64);
    owner.socket.destroy();
    sender.socket.destroy();
  });
});

describe("large results", () => {
  test("arrive whole at a client that reads slowly, and do not hold up the others", async () => {
    const raw = await RawClient.open();
    raw.socket.pause();
    raw.send(QUERY("select repeat(md5(n::text), 1000) from generate_series(1, 1000) n"));
    for (let n = 0; n < 20; n++) expect((await sql`SELECT ${n}::int4 AS n`)[0]).toEqual({ n });
    raw.socket.resume();
    await raw.until(() => raw.replies.includes("SELECT 1000\0"));
    expect(raw.replies.length).toBeGreaterThan(32_000_000);
    raw.socket.destroy();
  });

  test("can be read with a cursor", async () => {
    let rows = 0;
    for await (const batch of sql`SELECT n FROM generate_series(1, 10000) n`.cursor(1000)) rows += batch.length;
    expect(rows).toBe(10_000);
  });
});

test("clients act as roles of their own, though their session is one", async () => {
  await sql.unsafe(
    "CREATE ROLE one NOLOGIN; CREATE ROLE two NOLOGIN; CREATE TABLE of_one (n integer); GRANT SELECT ON of_one TO one",
  );
  const as = (role: string) => RawClient.open(`user\0postgres\0database\0postgres\0role\0${role}\0\0`);
  const [one, two, lost] = [await as("one"), await as("two"), await as("nobody_of_that_name")];
  const ask = async (client: RawClient, text: string): Promise<string> => {
    client.send(["Q", `${text}\0`]);
    await client.until(() => client.closed || client.replies.includes("Z\0\0\0\x05I"));
    return client.replies;
  };
  for (let round = 0; round < 3; round++) {
    expect(await ask(one, "SELECT current_user")).toContain("one");
    expect(await ask(two, "SELECT n FROM of_one")).toContain("permission denied");
    expect(await ask(one, "SELECT n FROM of_one")).toContain("SELECT 0");
    expect((await sql`SELECT current_user AS role`)[0]!.role).toBe("postgres");
  }
  expect(await ask(lost, "SELECT n FROM of_one")).toContain("cannot be used");
  expect(lost.closed).toBe(true);
  for (const client of [one, two]) client.socket.destroy();
});
