/** The console of the executable, started in an empty folder, without a browser. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, serve } from "../support/binary.ts";

/** Far below the time that requests get to end in (SHUTDOWN_SECONDS, 20). */
const STOP_MS = 10_000;

test("the executable serves the console with all it loads, and no page that is followed holds up its stop", async () => {
  const folder = scratch();
  const service = await serve(folder, { WORKER_THREADS: "1" });
  const { token } = JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8")) as { token: string };
  const entered = await fetch(`${service.url}/sign-in`, {
    method: "POST",
    headers: { origin: service.url },
    body: new URLSearchParams({ token }),
    redirect: "manual",
  });
  expect(entered.status).toBe(303);
  const cookie = entered.headers.get("set-cookie")!.split(";")[0]!;
  const page = await fetch(service.url, { headers: { cookie } });
  const html = await page.text();
  expect(html).toContain("Nothing is indexed yet");
  for (const [, address] of html.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g))
    expect((await fetch(service.url + address!)).status).toBe(200);

  const followed = await fetch(service.url, { headers: { cookie, accept: "text/event-stream" } });
  const reader = followed.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toStartWith("event: look");
  const startedAt = performance.now();
  expect(await service.stop()).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(STOP_MS);
}, 120_000);
