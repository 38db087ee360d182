/**
 * Whether cost stays flat: what a document costs when there are a thousand, ten thousand and a hundred thousand of them
 * (generated), and what it costs to find that nothing has changed among a hundred thousand files whose sync state is
 * there already.
 */

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectDatabase, endDatabase } from "../../src/db/connect.ts";
import { sourceIdOf } from "../../src/store/ids.ts";
import { type Bench, ingest, install } from "./bench.ts";
import { writeDocuments } from "./generate.ts";
import { postgresCpuSeconds } from "./measure.ts";

const SUITE = "Scale";
const DESCRIPTORS = 100_000;

export async function benchScale(bench: Bench): Promise<void> {
  const sizes =
    process.env["BENCH_DOCUMENTS"]?.split(",").map(Number) ?? (bench.quick ? [300, 1_200] : [1_000, 10_000, 100_000]);
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    let written = 0;
    for (const size of sizes) {
      writeDocuments(folder, written, size);
      written = size;
      await measure(bench, folder, size);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files that have been synced before, as far as the database knows. */
export async function benchUnchanged(bench: Bench): Promise<void> {
  const count = bench.quick ? DESCRIPTORS / 10 : DESCRIPTORS;
  const at = await install(bench, "local objects");
  try {
    const folder = join(at.folder, "files");
    mkdirSync(folder);
    writeFileSync(join(folder, "first.md"), "# The only one that was ever read\n");
    await ingest(bench, at, folder);
    const paths = Array.from({ length: count }, (_, n) => join(folder, String(Math.floor(n / 1000)), `${n}.md`));
    for (const [n, path] of paths.entries()) {
      if (n % 1000 === 0) mkdirSync(join(folder, String(n / 1000)));
      writeFileSync(path, "x\n");
    }
    await rememberFiles(at.databaseUrl, paths);
    const runs = [];
    for (let i = 0; i < Math.min(bench.rounds, 3); i++) runs.push(await ingest(bench, at, folder));
    if (runs[0]!.items_ingested > 0) throw new Error(`${runs[0]!.items_ingested} of the files counted as changed`);
    const what = `${count.toLocaleString("en-US")} unchanged descriptors`;
    const add = (who: string, unit: string, values: number[], limit?: number): void =>
      bench.report.add({
        suite: SUITE,
        what,
        who,
        unit,
        runs: values,
        ...(limit !== undefined && { goal: { limit, sense: "<=" } }),
      });
    add(
      "the job",
      "s",
      runs.map((run) => run.duration_ms / 1000),
      10,
    );
    add(
      "the whole command",
      "s",
      runs.map((run) => run.wallMs / 1000),
    );
    add(
      "peak memory",
      "MB",
      runs.map((run) => run.peakMb),
      300,
    );
  } finally {
    await at.close();
  }
}

/** Sources and sync state, as a sync that ingested the files would have left them. */
async function rememberFiles(url: string, paths: string[]): Promise<void> {
  const sql = connectDatabase({ url }, { max: 1, applicationName: "sluice bench" });
  const [first] = await sql<{ tenant_id: string; source_type: string }[]>`SELECT tenant_id, source_type FROM sources`;
  const { tenant_id: tenantId, source_type: type } = first!;
  for (let start = 0; start < paths.length; start += 5_000) {
    const part = paths.slice(start, start + 5_000).map((path) => {
      const { mtimeNs, size } = statSync(path, { bigint: true });
      const ref = `file://${path}`;
      return { ref, id: sourceIdOf(tenantId, type, ref), mark: `${mtimeNs}:${size}` };
    });
    const [ids, refs, marks] = [part.map((one) => one.id), part.map((one) => one.ref), part.map((one) => one.mark)];
    await sql`
      INSERT INTO sources (tenant_id, source_id, source_type, external_ref, connection_id)
      SELECT s.tenant_id, n.id, s.source_type, n.ref, s.connection_id
      FROM (SELECT * FROM sources LIMIT 1) s CROSS JOIN unnest(${ids}::uuid[], ${refs}::text[]) AS n (id, ref)`;
    await sql`
      INSERT INTO source_sync_state (tenant_id, source_type, external_ref, source_id, connection_id, fingerprint, last_status, converter_version)
      SELECT s.tenant_id, s.source_type, n.ref, n.id, s.connection_id, n.mark, 'ingested', s.converter_version
      FROM (SELECT * FROM source_sync_state LIMIT 1) s
      CROSS JOIN unnest(${ids}::uuid[], ${refs}::text[], ${marks}::text[]) AS n (id, ref, mark)`;
  }
  await sql`VACUUM ANALYZE`;
  await endDatabase(sql, 1);
}

async function measure({ report, ...bench }: Bench, folder: string, size: number): Promise<void> {
  // A hundred thousand objects in S3 would take longer to remove than all else takes.
  const at = await install({ report, ...bench }, "local objects");
  try {
    const before = postgresCpuSeconds();
    const first = await ingest({ report, ...bench }, at, folder);
    await Bun.sleep(300);
    const postgres = postgresCpuSeconds() - before;
    const again = await ingest({ report, ...bench }, at, folder);
    const what = `${size.toLocaleString("en-US")} documents, ${first.chunks.toLocaleString("en-US")} chunks`;
    const row = (who: string, unit: string, value: number, goal?: { limit: number; sense: "<=" }): void =>
      report.add({ suite: SUITE, what, who, unit, runs: [value], ...(goal && { goal }) });
    row("a document", "ms", first.duration_ms / size);
    row("a document, own processor time", "ms", (first.cpuSeconds * 1000) / size);
    row("a document, processor time of Postgres", "ms", (postgres * 1000) / size);
    row("peak memory", "MB", first.peakMb, { limit: 300, sense: "<=" });
    row("unchanged re-sync, whole command", "s", again.wallMs / 1000);
    row("unchanged re-sync, peak memory", "MB", again.peakMb, { limit: 300, sense: "<=" });
  } finally {
    await at.close();
  }
}
