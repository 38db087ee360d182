/** Sluice's own queue, called as the worker loop calls it: claims of up to 48 items, one settlement for each claim. */
import { connectDatabase, endDatabase } from "../../../src/db/connect.ts";
import { asSystem, asTenant } from "../../../src/db/tenant_scope.ts";
import { claimItems } from "../../../src/queue/claim_items.ts";
import { enqueueItems } from "../../../src/queue/enqueue.ts";
import { settleItems } from "../../../src/queue/settle.ts";
import { Wake } from "../../../src/queue/wake.ts";
import { itemOf } from "../../support/queue.ts";
import { play } from "./roles.mjs";

const BATCH = 48;
const LANES = 2;
const IDLE_MS = 1000;

await play(async ({ url, tenantId, jobId, role }) => {
  const sql = connectDatabase({ url, separated: true }, { max: 4, applicationName: "sluice bench", genericPlans: true });
  const wake = new Wake(sql);
  return {
    async enqueue(payloads) {
      const items = payloads.map((payload) => {
        const item = itemOf(tenantId, `${role}:${payload.n}`);
        return { ...item, descriptor: JSON.stringify({ ...JSON.parse(item.descriptor), locator: payload }) };
      });
      await enqueueItems(asTenant(sql, tenantId), { tenantId, jobId }, items, 0);
      wake.ring();
    },
    async work(settled) {
      await wake.listen(sql);
      const stopping = new AbortController();
      const lane = async (name) => {
        while (!stopping.signal.aborted) {
          const seen = wake.hints;
          const items = await claimItems(asSystem(sql), { worker: name, leaseSeconds: 60, lane: "inline", limit: BATCH });
          if (items.length === 0) {
            await wake.wait(role === "drain" ? 50 : IDLE_MS, stopping.signal, seen);
            continue;
          }
          await settleItems(
            asTenant(sql, tenantId),
            { tenantId, jobId: items[0].jobId },
            items.map(({ itemId, runLease }) => ({ itemId, runLease, outcome: "ingested" })),
          );
          settled(items.map((item) => item.descriptor.locator));
        }
      };
      const lanes = Array.from({ length: LANES }, (_, i) => lane(`lane ${i}`));
      return () => {
        stopping.abort();
        return Promise.all(lanes);
      };
    },
    async close() {
      wake.close();
      await endDatabase(sql, 1);
    },
  };
});
