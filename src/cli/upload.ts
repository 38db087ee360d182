/** `sluice upload FILE…`: sends files through the upload endpoint and follows the job. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Config } from "../config.ts";
import { InputError } from "../errors.ts";
import type { Log } from "../log.ts";
import { openApi } from "./api.ts";
import { followJob, ledgerJson, sayLedger } from "./follow_job.ts";
import type { Launch } from "./launch.ts";
import { EXIT, printJson } from "./terminal.ts";

/** Sends all files in one request and follows their job. */
export async function upload(
  files: string[],
  options: { json: boolean },
  config: Config,
  launch: Launch,
  log: Log,
): Promise<number> {
  const form = new FormData();
  for (const file of files) {
    const info = await stat(file).catch(() => null);
    if (!info?.isFile())
      throw new InputError("upload.no_file", `${file} is ${info ? "not a regular file" : "missing"}`);
    form.append("file", Bun.file(file), basename(file));
  }
  const api = await openApi(config, launch, log, { workers: true });
  try {
    form.append("tenant_id", api.tenantId);
    const { job_id } = await api.call<{ job_id: string }>("POST", "/v1/ingest/files/upload", form);
    const job = await followJob(api, job_id, options.json);
    if (options.json) printJson(ledgerJson(job));
    else await sayLedger(api, job);
    return job.job_status === "done" ? EXIT.ok : EXIT.failed;
  } finally {
    await api.close();
  }
}
