/** A person waits for the test of a connection: it ends in time, with what was found until then. */
import { afterEach, expect, test } from "bun:test";
import { ConfluenceConnector } from "../../src/connector/confluence/connector.ts";
import type { Connector } from "../../src/connector/connector.ts";
import { tryConnection } from "../../src/http/try_connection.ts";
import { READER, type StandIn, startStandIn } from "../confluence/server.ts";
import { Site } from "../confluence/site.ts";

let wiki: StandIn;
afterEach(() => wiki?.stop());

async function connectorTo(stalled: RegExp): Promise<Connector> {
  const site = new Site({});
  site.addSpace({ key: "DOC", name: "Documentation" });
  wiki = startStandIn({ deployment: "datacenter", site });
  wiki.faults.add({ match: stalled, fault: { kind: "stall", ms: 20_000 } });
  const config = { base_url: wiki.url, deployment: "datacenter" };
  return new ConfluenceConnector(
    { sourceType: "CONFLUENCE_PAGE", config, secrets: { pat: READER.pat } },
    { allowPrivateNetwork: true },
  );
}

test("a site that stops answering half-way ends it, and what worked until then is told", async () => {
  const connector = await connectorTo(/rest\/api\/space/);
  const startedAt = performance.now();
  const { ok, checks } = await tryConnection(async () => connector, new AbortController().signal, 500);
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect(ok).toBe(false);
  expect(checks.map((check) => [check.name, check.ok])).toEqual([
    ["site", true],
    ["credentials", true],
    ["spaces", false],
  ]);
  expect(checks.at(-1)).toMatchObject({ code: "connector.unavailable", message: expect.stringContaining("in time") });
});

test("a caller who leaves is not answered", async () => {
  const connector = await connectorTo(/rest/);
  const caller = new AbortController();
  const tried = tryConnection(async () => connector, caller.signal);
  caller.abort(new Error("gone"));
  expect(await tried.catch((error: unknown) => error)).toMatchObject({ message: "gone" });
});
