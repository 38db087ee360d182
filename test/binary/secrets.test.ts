/**
 * No secret in anything that the service says: its logs at the most talkative level, its answers, its job rows. Whatever
 * stands behind it is a server that refuses everything and quotes in its refusal what it was sent.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { client, type Service, scratch, serve, sluice } from "../support/binary.ts";

const secret = (name: string): string => `${name}-${Bun.randomUUIDv7().replaceAll("-", "")}`;
const SECRETS = {
  S3_ACCESS_KEY_ID: secret("S3ID"),
  S3_SECRET_ACCESS_KEY: secret("S3KEY"),
  EMBEDDINGS_API_KEY: secret("EMBED"),
  SECRET_KEY: secret("SEAL"),
  CONFLUENCE_API_TOKEN: secret("WIKI"),
  connection: secret("CONN"),
  databasePassword: secret("DBPASS"),
  unknownToken: `slu_${secret("GUESS")}`,
};
/** S3 names the key that signed a request in every request; only the key that signs is secret. */
const { S3_ACCESS_KEY_ID: _, ...HIDDEN } = SECRETS;

/** Quotes the credentials of each request, in the words of all the protocols that come here. */
const echo = Bun.serve({
  port: 0,
  async fetch(request) {
    const sent = `${request.headers.get("authorization")} ${Buffer.from((request.headers.get("authorization") ?? "").replace(/^Basic /, ""), "base64")}`;
    if (request.url.includes("/rest/") || request.url.includes("/wiki"))
      return Response.json({ statusCode: 401, message: `refused ${sent}` }, { status: 401 });
    if (request.url.includes("/v1/")) return Response.json({ error: { message: `refused ${sent}` } }, { status: 401 });
    return new Response(
      `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>refused ${sent}</Message></Error>`,
      { status: 403, headers: { "content-type": "application/xml" } },
    );
  },
});
const home = scratch();
const env = {
  ...Object.fromEntries(Object.entries(SECRETS).filter(([name]) => name === name.toUpperCase())),
  LOG_LEVEL: "trace",
  WORKER_THREADS: "1",
  S3_ENDPOINT: `http://127.0.0.1:${echo.port}`,
  S3_BUCKET_RAW: "raw",
  S3_BUCKET_MARKDOWN: "markdown",
  EMBEDDINGS_URL: `http://127.0.0.1:${echo.port}/v1`,
  EMBEDDINGS_MODEL: "m",
  EMBEDDINGS_DIMENSIONS: "8",
  CONFLUENCE_BASE_URL: `http://127.0.0.1:${echo.port}/wiki`,
  CONFLUENCE_DEPLOYMENT: "cloud",
  CONFLUENCE_EMAIL: "bot@acme.example",
  CONFLUENCE_ALLOW_PRIVATE_NETWORK: "true",
  WEBHOOK_ALLOW_PRIVATE_NETWORK: "true",
  ITEM_ATTEMPTS_MAX: "1",
};
let service: Service;
const said: string[] = [];
beforeAll(async () => {
  service = await serve(home, env);
}, 60_000);
afterAll(async () => {
  await service.kill();
  await echo.stop(true);
});

function expectNothingIn(text: string, secrets: Record<string, string>): void {
  for (const [name, value] of Object.entries(secrets)) {
    const shapes = [value, Buffer.from(value).toString("base64").slice(0, -4), encodeURIComponent(value)];
    for (const shape of shapes) {
      const at = text.indexOf(shape);
      expect({ name, near: at < 0 ? null : text.slice(Math.max(0, at - 200), at + 20) }).toEqual({ name, near: null });
    }
  }
}

test("a run through every failure says no secret in logs, answers and rows", async () => {
  const kept = JSON.parse(readFileSync(join(home, ".sluice/token.json"), "utf8")) as {
    token: string;
    tenant_id: string;
  };
  const plain = client(service.url, kept.token);
  const call: typeof plain.call = async (...args) => {
    const answer = await plain.call(...args);
    said.push(await answer.response.clone().text());
    return answer;
  };
  const tenant_id = kept.tenant_id;
  const config = { kind: "confluence", base_url: `http://127.0.0.1:${echo.port}/wiki`, email: "a@b.example" };
  const connection = { tenant_id, source_type: "CONFLUENCE_PAGE", name: "wiki", config };

  const made = await call("POST", "/v1/connections", { ...connection, secrets: { api_token: SECRETS.connection } });
  expect(made.status).toBe(201);
  await call("GET", `/v1/connections/${made.json["connection_id"]}`);
  await call("POST", `/v1/connections/${made.json["connection_id"]}/test`, {});
  // Refused bodies: what is wrong with them is named, what they hold is not quoted.
  await call("POST", "/v1/connections", { ...connection, secrets: { api_tokn: SECRETS.connection } });
  await call("POST", "/v1/connections", { ...connection, secrets: SECRETS.connection });
  await call("POST", "/v1/connections", { ...connection, name: "x", secret: SECRETS.connection });
  await call("POST", "/v1/connections", {
    ...connection,
    name: "y",
    config: { ...config, password: SECRETS.connection },
  });
  const sync = await call("POST", "/v1/ingest/sources/sync", { tenant_id, source_types: ["CONFLUENCE_PAGE"] });
  await call("POST", "/v1/search", { tenant_id, query: "words" });
  const form = new FormData();
  form.set("tenant_id", tenant_id);
  form.set("file", new File(["# text"], "a.md"));
  expect((await call("POST", "/v1/ingest/files/upload", form)).status).toBeGreaterThanOrEqual(500);
  const hook = await plain.call("POST", "/v1/webhooks", { tenant_id, url: `http://127.0.0.1:${echo.port}/v1/hook` });
  expect(hook.status).toBe(201);
  await call("POST", `/v1/webhooks/${hook.json["webhook_id"]}/test`, {});
  await call("GET", `/v1/webhooks?tenant_id=${tenant_id}`);
  await call("GET", "/readyz");
  const stranger = client(service.url, SECRETS.unknownToken);
  said.push(await (await stranger.call("GET", "/v1/jobs")).response.clone().text());
  await call("GET", `/v1/jobs?token=${SECRETS.unknownToken}`);
  const { error_code } = await plain.finished(String(sync.json["job_id"]));
  expect(String(error_code)).toStartWith("connector.");
  await call("GET", `/v1/jobs/${sync.json["job_id"]}`);
  await call("GET", `/v1/jobs/${sync.json["job_id"]}/items`);
  await call("GET", "/metrics");

  const basic = (user: string, secret: string) => Buffer.from(`${user}:${secret}`).toString("base64");
  const wiki = basic("bot@acme.example", SECRETS.CONFLUENCE_API_TOKEN);
  const own = basic("a@b.example", SECRETS.connection);
  const all = { ...HIDDEN, wiki, own, token: kept.token, webhook: String(hook.json["secret"]) };
  const logs = service.log.map((line) => JSON.stringify(line)).join("\n");
  expect(logs.length).toBeGreaterThan(1000);
  expectNothingIn(logs, all);
  expectNothingIn(said.join("\n"), all);
}, 60_000);

test("a database that refuses is named without its password", async () => {
  const url = `postgres://sluice:${SECRETS.databasePassword}@127.0.0.1:1/sluice`;
  const { SECRET_KEY } = SECRETS;
  for (const args of [["doctor"], ["migrate"], ["tenant", "list"]]) {
    const { code, stdout, stderr } = await sluice(home, args, { DATABASE_URL: url, SECRET_KEY, LOG_LEVEL: "trace" });
    expect(code).not.toBe(0);
    expectNothingIn(stdout + stderr, HIDDEN);
  }
  const bad = await sluice(home, ["doctor"], { DATABASE_URL: `postgres:/${SECRETS.databasePassword}`, PORT: "x" });
  expect(bad.code).toBe(78);
  expectNothingIn(bad.stdout + bad.stderr, HIDDEN);
}, 60_000);
