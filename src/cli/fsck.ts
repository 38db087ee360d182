/** `sluice fsck`: checks what must be true of the database and its objects, says what is not, and repairs what it safely can. */
import type { Config } from "../config.ts";
import { migrationStatus } from "../db/migrate.ts";
import { PermanentError } from "../errors.ts";
import { assertSeesAll, type Finding, fsck } from "../store/fsck.ts";
import { openObjectStore } from "../store/objects.ts";
import type { Launch } from "./launch.ts";
import { withDatabase } from "./operate.ts";
import { count, EXIT, print, printJson } from "./terminal.ts";

export interface FsckCommandOptions {
  fast: boolean;
  repair: boolean;
  json: boolean;
}

/** Exit code 1 when anything is broken, after repairs if those were asked for. */
export async function fsckCommand(options: FsckCommandOptions, config: Config, launch: Launch): Promise<number> {
  const findings: Finding[] = [];
  await withDatabase(
    config,
    launch,
    async (sql) => {
      const pending = (await migrationStatus(sql)).filter((migration) => migration.appliedAt === null);
      if (pending.length > 0)
        throw new PermanentError("schema.pending", `${pending.length} migration(s) of this binary are not applied`);
      await assertSeesAll(sql);
      const objects = await openObjectStore(config.objects);
      try {
        const { attemptsMax } = config.worker;
        for await (const finding of fsck(sql, objects, { ...options, attemptsMax })) {
          findings.push(finding);
          if (!options.json) show(finding, options.repair);
        }
      } finally {
        await objects.close();
      }
    },
    // It reads whole tables, and nobody waits for it.
    { statementTimeoutMs: 0 },
  );
  const broken = findings.filter((finding) => finding.broken > 0);
  if (options.json) printJson({ ok: broken.length === 0, fast: options.fast, checks: findings });
  else print(`${findings.length} invariants checked, ${broken.length} broken`);
  return broken.length > 0 ? EXIT.failed : EXIT.ok;
}

function show(
  { name, sentence, broken, examples, checked, repair, repaired, help }: Finding,
  repairing: boolean,
): void {
  const mended = repaired ? ` (${count(repaired)} repaired)` : "";
  const looked = checked === undefined ? "" : ` (${count(checked)} looked at)`;
  if (broken === 0) print(`✓ ${name}: ${sentence}${looked}${mended}`);
  else print(`✗ ${name}: not so for ${count(broken)}${looked}${mended}: ${sentence}`);
  for (const example of examples) print(`    ${example}`);
  if (broken > examples.length) print(`    … and ${count(broken - examples.length)} more`);
  if (broken > 0 && repair) print(`    ${repairing ? "--repair" : "with --repair"}: ${repair}`);
  if (broken > 0 && help) print(`    ${help}`);
}
