import { expect, test } from "bun:test";
import pino from "pino";
import { createEmbedder } from "../../src/embed/provider.ts";
import { embedDocuments } from "../../src/pipeline/embed.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, prepared } from "../support/documents.ts";

test("an item that embeds nothing says nothing of what its document waits for", async () => {
  const { sql } = await emptyDatabase();
  const tenantId = await newTenant(sql);
  const embedder = createEmbedder({ provider: "hash" });
  const [first, second] = await claimFor(sql, tenantId, ["file:///a.md", "file:///b.md"]);
  const waiting = prepared(first!, "some text");
  const other = prepared(second!, "some other text");
  const [, swapped] = await swapIn(sql, [waiting, other], embedder.model);
  const signal = new AbortController().signal;
  await embedDocuments(
    [
      // As of an item that a later one superseded, with the very version that the later one swapped in.
      { document: waiting, chunkIds: [], signal },
      { document: other, chunkIds: swapped!.chunkIdsToEmbed, signal },
    ],
    embedder,
    sql,
    pino({ level: "silent" }),
  );
  const rows = await sql`SELECT external_ref, vectors_pending FROM documents ORDER BY external_ref`;
  expect(rows.map((row) => row["vectors_pending"])).toEqual([1, 0]);
});
