import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TransientError } from "../../src/errors.ts";
import { createApp } from "../../src/http/app.ts";
import { insertConnection } from "../../src/store/connections.ts";
import { sourceIdOf } from "../../src/store/ids.ts";
import type { ObjectStore } from "../../src/store/objects.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
/** Lets the object store or the database fail on demand. */
let putFails: ((key: string) => Promise<void>) | null = null;
beforeAll(async () => {
  f = await createFixture(({ objects }) => ({ objects: failing(objects) }));
}, START_MS);
afterAll(() => f.stop());
beforeEach(() => {
  putFails = null;
});

function failing(objects: ObjectStore): ObjectStore {
  return new Proxy(objects, {
    get(target, name) {
      if (name === "putNew")
        return async (...args: Parameters<ObjectStore["putNew"]>) => {
          await putFails?.(args[1]);
          return target.putNew(...args);
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const jobs = async () => Number((await f.sql`SELECT count(*)::int AS n FROM ingest_jobs`)[0]!.n);
const stored = async () =>
  (await readdir(join(f.dir, "objects"), { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

describe("POST /v1/ingest/sources/sync", () => {
  const sync = (body: Record<string, unknown>, token = f.tokens.write) =>
    f.send("POST", "/v1/ingest/sources/sync", {
      json: { tenant_id: f.tenant, source_types: ["FILE_CATALOG_OBJECT"], ...body },
      token,
    });

  test("without a connection of the types nothing is queued and the answer names them", async () => {
    const answer = await sync({});
    expect([answer.status, answer.at("error.code")]).toEqual([422, "connector.not_configured"]);
    expect(answer.at("error.details.source_types")).toEqual(["FILE_CATALOG_OBJECT"]);
    expect(await jobs()).toBe(0);
  });

  test("uploads cannot be synced, unknown connections cannot be found", async () => {
    expect(await sync({ source_types: ["FILE_UPLOAD_OBJECT"] })).toMatchObject({ status: 422 });
    const unknown = await sync({ connection: "no such thing" });
    expect([unknown.status, unknown.at("error.code")]).toEqual([404, "connection.not_found"]);
  });

  test("queues a job that says who asked for what, and rings", async () => {
    const base = {
      tenantId: f.tenant,
      sourceType: "FILE_CATALOG_OBJECT",
      config: { kind: "directory", root: "/x" },
      secrets: null,
    };
    const docs = await insertConnection(f.sql, { ...base, name: "docs" });
    const before = f.rung();
    const answer = await f.send("POST", "/v1/ingest/sources/sync", {
      json: { tenant_id: f.tenant, source_types: ["FILE_CATALOG_OBJECT"], force_reindex: true },
      headers: { "x-correlation-id": "nightly-1" },
    });
    expect([answer.status, answer.at("job_status")]).toEqual([202, "queued"]);
    expect(f.rung()).toBe(before + 1);
    const [row] = await f.sql`SELECT * FROM ingest_jobs WHERE job_id = ${answer.textAt("job_id")}`;
    expect(row).toMatchObject({
      tenant_id: f.tenant,
      job_type: "sync",
      job_status: "queued",
      listing: "pending",
      correlation_id: "nightly-1",
      requested_by: expect.stringContaining("write token"),
      job_payload_json: {
        source_types: ["FILE_CATALOG_OBJECT"],
        connection_id: null,
        force_reindex: true,
        confirm_deletions: false,
      },
    });
    for (const named of ["docs", docs!.connectionId]) {
      const one = await sync({ connection: named });
      const [payload] =
        await f.sql`SELECT job_payload_json ->> 'connection_id' AS id FROM ingest_jobs WHERE job_id = ${one.textAt("job_id")}`;
      expect(payload?.id).toBe(docs!.connectionId);
    }
  });

  test("a type without a connection stops the whole request rather than being passed over", async () => {
    const answer = await sync({ source_types: ["FILE_CATALOG_OBJECT", "CONFLUENCE_PAGE"] });
    expect([answer.status, answer.at("error.details.source_types")]).toEqual([422, ["CONFLUENCE_PAGE"]]);
    expect((await sync({ source_types: ["CONFLUENCE_PAGE"], connection: "docs" })).status).toBe(422);
  });

  test("an admin may ask for any tenant", async () => {
    expect((await sync({}, f.tokens.admin)).status).toBe(202);
  });
});

describe("POST /v1/ingest/files/upload", () => {
  type Part = [name: string, content: string | Uint8Array<ArrayBuffer>, type?: string];
  const form = (parts: Part[], tenant: "first" | "last" | "none" = "first"): FormData => {
    const data = new FormData();
    if (tenant === "first") data.append("tenant_id", f.tenant);
    for (const [name, content, type] of parts) data.append("file", new File([content], name, type ? { type } : {}));
    if (tenant === "last") data.append("tenant_id", f.tenant);
    return data;
  };
  const upload = (body: FormData) => f.send("POST", "/v1/ingest/files/upload", { body });

  test.each(["first", "last"] as const)(
    "accepts files with the tenant %s and queues an item for each",
    async (place) => {
      const text = `# Hello ${place}\n`;
      const answer = await upload(
        form(
          [
            [`${place}.md`, text],
            [`${place}.pdf`, "%PDF-1.4\nx"],
          ],
          place,
        ),
      );
      expect(answer.status).toBe(202);
      const sha256 = createHash("sha256").update(text).digest("hex");
      const sourceId = sourceIdOf(f.tenant, "FILE_UPLOAD_OBJECT", `upload://${place}.md`);
      expect(pickFirst(answer.at("files"))).toEqual({
        name: `${place}.md`,
        source_id: sourceId,
        size: text.length,
        sha256,
      });
      const items = await f.sql`SELECT * FROM ingest_items WHERE job_id = ${answer.textAt("job_id")} ORDER BY item_id`;
      expect(items.map((item) => [item.item_status, item.lane, item.connection_id])).toEqual([
        ["queued", "inline", null],
        ["queued", "isolated", null],
      ]);
      const descriptor = items[0]!.descriptor as { externalRef: string; locator: { raw_uri: string } };
      expect(descriptor.externalRef).toBe(`upload://${place}.md`);
      expect(new TextDecoder().decode(await f.objects.read(descriptor.locator.raw_uri))).toBe(text);
      expect((await f.send("GET", `/v1/jobs/${answer.textAt("job_id")}`)).json).toMatchObject({
        job_type: "upload",
        job_status: "processing",
        listing: "complete",
        descriptors_listed: 2,
        items_open: 2,
      });
      expect(await f.spooled()).toEqual([]);
    },
  );

  test("the same name in another Unicode form is the same source", async () => {
    const [nfc, nfd] = await Promise.all(["é.md", "e\u0301.md"].map((name) => upload(form([[name, "# x"]]))));
    expect(pickFirst(nfd!.at("files"))).toEqual(pickFirst(nfc!.at("files")));
  });

  const refused: [name: string, body: () => FormData, status: number, code: string][] = [
    ["no tenant", () => form([["a.md", "# A"]], "none"), 400, "request.invalid"],
    ["no file", () => form([]), 400, "upload.no_file"],
    ["an empty file", () => form([["a.md", ""]]), 400, "upload.empty_file"],
    [
      "a picture",
      () =>
        form([
          ["good.md", "# A"],
          ["a.png", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13])],
        ]),
      415,
      "upload.unsupported_type",
    ],
    [
      "a .docx that is cut off",
      () => form([["a.docx", new TextEncoder().encode("PK\u0003\u0004 and no more")]]),
      422,
      "convert.malformed",
    ],
    ["a large unknown file", () => form([["a.md", new Uint8Array(4_500_000)]]), 415, "upload.unsupported_type"],
    ["a file over the limit", () => form([["a.md", "x".repeat(5_000_001)]]), 413, "upload.too_large"],
    [
      "too many files",
      () => form(Array.from({ length: 6 }, (_, i): Part => [`${i}.md`, "x"])),
      413,
      "upload.too_many_files",
    ],
    [
      "the same name twice",
      () =>
        form([
          ["a.md", "1"],
          ["a.md", "2"],
        ]),
      400,
      "upload.duplicate_name",
    ],
  ];
  test.each(refused)("%s is refused and leaves nothing behind", async (_name, body, status, code) => {
    const before = [await jobs(), await stored()];
    const data = body();
    const answer = await upload(data);
    expect([answer.status, answer.at("error.code")]).toEqual([status, code]);
    expect([await jobs(), await stored()]).toEqual(before);
    expect(await f.spooled()).toEqual([]);
  });

  test("a large file is recognised without being read whole", async () => {
    const answer = await upload(form([["large.pdf", `%PDF-1.4\n${" ".repeat(4_500_000)}`]]));
    const [item] = await f.sql`SELECT lane FROM ingest_items WHERE job_id = ${answer.textAt("job_id")}`;
    expect([answer.status, item?.lane]).toEqual([202, "isolated"]);
  });

  test("an unknown field is refused by its name", async () => {
    const data = form([["a.md", "# A"]]);
    data.append("force", "true");
    expect((await upload(data)).at("error.details.fields")).toEqual(["force"]);
  });

  test("a body that is no form is refused", async () => {
    const answer = await f.send("POST", "/v1/ingest/files/upload", { json: { tenant_id: f.tenant } });
    expect([answer.status, answer.at("error.code")]).toEqual([415, "upload.not_multipart"]);
  });

  test("when the object store or the database fails, nothing is queued and nothing stays in the spool", async () => {
    const before = await jobs();
    let puts = 0;
    putFails = async () => {
      if (++puts === 2) throw new TransientError("objects.unavailable", "down");
    };
    const two: [string, string][] = [
      ["new.md", "# new"],
      ["third.md", "# third"],
    ];
    const answer = await upload(form(two));
    expect([answer.status, answer.at("error.retryable"), puts]).toEqual([503, true, 2]);
    putFails = null;
    await f.sql`ALTER TABLE ingest_items ADD CONSTRAINT test_refuses CHECK (external_ref <> 'upload://third.md')`;
    const refused = await upload(form(two));
    await f.sql`ALTER TABLE ingest_items DROP CONSTRAINT test_refuses`;
    expect(refused.at("error.code")).toBe("internal.unexpected");
    expect([await jobs(), await f.spooled()]).toEqual([before, []]);
  });

  test("the same upload twice at once: when one fails after the other found its object, the other's is still there", async () => {
    const same: [string, string][] = [["twice.md", "# twice"]];
    const firstHasPut = Promise.withResolvers<void>();
    const secondIsQueued = Promise.withResolvers<void>();
    let puts = 0;
    putFails = async () => {
      puts++;
    };
    // The first one's transaction waits for the second one's, then fails.
    const { sql } = f.deps;
    let caught = false;
    f.deps.sql = new Proxy(sql, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== "begin") return value;
        return async (...given: [string, Parameters<typeof sql.begin>[1]]) => {
          if (puts !== 1 || caught) return target.begin(...given);
          caught = true;
          firstHasPut.resolve();
          await secondIsQueued.promise;
          throw new TransientError("database.unavailable", "gone");
        };
      },
    });
    const app = createApp(f.deps);
    const send = () =>
      app.request("/v1/ingest/files/upload", {
        method: "POST",
        body: form(same),
        headers: { authorization: `Bearer ${f.tokens.write}` },
      });
    const first = send();
    await firstHasPut.promise;
    const second = await send();
    f.deps.sql = sql;
    secondIsQueued.resolve();
    expect([second.status, (await first).status]).toEqual([202, 503]);
    const { job_id: jobId } = (await second.json()) as { job_id: string };
    const [item] =
      await f.sql`SELECT descriptor #>> '{locator,raw_uri}' AS uri FROM ingest_items WHERE job_id = ${jobId}`;
    expect(new TextDecoder().decode(await f.objects.read(item!.uri))).toBe("# twice");
  });
});

const pickFirst = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);
