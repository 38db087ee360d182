/** The scenario of a month, small, in the executable: on real services where those are configured, else embedded. */
import { afterAll, test } from "bun:test";
import { startProduct } from "../confluence/product.ts";
import { runScenario } from "../confluence/scenario.ts";
import { realServices } from "../support/services.ts";

const services = await realServices();
afterAll(() => services?.close());

const SMALL = { spaces: 4, pages: 80, attachments: 40, broken: 3, faults: 0.05, seed: 42 };

test.each(["cloud", "datacenter"] as const)(
  "%s: nothing is lost through faults, edits, cut listings and deletions",
  async (deployment) => {
    const product = await startProduct(services, { ITEM_ATTEMPTS_MAX: "2" });
    try {
      await runScenario({ deployment, ...SMALL }, product, () => {});
    } finally {
      await product.stop();
    }
  },
  120_000,
);
