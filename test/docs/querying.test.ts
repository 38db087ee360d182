/** Runs every statement and program of docs/querying.md on an ingested corpus, with an embeddings endpoint behind it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { connectDatabase, type DatabaseTarget, endDatabase } from "../../src/db/connect.ts";
import { HashEmbedder } from "../../src/embed/hash.ts";
import { type Service, scratch, serve, sluiceJson } from "../support/binary.ts";
import { realServices } from "../support/services.ts";
import { blocksOf } from "./blocks.ts";

const ROOT = join(import.meta.dir, "../..");
const MODEL = "stand-in";
const QUESTION = "vacation days";
const services = await realServices();
const folder = scratch();
const words = new HashEmbedder();
const vectorOf = async (text: string): Promise<number[]> => [...(await words.embedQuery(text))];

/** Speaks OpenAI's /v1/embeddings with vectors that are near where words are shared. */
const endpoint = Bun.serve({
  port: 0,
  async fetch(request) {
    const { input } = (await request.json()) as { input: string[] };
    const data = await Promise.all(input.map(async (text, index) => ({ index, embedding: await vectorOf(text) })));
    return Response.json({ data, usage: { total_tokens: 7 } });
  },
});
const env: Record<string, string> = {
  EMBEDDINGS_URL: `${endpoint.url.origin}/v1`,
  EMBEDDINGS_MODEL: MODEL,
  ...services?.env,
};
let service: Service;
let sql: Sql;
let parameters: Record<string, unknown>;

beforeAll(async () => {
  const ingested = await sluiceJson(folder, ["ingest", join(ROOT, "test/demo/documents")], env);
  expect(ingested).toMatchObject({ exitCode: 0, items_ingested: 13 });
  service = await serve(folder, env);
  const socket = { path: join(folder, ".sluice/run/db.sock"), user: "postgres", database: "postgres" };
  const target: DatabaseTarget = services ? { url: services.env["DATABASE_URL"]! } : socket;
  sql = connectDatabase(target, { max: 1, applicationName: "docs" });
  const [tenant] = await sql`SELECT tenant_id FROM tenants`;
  const [linking] = await sql`SELECT from_document_id FROM cross_links LIMIT 1`;
  const [chunk] = await sql`SELECT chunk_id FROM chunks LIMIT 1`;
  const vector = JSON.stringify(await vectorOf(QUESTION));
  // As an application would: with a role that row-level security binds.
  if (services) await sql`SET ROLE sluice_runtime`;
  parameters = {
    ...{ "tenant id": tenant!["tenant_id"], "embedding model": MODEL, words: QUESTION },
    ...{ "question vector": vector, "question vector as halfvec": vector, "chunk id": chunk!["chunk_id"] },
    ...{ "document id": linking!["from_document_id"], "chunk ids": [chunk!["chunk_id"]], "point in time": new Date(0) },
  };
}, 120_000);
afterAll(async () => {
  await endDatabase(sql);
  await service.stop();
  await endpoint.stop(true);
  await services?.close();
});

for (const { at, text, run } of blocksOf("docs/querying.md").filter(({ language }) => language === "sql"))
  test.if(run !== "never")(`the statement at ${at} finds something`, async () => {
    const numbers = [...new Set(text.replace(/^--.*$/gm, "").match(/\$\d+/g) ?? [])].sort();
    const named = new Map([...text.matchAll(/(\$\d+): ([a-z ]+)/g)].map(([, number, name]) => [number!, name!.trim()]));
    const values = numbers.map((number) => parameters[named.get(number) ?? ""]);
    expect(values).not.toContain(undefined);
    // A statement may leave a number out.
    const numbered = numbers.reduce((statement, number, i) => statement.replaceAll(number, `$${i + 1}`), text);
    const rows = await sql.unsafe(numbered.replace(/;\s*$/, ""), values as string[]);
    expect(rows.length).toBeGreaterThan(0);
    if (/LIMIT 10/.test(text)) expect(JSON.stringify(rows).toLowerCase()).toContain("vacation");
  });

test.if(services !== null)("the program finds the passages that answer its question", async () => {
  const program = blocksOf("docs/querying.md").find(({ language }) => language === "ts")!;
  const home = join(folder, "program");
  mkdirSync(home);
  symlinkSync(join(ROOT, "node_modules"), join(home, "node_modules"));
  writeFileSync(join(home, "answer.ts"), program.text);
  const given = { ...env, PATH: process.env["PATH"]!, TENANT: String(parameters["tenant id"]) };
  const child = Bun.spawn([process.execPath, "answer.ts"], { cwd: home, env: given, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toStartWith("Answer from these passages");
  expect(stdout.toLowerCase()).toContain("vacation");
});
