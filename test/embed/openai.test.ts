import { afterAll, beforeEach, expect, test } from "bun:test";
import { createEmbedder, type EmbedderConfig } from "../../src/embed/provider.ts";
import { SnoozeError, TransientError } from "../../src/errors.ts";

interface Asked {
  input: string[];
  model: string;
  dimensions?: number;
  authorization: string | null;
}
type Answer = (asked: Asked, request: Request) => Response | Promise<Response>;

/** A small endpoint that answers as the test tells it. */
let asked: Asked[] = [];
let answer: Answer = () => new Response(null, { status: 500 });
const server = Bun.serve({
  port: 0,
  async fetch(request) {
    const body = (await request.json()) as Omit<Asked, "authorization">;
    const one = { ...body, authorization: request.headers.get("authorization") };
    asked.push(one);
    return answer(one, request);
  },
});
afterAll(() => server.stop(true));
beforeEach(() => {
  asked = [];
});

const KEY = "sk-very-secret-key";
const embedderOf = (config: Partial<EmbedderConfig> = {}) =>
  createEmbedder({ provider: "openai", url: `http://127.0.0.1:${server.port}/v1`, model: "m", apiKey: KEY, ...config });

/** A vector that tells its text: its length in characters comes first. */
const vectorOf = (text: string): number[] => [text.length, 1, 0.5];
const good: Answer = ({ input }) =>
  Response.json({ data: input.map((text, index) => ({ index, embedding: vectorOf(text) })) });
const status =
  (code: number, body: object = {}, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json(body, { status: code, headers });
const thrownBy = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );

test("vectors come back in the order of the texts, whatever the order of the answer", async () => {
  answer = ({ input }) =>
    Response.json({ data: input.map((text, index) => ({ index, embedding: vectorOf(text) })).reverse() });
  const embedder = embedderOf();
  expect(embedder.dimensions).toBeNull();
  const results = await embedder.embed(["a", "bbb", "cc"]);
  expect(results.map((result) => "vector" in result && result.vector[0])).toEqual([1, 3, 2]);
  expect(embedder).toMatchObject({ model: "m", dimensions: 3, semantic: true });
  expect(asked[0]).toMatchObject({ model: "m", authorization: `Bearer ${KEY}` });
  expect(asked[0]).not.toHaveProperty("dimensions");
});

test("vectors in base64 are read, configured dimensions are asked for and required", async () => {
  answer = ({ input }) =>
    Response.json({
      data: input.map((text) => ({
        embedding: Buffer.from(new Float32Array(vectorOf(text)).buffer).toString("base64"),
      })),
    });
  expect(await embedderOf({ dimensions: 3 }).embed(["abcd"])).toEqual([{ vector: new Float32Array([4, 1, 0.5]) }]);
  expect(asked[0]!.dimensions).toBe(3);
  expect(await thrownBy(embedderOf({ dimensions: 4 }).embed(["abcd"]))).toMatchObject({
    code: "embeddings.bad_answer",
  });
});

test("requests are bounded by number of texts and by their length", async () => {
  answer = good;
  await embedderOf({ batchSize: 3 }).embed(["a", "b", "c", "d"]);
  expect(asked.map((one) => one.input.length)).toEqual([3, 1]);
  asked = [];
  const long = "word ".repeat(60_000);
  await embedderOf({ batchSize: 3 }).embed([long, long, "a"]);
  expect(asked.map((one) => one.input.length)).toEqual([1, 2]);
});

test("one text that the model refuses costs only itself", async () => {
  answer = (one, request) =>
    one.input.some((text) => text === "bad")
      ? status(400, { error: { message: `too long, says ${KEY}` } })(one, request)
      : good(one, request);
  const results = await embedderOf().embed(["a", "bad", "ccc", "d", "e", "f", "g"]);
  expect(results.map((result) => "vector" in result)).toEqual([true, false, true, true, true, true, true]);
  expect(results[1]).toMatchObject({
    error: { code: "embeddings.bad_input", fate: "permanent", message: "status 400: too long, says [key]" },
  });
  expect(asked.length).toBeLessThan(10);
});

test("a single answer of 500 for one text is tried again, a second one is that text's fault", async () => {
  let faults = 1;
  const sometimes: Answer = (one, request) =>
    one.input.includes("odd") && faults-- > 0 ? status(500)(one, request) : good(one, request);
  answer = sometimes;
  expect(await embedderOf().embed(["odd"])).toEqual([{ vector: new Float32Array([3, 1, 0.5]) }]);
  faults = 9;
  expect(await embedderOf().embed(["a", "odd"])).toMatchObject([{}, { error: { code: "embeddings.bad_input" } }]);
});

test("a refusal of everything is the endpoint's fault, not the texts'", async () => {
  answer = status(400, { error: { message: "dimensions not supported" } });
  expect(await thrownBy(embedderOf().embed(["a", "b", "c"]))).toMatchObject({
    code: "embeddings.rejected",
    fate: "transient",
  });
  expect(asked.length).toBe(2);
  answer = status(500);
  expect(await thrownBy(embedderOf().embed(["a"]))).toMatchObject({
    code: "embeddings.unavailable",
    fate: "transient",
  });
});

test("an endpoint that takes smaller batches is only told once", async () => {
  answer = (one, request) => (one.input.length > 2 ? status(413)(one, request) : good(one, request));
  const embedder = embedderOf({ batchSize: 4 });
  expect(await embedder.embed(["a", "b", "c", "d"])).toHaveLength(4);
  asked = [];
  await embedder.embed(["a", "b", "c", "d"]);
  expect(asked.map((one) => one.input.length)).toEqual([2, 2]);
});

test("Retry-After is obeyed in both forms", async () => {
  answer = status(429, {}, { "retry-after": "30" });
  const error = (await thrownBy(embedderOf().embed(["a"]))) as SnoozeError;
  expect(error).toBeInstanceOf(SnoozeError);
  expect(error.code).toBe("embeddings.rate_limited");
  expect(error.until.getTime() - Date.now()).toBeWithin(25_000, 30_001);
  answer = status(503, {}, { "retry-after": new Date(Date.now() + 60_000).toUTCString() });
  const later = (await thrownBy(embedderOf().embed(["a"]))) as SnoozeError;
  expect(later.until.getTime() - Date.now()).toBeWithin(55_000, 60_001);
  answer = status(429);
  expect(await thrownBy(embedderOf().embed(["a"]))).toBeInstanceOf(TransientError);
});

test("a short pause is waited out by all who embed, a search does not wait, and nobody asks during a long one", async () => {
  let refusals = 1;
  const busy = status(429, {}, { "retry-after": "1" });
  answer = (one, request) => (refusals-- > 0 ? busy : good)(one, request);
  const embedder = embedderOf();
  const startedAt = performance.now();
  const first = embedder.embed(["a"]);
  while (asked.length === 0) await Bun.sleep(5);
  await Bun.sleep(20);
  const second = embedder.embed(["b"]);
  await embedder.embedQuery("q");
  expect(performance.now() - startedAt).toBeLessThan(800);
  await Promise.all([first, second]);
  expect(performance.now() - startedAt).toBeGreaterThan(950);
  expect(asked.length).toBe(4);

  answer = status(429, {}, { "retry-after": "600" });
  await thrownBy(embedder.embed(["a"]));
  for (let i = 0; i < 10; i++) expect(await thrownBy(embedder.embed([`${i}`]))).toBeInstanceOf(SnoozeError);
  expect(asked.length).toBe(5);
});

test("refused credentials are an outage, and no error carries the key", async () => {
  for (const code of [401, 403]) {
    answer = status(code, { error: { message: `Incorrect API key provided: ${KEY}` } });
    const error = (await thrownBy(embedderOf().embed(["a"]))) as TransientError;
    expect(error).toMatchObject({ code: "embeddings.unauthorized", fate: "transient" });
    expect(JSON.stringify([error.message, error.details])).not.toContain("secret");
  }
});

test("credentials do not follow a redirect to another host", async () => {
  const other = Bun.serve({ port: 0, fetch: () => new Response("{}") });
  answer = () =>
    new Response(null, { status: 307, headers: { location: `http://127.0.0.1:${other.port}/v1/embeddings` } });
  expect(await thrownBy(embedderOf().embed(["a"]))).toMatchObject({ code: "embeddings.rejected" });
  answer = (one, request) =>
    request.url.endsWith("/moved")
      ? good(one, request)
      : new Response(null, { status: 308, headers: { location: "/moved" } });
  expect(await embedderOf().embed(["a"])).toHaveLength(1);
  await other.stop(true);
});

test("answers that do not fit are refused", async () => {
  const broken: Record<string, Answer> = {
    "no JSON": () => new Response("<html>"),
    "no data": () => Response.json({ embeddings: [] }),
    "one vector missing": () => Response.json({ data: [{ index: 0, embedding: [1] }] }),
    "index twice": () =>
      Response.json({
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      }),
    "unequal dimensions": () =>
      Response.json({
        data: [
          { index: 0, embedding: [1] },
          { index: 1, embedding: [1, 2] },
        ],
      }),
    "too large": () => new Response(" ".repeat(3_000_000)),
  };
  for (const [name, broke] of Object.entries(broken)) {
    answer = broke;
    expect([name, await thrownBy(embedderOf().embed(["a", "b"]))]).toMatchObject([
      name,
      { code: "embeddings.bad_answer" },
    ]);
  }
  answer = () =>
    Response.json({
      data: [
        { index: 0, embedding: [1, 2] },
        { index: 1, embedding: [1, null] },
      ],
    });
  expect(await embedderOf().embed(["a", "b"])).toMatchObject([{}, { error: { code: "embeddings.bad_input" } }]);
});

test("silence ends at the timeout, a caller's abort at once", async () => {
  answer = () => new Promise<Response>(() => {});
  expect(await thrownBy(embedderOf({ timeoutMs: 50 }).embed(["a"]))).toMatchObject({
    code: "embeddings.unavailable",
    fate: "transient",
  });
  const abort = new AbortController();
  answer = () => {
    abort.abort(new Error("stopped"));
    return new Promise<Response>(() => {});
  };
  expect(await thrownBy(embedderOf().embed(["a"], abort.signal))).toMatchObject({ message: "stopped" });
});

test("an endpoint that is not there is unavailable, and the check says so", async () => {
  const closed = Bun.serve({ port: 0, fetch: () => new Response() });
  const url = `http://127.0.0.1:${closed.port}/v1`;
  await closed.stop(true);
  expect(await embedderOf({ url }).check()).toMatchObject({ ok: false, error: { code: "embeddings.unavailable" } });
  answer = good;
  expect(await embedderOf().check()).toMatchObject({ ok: true, dimensions: 3 });
});
