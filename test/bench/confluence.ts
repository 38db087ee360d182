/**
 * Times the executable on a stand-in Confluence, on real services (TEST_DATABASE_URL, TEST_S3_*) or embedded: how much of
 * the configured rate a first sync uses, what it costs, and how far memory grows. The stand-in answers in this process.
 * Usage: bun test/bench/confluence.ts --pages 2000 --latency 50 --perSecond 100 [--deployment datacenter] [--embedded] [--localObjects]
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { generateSite } from "../confluence/generate_site.ts";
import { startProduct } from "../confluence/product.ts";
import { READER, startStandIn } from "../confluence/server.ts";
import { realServices } from "../support/services.ts";

const text = (value: string) => ({ type: "string", default: value }) as const;
const { values } = parseArgs({
  options: {
    deployment: text("cloud"),
    pages: text("2000"),
    attachments: text("0"),
    comments: text("0"),
    latency: text("50"),
    perSecond: text("100"),
    seed: text("7"),
    embedded: { type: "boolean", default: false },
    /** Objects as files, so that an object store on the same machine does not take its share. */
    localObjects: { type: "boolean", default: false },
  },
});
const deployment = values.deployment === "datacenter" ? "datacenter" : "cloud";
const [pages, attachments, comments] = [Number(values.pages), Number(values.attachments), Number(values.comments)];
const [latencyMs, perSecond] = [Number(values.latency), Number(values.perSecond)];

/** Seconds that all processors worked and were there. */
function machine(): { busy: number; whole: number } {
  const [, ...ticks] = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/);
  const times = ticks.slice(0, 8).map(Number);
  const whole = times.reduce((sum, time) => sum + time, 0);
  return { busy: (whole - times[3]! - times[4]!) / 100, whole: whole / 100 };
}

/** The rate between the first and the last tenth of the requests. */
function steadyRate(times: number[]): number {
  const [from, to] = [Math.floor(times.length * 0.1), Math.floor(times.length * 0.9)];
  return ((to - from) * 1000) / (times[to]! - times[from]!);
}

const site = generateSite({ deployment, spaces: 8, pages, attachments, comments, seed: Number(values.seed) });
const wiki = startStandIn({ deployment, site, latencyMs });
const services = values.embedded ? null : await realServices();
if (services && values.localObjects)
  for (const name of Object.keys(services.env)) if (/^S3_/.test(name)) delete services.env[name];
const product = await startProduct(services);
try {
  const base = { kind: "confluence", base_url: wiki.url, email: READER.email, requests_per_second: perSecond };
  await product.connect(base, deployment === "cloud" ? { api_token: READER.apiToken } : { pat: READER.pat });
  const rssBefore = product.rssMb();
  const [before, ownBefore] = [machine(), process.cpuUsage()];
  const { job, cost } = await product.sync();
  const [after, own] = [machine(), process.cpuUsage(ownBefore)];
  const asked = wiki.log.entries.filter(({ kind }) => kind !== "media");
  const rate = steadyRate(asked.map(({ at }) => at));
  const standInCpu = (own.user + own.system) / 1e6;
  const whole = (after.whole - before.whole) / cost.seconds;
  console.log(
    JSON.stringify({
      deployment,
      pages,
      limit: perSecond,
      job_status: job.job_status,
      ingested: job.items_ingested,
      seconds: round(cost.seconds),
      requests: asked.length,
      per_second: round(asked.length / cost.seconds),
      steady_per_second: round(rate),
      share_of_limit: round(rate / perSecond, 3),
      in_flight: round((rate * latencyMs) / 1000),
      product_cores: round(cost.cpuSeconds / cost.seconds, 2),
      product_cpu_ms_per_item: round((cost.cpuSeconds * 1000) / job.items_ingested),
      stand_in_cores: round(standInCpu / cost.seconds, 2),
      machine_cores: `${round((after.busy - before.busy) / cost.seconds, 2)} of ${round(whole)}`,
      rss_mb: { before: Math.round(rssBefore), peak: Math.round(cost.rssPeakMb), after: Math.round(product.rssMb()) },
    }),
  );
} finally {
  await product.stop();
  await wiki.stop();
  await services?.close();
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
