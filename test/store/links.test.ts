import { expect, test } from "bun:test";
import type { PreparedLink } from "../../src/store/prepared.ts";
import { swapIn } from "../../src/store/swap_in.ts";
import { emptyDatabase, newTenant } from "../support/database.ts";
import { claimFor, documentIdFor, prepared } from "../support/documents.ts";

const MODEL = "test-model";

const linkIn =
  (tenantId: string) =>
  (ref: string): PreparedLink => ({
    linkType: "page",
    href: ref,
    linkText: ref,
    anchor: null,
    targetDocumentIds: [documentIdFor(tenantId, ref)],
  });

test("documents that are swapped in at the same moment find each other, and their links being replaced harms nobody", async () => {
  const { sql, server } = await emptyDatabase();
  // The embedded database does one thing at a time.
  if (!server) return;
  const tenantId = await newTenant(sql);
  const refs = Array.from({ length: 24 }, (_, i) => `file:///${i}.md`);
  const linkTo = linkIn(tenantId);
  // Each links to all others; in the second round all links are replaced while the others look for them.
  for (const round of [1, 2]) {
    const items = await claimFor(sql, tenantId, refs);
    const documents = items.map((item) => prepared(item, `round ${round} of ${item.externalRef}`, refs.map(linkTo)));
    await Promise.all(documents.map((document) => swapIn(sql, [document], MODEL)));
    const [edges] = await sql`SELECT count(*)::integer AS n FROM cross_links WHERE tenant_id = ${tenantId}`;
    expect(edges).toEqual({ n: refs.length ** 2 });
    if (round === 1) await sql`DELETE FROM documents WHERE document_id IN (SELECT document_id FROM documents LIMIT 12)`;
  }
}, 30_000);

test("batches whose documents link to each other make the edges in one order, and do not deadlock", async () => {
  const { sql, server } = await emptyDatabase();
  if (!server) return;
  const tenantId = await newTenant(sql);
  for (let round = 0; round < 6; round++) {
    const refs = Array.from({ length: 45 }, (_, i) => `file:///${round}/${i}.md`);
    const documents = (await claimFor(sql, tenantId, refs))
      .map((item) => prepared(item, item.externalRef, refs.map(linkIn(tenantId))))
      .sort((a, b) => (a.documentId < b.documentId ? 1 : -1));
    const batches = [0, 1, 2].map((k) => documents.filter((_, i) => i % 3 === k));
    // Postgres ends one of two that wait for each other, and its swap rejects.
    await Promise.all(batches.map((batch) => swapIn(sql, batch, MODEL)));
    const [edges] = await sql`SELECT count(*)::integer AS n FROM cross_links WHERE tenant_id = ${tenantId}`;
    expect(edges).toEqual({ n: (round + 1) * refs.length ** 2 });
  }
}, 60_000);
