/**
 * The whole scenario at full size against the compiled executable on real services:
 * `bun test/confluence/run_scenario.ts --deployment datacenter` with TEST_DATABASE_URL and TEST_S3_* set, or `--embedded`.
 * Prints a line a step and ends with 1 where a step went wrong.
 */
import { parseArgs } from "node:util";
import { realServices } from "../support/services.ts";
import { startProduct } from "./product.ts";
import { runScenario } from "./scenario.ts";

const text = (value: string) => ({ type: "string", default: value }) as const;
const { values } = parseArgs({
  options: {
    deployment: text("cloud"),
    spaces: text("8"),
    pages: text("5000"),
    attachments: text("3000"),
    broken: text("20"),
    faults: text("0.05"),
    seed: text("42"),
    embedded: { type: "boolean", default: false },
  },
});
const services = values.embedded ? null : await realServices();
if (services === null && !values.embedded) throw new Error("set TEST_DATABASE_URL and TEST_S3_*, or say --embedded");
const product = await startProduct(services);
try {
  const deployment = values.deployment === "datacenter" ? "datacenter" : "cloud";
  const size = { spaces: Number(values.spaces), pages: Number(values.pages), attachments: Number(values.attachments) };
  const trouble = { broken: Number(values.broken), faults: Number(values.faults), seed: Number(values.seed) };
  await runScenario({ deployment, ...size, ...trouble }, product, (line) => console.log(line));
  console.log(`${deployment}: all as expected`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await product.stop();
  await services?.close();
}
