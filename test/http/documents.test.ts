import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { ROUTES } from "../../src/http/routes.ts";
import { insertVectors } from "../../src/index/write_vectors.ts";
import type { PreparedDocument, PreparedLink } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { claimFor, documentIdFor, prepared } from "../support/documents.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
const A = "file:///srv/docs/Pl%C3%A4ne%20%22alt%22.md";
const B = "file:///srv/docs/b.md";
const C = "file:///srv/other/c.md";
let idA = "";

/** Puts a version of a document in place, with its objects, as the pipeline would. */
async function publish(ref: string, markdown: string, links: PreparedLink[] = []): Promise<PreparedDocument> {
  const [item] = await claimFor(f.sql, f.tenant, [ref]);
  const document = prepared(item!, markdown, links);
  const bytes = new TextEncoder().encode(markdown);
  const key = `${f.tenant}/${document.sourceId}/${document.versionId}`;
  document.rawUri = (await f.objects.putNew("raw", `${key}/raw.bin`, bytes, "application/octet-stream")).uri;
  document.markdownUri = (await f.objects.putNew("markdown", `${key}/normalized.md`, bytes, "text/markdown")).uri;
  await swapIn(f.sql, [document], f.deps.embedder.model);
  return document;
}

const link = (href: string, targets: string[] | null): PreparedLink => ({
  linkType: "internal",
  href,
  linkText: href,
  anchor: null,
  targetDocumentIds: targets,
});

beforeAll(async () => {
  f = await createFixture();
  await publish(A, "# Alpha\n\nFirst version.\n");
  await publish(A, "# Alpha\n\nSecond version speaks of turbines.\n\n## More\n\nAnother passage.\n", [
    link("b.md", [documentIdFor(f.tenant, B)]),
    link("https://example.org", null),
  ]);
  await publish(B, "# Beta\n\nText.\n", [link("a.md", [documentIdFor(f.tenant, A)])]);
  await publish(C, "# Gamma\n");
  idA = documentIdFor(f.tenant, A);
}, START_MS);
afterAll(() => f.stop());

const refs = async (query: string) =>
  ((await f.send("GET", `/v1/documents?${query}`)).at("documents") as { external_ref: string }[]).map(
    (d) => d.external_ref,
  );

describe("GET /v1/documents", () => {
  test("lists newest first, a page at a time", async () => {
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = await f.send("GET", `/v1/documents?limit=1&cursor=${cursor}`);
      seen.push(...(page.at("documents") as { external_ref: string }[]).map((d) => d.external_ref));
      cursor = String(page.at("next_cursor") ?? "");
    } while (cursor);
    expect(seen).toEqual([C, B, A]);
  });

  test.each([
    [`external_ref=${encodeURIComponent(B)}`, [B]],
    [`external_ref_prefix=${encodeURIComponent("file:///srv/docs/")}`, [B, A]],
    ["external_ref_prefix=file:%25", []],
    ["source_type=FILE_CATALOG_OBJECT", [C, B, A]],
    ["source_type=FILE_UPLOAD_OBJECT", []],
    ["connection_id=0192f000-0000-7000-8000-000000000001", []],
    ["q=B.MD", [B]],
    ["q=%25", [A]],
    ["q=_", []],
  ])("?%s", async (query, expected) => {
    expect(await refs(query)).toEqual(expected);
  });

  test("hidden documents are listed only when they are asked for, but can be read by their id", async () => {
    await f.sql`UPDATE documents SET hidden = true WHERE external_ref = ${C}`;
    expect(await refs("")).toEqual([B, A]);
    expect(await refs("include_hidden=true")).toEqual([C, B, A]);
    expect((await f.send("GET", `/v1/documents/${documentIdFor(f.tenant, C)}`)).at("hidden")).toBe(true);
    await f.sql`UPDATE documents SET hidden = false`;
  });
});

test("a document shows its current version, to its tenant and to admins", async () => {
  const answer = await f.send("GET", `/v1/documents/${idA}`);
  expect(answer.json).toMatchObject({
    document_id: idA,
    external_ref: A,
    language: "en",
    version: { current: true, media_type: "text/markdown", converter_version: "1" },
  });
  expect(answer.at("version.source_version_id")).toBe(answer.at("source_version_id"));
  expect((await f.send("GET", `/v1/documents/${idA}`, { token: f.tokens.admin })).status).toBe(200);
  for (const path of ["", "/markdown", "/raw", "/chunks", "/versions", "/links"])
    expect((await f.send("GET", `/v1/documents/${idA}${path}`, { token: f.tokens.other })).at("error.code")).toBe(
      "document.not_found",
    );
});

describe("the bytes of a document", () => {
  test("Markdown is streamed and need not be sent twice", async () => {
    const answer = await f.send("GET", `/v1/documents/${idA}/markdown`);
    expect(answer.headers.get("content-type")).toBe("text/markdown; charset=utf-8");
    expect(answer.text).toContain("turbines");
    const etag = answer.headers.get("etag")!;
    for (const given of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const again = await f.send("GET", `/v1/documents/${idA}/markdown`, { headers: { "if-none-match": given } });
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect((await f.send("GET", `/v1/documents/${idA}/markdown`, { headers: { "if-none-match": '"x"' } })).status).toBe(
      200,
    );
  });

  test("an older version is there, another document's is not", async () => {
    const versions = (await f.send("GET", `/v1/documents/${idA}/versions`)).at("versions") as {
      source_version_id: string;
      current: boolean;
    }[];
    expect(versions.map((version) => version.current)).toEqual([true, false]);
    const old = versions[1]!.source_version_id;
    expect((await f.send("GET", `/v1/documents/${idA}/markdown?version=${old}`)).text).toContain("First version");
    expect((await f.send("GET", `/v1/documents/${idA}/raw?version=${old}`)).text).toContain("First version");
    const foreign = await f.send("GET", `/v1/documents/${documentIdFor(f.tenant, B)}/raw?version=${old}`);
    expect([foreign.status, foreign.at("error.code")]).toEqual([404, "document.version_not_found"]);
  });

  test("the raw payload is only ever a download", async () => {
    const { headers, text } = await f.send("GET", `/v1/documents/${idA}/raw`);
    expect(text).toContain("turbines");
    expect(headers.get("content-disposition")).toBe(
      `attachment; filename="Pl_ne _alt_.md"; filename*=UTF-8''Pl%C3%A4ne%20_alt_.md`,
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("sandbox");
  });

  test("HEAD tells the size without the bytes", async () => {
    const answer = await f.send("HEAD", `/v1/documents/${idA}/raw`);
    expect([answer.status, answer.text, Number(answer.headers.get("content-length"))]).toEqual([200, "", 71]);
  });

  test("an object that is gone is a clear answer", async () => {
    const document = await publish("file:///srv/gone.md", "# Gone\n");
    await f.objects.remove(document.markdownUri);
    const answer = await f.send("GET", `/v1/documents/${document.documentId}/markdown`);
    expect([answer.status, answer.at("error.code")]).toEqual([404, "objects.not_found"]);
  });
});

test("chunks come in order with all their columns and the state of their vector", async () => {
  const all = await f.send("GET", `/v1/documents/${idA}/chunks`);
  const chunks = all.at("chunks") as { chunk_id: string; chunk_text: string; ordinal: number }[];
  expect(chunks.map((chunk) => chunk.ordinal)).toEqual(chunks.map((_, i) => i));
  expect(chunks.length).toBeGreaterThan(1);
  expect(all.at("chunks.0")).toMatchObject({ embedding_state: "pending", embedding_model: null });
  const vector = await f.deps.embedder.embedQuery("turbines");
  const row = { tenantId: f.tenant, chunkId: chunks[0]!.chunk_id, textSha256: "0".repeat(64), vector };
  await insertVectors(f.sql, [row], f.deps.embedder.model, vector.length);
  const first = await f.send("GET", `/v1/documents/${idA}/chunks?limit=1`);
  expect(first.at("chunks.0")).toMatchObject({
    embedding_state: "embedded",
    embedding_model: f.deps.embedder.model,
    embedding_input_mode: "path_and_text",
  });
  const second = await f.send("GET", `/v1/documents/${idA}/chunks?limit=1&cursor=${first.textAt("next_cursor")}`);
  expect(second.at("chunks.0.ordinal")).toBe(1);
});

test("links lead out and in, and both lists are paged", async () => {
  const answer = await f.send("GET", `/v1/documents/${idA}/links`);
  expect(answer.json).toMatchObject({
    outgoing: [
      { ordinal: 0, href: "b.md", to_document_id: documentIdFor(f.tenant, B), to_title: "b.md" },
      { ordinal: 1, href: "https://example.org", to_document_id: null },
    ],
    incoming: [{ from_document_id: documentIdFor(f.tenant, B), from_title: "b.md", ordinal: 0 }],
    next_cursor: null,
  });
  const first = await f.send("GET", `/v1/documents/${idA}/links?limit=1`);
  expect([first.at("outgoing.0.ordinal"), first.at("incoming.0.ordinal")]).toEqual([0, 0]);
  const second = await f.send("GET", `/v1/documents/${idA}/links?limit=1&cursor=${first.textAt("next_cursor")}`);
  expect([second.at("outgoing.0.ordinal"), second.at("incoming"), second.at("next_cursor")]).toEqual([1, [], null]);
});

test("search finds passages of its tenant, and filters narrow it", async () => {
  const search = (more: Record<string, unknown> = {}, token = f.tokens.read) =>
    f.send("POST", "/v1/search", { json: { tenant_id: f.tenant, query: "turbines", mode: "lexical", ...more }, token });
  const answer = await search();
  expect(answer.json).toMatchObject({
    mode: "lexical",
    hits: [{ document_id: idA, external_ref: A, lexical_rank: 1 }],
  });
  expect((await search({ filters: { external_ref_prefix: "file:///srv/other/" } })).at("hits")).toEqual([]);
  expect(
    (await search({ filters: { updated_after: "2001-01-01T00:00:00+02:00", languages: ["en"] } })).at(
      "hits.0.document_id",
    ),
  ).toBe(idA);
  expect((await search({ tenant_id: f.otherTenant }, f.tokens.other)).at("hits")).toEqual([]);
  expect((await search({ query: "100% 'quoted\" & | ! <-> :*" })).status).toBe(200);
});

test("answers are what the description says", async () => {
  const urls = [
    "/v1/documents",
    "/v1/documents/{id}",
    "/v1/documents/{id}/chunks",
    "/v1/documents/{id}/versions",
    "/v1/documents/{id}/links",
  ];
  for (const path of urls) {
    const produces = ROUTES.find((route) => route.path === path && route.method === "get")?.produces;
    if (!produces || !("schema" in produces)) throw new Error(`no schema for ${path}`);
    expect(v.safeParse(produces.schema, (await f.send("GET", path.replace("{id}", idA))).json).issues).toBeUndefined();
  }
  const search = ROUTES.find((route) => route.path === "/v1/search")?.produces;
  if (!search || !("schema" in search)) throw new Error("no schema for search");
  const hits = await f.send("POST", "/v1/search", { json: { tenant_id: f.tenant, query: "turbines" } });
  expect(v.safeParse(search.schema, hits.json).issues).toBeUndefined();
});
