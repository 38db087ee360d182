import { expect, test } from "bun:test";
import { PermanentError, SnoozeError, TransientError } from "../../src/errors.ts";
import type { ClaimedItem } from "../../src/queue/claim_items.ts";
import { Interruption, settlementOf } from "../../src/worker/outcome.ts";

const item = (attempt = 1, sourceType = "FILE_CATALOG_OBJECT") =>
  ({ itemId: "7", runLease: "9", attempt, sourceType }) as ClaimedItem;

test("an error's own fate decides", () => {
  expect(settlementOf(new PermanentError("convert.malformed", "broken"), item(), 5)).toMatchObject({
    outcome: "failed",
    errorCode: "convert.malformed",
  });
  expect(settlementOf(new TransientError("connector.unavailable", "down"), item(1), 5)).toMatchObject({
    outcome: "retry",
    errorCode: "connector.unavailable",
  });
  expect(settlementOf(new TransientError("connector.unavailable", "down"), item(5), 5)).toMatchObject({
    outcome: "failed",
  });
});

test("a snooze comes back at the time that was named and spends no attempt", () => {
  const settlement = settlementOf(
    new SnoozeError("connector.unavailable", "slow down", new Date(Date.now() + 30_000)),
    item(),
    5,
  );
  expect(settlement.outcome).toBe("release");
  expect(settlement.delayMs).toBeGreaterThan(29_000);
});

test("a defect is tried once more and then fails, whatever the attempts", () => {
  expect(settlementOf(new Error("bug"), item(1), 5)).toMatchObject({
    outcome: "retry",
    errorCode: "internal.unexpected",
  });
  expect(settlementOf(new Error("bug"), item(2), 5)).toMatchObject({ outcome: "failed" });
});

test("an unsupported file is skipped in a catalog and failed in an upload, whose sender wants to know", () => {
  const error = new PermanentError("convert.unsupported_type", "a picture");
  expect(settlementOf(error, item(), 5).outcome).toBe("skipped");
  expect(settlementOf(error, item(1, "FILE_UPLOAD_OBJECT"), 5).outcome).toBe("failed");
});

test("a cancel closes the item, a shutdown hands it back", () => {
  expect(settlementOf(new Interruption("canceled"), item(), 5).outcome).toBe("canceled");
  expect(settlementOf(new Interruption("shutdown"), item(), 5).outcome).toBe("release");
});
