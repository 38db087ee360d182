/** Real sockets: what Bun's own limits do, on which the service relies. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import pino from "pino";
import { startServer } from "../../src/http/serve.ts";
import { createFixture, type Fixture, START_MS } from "./fixture.ts";

let f: Fixture;
let server: ReturnType<typeof startServer>;
beforeAll(async () => {
  f = await createFixture();
  server = startServer(f.app, { host: "127.0.0.1", port: 0, log: pino({ level: "silent" }) });
}, START_MS);
afterAll(async () => {
  await server.stop(1000);
  await f.stop();
});

/** Sends `head`, then `drip` every half second, until the server hangs up. */
function converse(head: string, drip = ""): Promise<{ got: string; seconds: number }> {
  const startedAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<{ got: string; seconds: number }>();
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  let got = "";
  const timer = setInterval(() => void (drip && socket.write(drip)), 500);
  socket.on("connect", () => socket.write(head));
  socket.on("data", (data) => {
    got += data;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearInterval(timer);
    resolve({ got, seconds: (performance.now() - startedAt) / 1000 });
  });
  return promise;
}

const GET = "GET /healthz HTTP/1.1\r\nHost: x\r\n";

test("headers that never end are cut off, whether nothing comes or a little all the time", async () => {
  const slow = await Promise.all([
    converse(""),
    converse(GET),
    converse(GET, "x-a: b\r\n"),
    ...Array.from({ length: 100 }, () => converse("GET /hea")),
  ]);
  expect(Math.max(...slow.map(({ seconds }) => seconds))).toBeLessThan(20);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
}, 30_000);

test("a head that is too long or has too many headers gets an answer and no more", async () => {
  for (const head of [
    `${GET}x-long: ${"x".repeat(20_000)}\r\n\r\n`,
    `${GET}${"x-a: b\r\n".repeat(300)}\r\n`,
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  ])
    expect((await converse(head)).got).toStartWith("HTTP/1.1 431");
});

test("a body that breaks off is the client's fault, and is not read before the token is known", async () => {
  const head = (token: string) =>
    `POST /v1/search HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{`;
  const refused = await converse(head("slu_unknown"));
  expect(refused.got).toStartWith("HTTP/1.1 401");
  const logged = f.logged.length;
  await new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.write(head(f.tokens.read), () => setTimeout(() => socket.destroy(), 200));
    socket.on("close", () => resolve());
  });
  while (!f.logged.slice(logged).some((line) => line["msg"] === "request")) await Bun.sleep(20);
  expect(f.logged.slice(logged)).toMatchObject([{ msg: "request", status: 400, route: "/v1/search" }]);
});
