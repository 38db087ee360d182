/**
 * Runs a stand-in as a process of its own, for benchmarks that measure the product's memory and for trying things by
 * hand: `bun test/confluence/run_stand_in.ts --deployment cloud --pages 5000 --attachments 3000 --latency 50`.
 * Prints one JSON line with the addresses and credentials, and its log's counts when it is stopped with Ctrl-C.
 */
import { parseArgs } from "node:util";
import { generateSite } from "./generate_site.ts";
import { READER, startStandIn } from "./server.ts";

const text = (value: string) => ({ type: "string", default: value }) as const;
const { values } = parseArgs({
  options: {
    deployment: text("cloud"),
    spaces: text("10"),
    pages: text("100"),
    attachments: text("50"),
    comments: text("0"),
    latency: text("0"),
    seed: text("1"),
    faults: text("0"),
    perSecond: text("0"),
  },
});
const deployment = values.deployment === "datacenter" ? "datacenter" : "cloud";
const site = generateSite({
  deployment,
  spaces: Number(values.spaces),
  pages: Number(values.pages),
  attachments: Number(values.attachments),
  comments: Number(values.comments),
  seed: Number(values.seed),
});
const limit = Number(values.perSecond) > 0 ? { limit: { perSecond: Number(values.perSecond) } } : {};
const standIn = startStandIn({ deployment, site, latencyMs: Number(values.latency), ...limit });
if (Number(values.faults) > 0) standIn.faults.random({ seed: Number(values.seed), rate: Number(values.faults) });
const { email, apiToken, scopedToken, username, password, pat } = READER;
console.log(
  JSON.stringify({
    url: standIn.url,
    gatewayUrl: standIn.gatewayUrl,
    ...(deployment === "cloud" ? { email, apiToken, scopedToken } : { username, password, pat }),
  }),
);
process.on("SIGINT", async () => {
  console.log(
    JSON.stringify({
      counts: standIn.log.counts(),
      faults: standIn.log.faults(),
      peakPerSecond: standIn.log.peakRate(),
    }),
  );
  await standIn.stop();
});
