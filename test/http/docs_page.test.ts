import { afterAll, beforeAll, expect, test } from "bun:test";
import { CODES } from "../../src/errors.ts";
import { docsPage } from "../../src/http/docs_page.ts";
import { type Answer, createFixture, type Fixture, pick, START_MS } from "./fixture.ts";

let f: Fixture;
let page: Answer;
let description: unknown;
beforeAll(async () => {
  f = await createFixture();
  page = await f.send("GET", "/docs", { token: null });
  description = (await f.send("GET", "/openapi.json", { token: null })).json;
}, START_MS);
afterAll(() => f.stop());

test("the page shows every route, schema and error of the description", () => {
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const paths = pick(description, "paths") as Record<string, Record<string, { operationId?: string }>>;
  for (const [path, item] of Object.entries(paths)) {
    expect(page.text).toContain(`<code>${path}</code>`);
    for (const { operationId } of Object.values(item))
      if (operationId) expect(page.text).toContain(`id="${operationId}"`);
  }
  for (const name of Object.keys(pick(description, "components.schemas") as object))
    expect(page.text).toContain(`id="schema-${name}"`);
  expect(page.text).toContain(CODES["connection.duplicate_name"].help.split(",")[0]!);
});

test("every link within the page leads somewhere, and none leads to another server", () => {
  const targets = [...page.text.matchAll(/(?:href|src)="([^"]*)"/g)].map((match) => match[1]!);
  const ids = new Set([...page.text.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]!));
  expect(targets.length).toBeGreaterThan(80);
  expect(targets.filter((target) => !(target.startsWith("#") && ids.has(target.slice(1))))).toEqual(["/openapi.json"]);
});

test("it runs no script and its one style sheet is the one that its policy names", () => {
  const policy = page.headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'");
  const style = /<style>([\s\S]*?)<\/style>/.exec(page.text)![1]!;
  expect(policy).toContain(`'sha256-${new Bun.CryptoHasher("sha256").update(style).digest("base64")}'`);
  expect(page.text).not.toMatch(/<script|\son\w+=|\sstyle=/);
});

test("commands can be pasted into a shell", () => {
  const commands = [...page.text.matchAll(/<code>(curl [^<]*)<\/code>/g)].map((match) => unescaped(match[1]!));
  expect(commands.length).toBeGreaterThan(30);
  for (const command of commands) {
    const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", command.replace(/^curl/, "printf '%s\\0'")], {
      env: { TOKEN: "slu_x" },
    });
    expect([command, exitCode]).toEqual([command, 0]);
    const words = stdout.toString().split("\0");
    const json = words[words.indexOf("-d") + 1];
    if (command.includes("-d ")) expect(() => JSON.parse(json!)).not.toThrow();
  }
});

test("text of the description is shown and never taken for markup", async () => {
  const hostile = structuredClone(description) as { paths: Record<string, { get: { summary: string } }> };
  hostile.paths["/healthz"]!.get.summary = `<img src=x onerror=alert(1)>`;
  const text = await docsPage(hostile as unknown as Record<string, unknown>);
  expect(text).not.toContain("<img");
  expect(text).toContain("&lt;img");
});

const unescaped = (text: string): string =>
  text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
