import { expect, test } from "bun:test";
import { AggregatorRegistry } from "prom-client";
import { Meter } from "../src/metrics_meter.ts";

const textOf = (meter: Meter): Promise<string> => AggregatorRegistry.aggregate([meter.toJson()]).metrics();

test("what threads hand over adds up, and nothing is handed over twice", async () => {
  const main = new Meter();
  for (const seconds of [0.0005, 0.3]) {
    const thread = new Meter();
    thread.count("sluice_items_settled_total", 2, "failed", "convert.malformed");
    thread.observe("sluice_stage_duration_seconds", seconds, "convert");
    main.absorb(structuredClone(thread.drain()));
    main.absorb(thread.drain());
  }
  main.observe("sluice_stage_duration_seconds", 1000, "convert");
  const text = await textOf(main);
  expect(text).toContain('sluice_items_settled_total{outcome="failed",code="convert.malformed"} 4\n');
  const bucket = (le: string) => `sluice_stage_duration_seconds_bucket{stage="convert",le="${le}"}`;
  expect(text).toContain(`${bucket("0.001")} 1\n`);
  expect(text).toContain(`${bucket("0.25")} 1\n`);
  expect(text).toContain(`${bucket("0.5")} 2\n`);
  expect(text).toContain(`${bucket("60")} 2\n`);
  expect(text).toContain(`${bucket("+Inf")} 3\n`);
  expect(text).toContain('sluice_stage_duration_seconds_count{stage="convert"} 3\n');
});

test("a measure without labels is 0 before anything happens, and a failing work is timed too", async () => {
  const meter = new Meter();
  expect(await textOf(meter)).toContain("sluice_embeddings_tokens_total 0\n");
  const broken = meter.time("sluice_database_duration_seconds", "swap_in", Promise.reject(new Error("no")));
  expect(await broken.catch((error: Error) => error.message)).toBe("no");
  expect(await textOf(meter)).toContain('sluice_database_duration_seconds_count{statement="swap_in"} 1\n');
});
