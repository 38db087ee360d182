/** Documents that need more memory than their conversion may take: they fail with a code, and nothing else suffers. */
import { docxOf, p } from "../convert/docx_writer.ts";
import { openStage, type Stage, type SuiteContext } from "./stage.ts";
import { judge } from "./verdict.ts";

/** More than a child needs for the small documents of the load, less than for what follows. */
const CAP_MB = 320;
const PARAGRAPHS = 160_000;

export async function starveChildren(suite: SuiteContext, documents: number): Promise<string[]> {
  const stage = await openStage(suite, { processes: 2, fleetEnv: () => ({ CONVERT_MEMORY_MAX_MB: String(CAP_MB) }) });
  try {
    stage.load.start();
    const bytes = docxOf({ body: Array.from({ length: PARAGRAPHS }, (_, i) => p(`paragraph ${i}`)).join("") });
    const failures: string[] = [];
    for (let i = 0; i < documents; i++) failures.push(...(await sendHungry(stage, `hungry-${i}.docx`, bytes)));
    return [...failures, ...(await judge(stage))];
  } finally {
    await stage.close();
  }
}

/** Uploads the document and waits for what becomes of it. */
async function sendHungry(stage: Stage, name: string, bytes: Uint8Array): Promise<string[]> {
  const headers = { authorization: `Bearer ${stage.token}` };
  const body = new FormData();
  body.set("tenant_id", stage.tenantId);
  body.set("file", new Blob([bytes as Uint8Array<ArrayBuffer>]), name);
  const url = stage.fleet.urls()[0]!;
  const answer = await fetch(`${url}/v1/ingest/files/upload`, { method: "POST", headers, body });
  if (answer.status !== 202) return [`${name} was answered ${answer.status}: ${await answer.text()}`];
  const { job_id: jobId } = (await answer.json()) as { job_id: string };
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const [item] = await stage.sql<{ item_status: string; error_code: string | null }[]>`
      SELECT item_status, error_code FROM ingest_items WHERE job_id = ${jobId} AND finished_at IS NOT NULL`;
    if (item)
      return item.error_code === "convert.memory"
        ? []
        : [`${name} ended ${item.item_status} with ${item.error_code}, not convert.memory`];
    await Bun.sleep(100);
  }
  return [`${name} did not end in a minute`];
}
