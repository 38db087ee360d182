import { afterAll, beforeAll, expect, test } from "bun:test";
import pino from "pino";
import { startServer } from "../../src/http/serve.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let server: ReturnType<typeof startServer>;
const log = pino({ level: "silent" });
beforeAll(async () => {
  f = await createFixture();
  server = startServer(f.app, { host: "127.0.0.1", port: 0, log });
}, START_MS);
afterAll(async () => {
  await server.stop(1000);
  await f.stop();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Sends `bytes` of a multipart body whose only file never ends. */
function endless(bytes: number, token: string): Promise<Response> {
  const head = `--b\r\ncontent-disposition: form-data; name="file"; filename="a.md"\r\n\r\n`;
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === 0) controller.enqueue(new TextEncoder().encode(head));
      controller.enqueue(new Uint8Array(256 * 1024).fill(65));
      if ((sent += 256 * 1024) >= bytes) controller.close();
    },
  });
  return fetch(`${server.url}/v1/ingest/files/upload`, {
    method: "POST",
    body,
    headers: { ...bearer(token), "content-type": "multipart/form-data; boundary=b" },
  });
}

test("a file beyond the limit gets our own 413, also where Bun's default limit is far away", async () => {
  const answer = await endless(8 * 1024 * 1024, f.tokens.write);
  expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: "upload.too_large" } }]);
  expect(await f.spooled()).toEqual([]);
});

test("an announced length beyond Bun's default limit is answered by the app", async () => {
  const answer = await fetch(`${server.url}/v1/search`, {
    method: "POST",
    body: new Uint8Array(130 * 1024 * 1024),
    headers: { ...bearer(f.tokens.write), "content-type": "application/json" },
  });
  expect([answer.status, await answer.json()]).toMatchObject([413, { error: { code: "request.too_large" } }]);
});

test("who may not upload is told so without the body being read", async () => {
  const answer = await endless(8 * 1024 * 1024, f.tokens.read);
  expect(answer.status).toBe(403);
});

test("a stop lets a request finish that has begun, and ends in time when one does not", async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow = startServer(
    {
      async fetch() {
        begun.resolve();
        await release.promise;
        return new Response("finished");
      },
    },
    { host: "127.0.0.1", port: 0, log },
  );
  const answer = fetch(slow.url);
  await begun.promise;
  const stopped = slow.stop(10_000);
  release.resolve();
  expect(await (await answer).text()).toBe("finished");
  await stopped;
  await expect(fetch(slow.url)).rejects.toThrow();

  const arrived = Promise.withResolvers<void>();
  const never = () => {
    arrived.resolve();
    return new Promise<Response>(() => {});
  };
  const stuck = startServer({ fetch: never }, { host: "127.0.0.1", port: 0, log });
  const lost = fetch(stuck.url).catch(() => "cut off");
  await arrived.promise;
  await stuck.stop(100);
  expect(await lost).toBe("cut off");
});
