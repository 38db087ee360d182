/** `sluice search QUERY`: hits for people, or as one JSON object. */
import type { Config } from "../config.ts";
import type { Hit } from "../index/search.ts";
import type { Log } from "../log.ts";
import { openApi } from "./api.ts";
import type { Launch } from "./launch.ts";
import { EXIT, print, printJson } from "./terminal.ts";

const SNIPPET_LINES = 3;

/** Asks the API; prints the hits, best first. */
export async function searchCommand(
  query: string,
  options: { json: boolean; topK: number; mode: string },
  config: Config,
  launch: Launch,
  log: Log,
): Promise<number> {
  const api = await openApi(config, launch, log, { workers: false, mustExist: true });
  try {
    const { hits } = await api.call<{ hits: Hit[] }>("POST", "/v1/search", {
      tenant_id: api.tenantId,
      query,
      top_k: options.topK,
      mode: options.mode,
    });
    if (options.json) printJson({ hits });
    else if (hits.length === 0) print(`No hits in tenant ${config.tenant}.`);
    else for (const [i, hit] of hits.entries()) print(describe(i + 1, hit, query));
    return EXIT.ok;
  } finally {
    await api.close();
  }
}

/** A hit with the lines of its chunk that say most of what was asked for. */
function describe(rank: number, hit: Hit, query: string): string {
  const width = Math.min(process.stdout.columns ?? 100, 120) - 4;
  const all = hit.chunk_text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const score = (line: string) => words.filter((word) => line.toLowerCase().includes(word)).length;
  const best = all.reduce((found, line, i) => (score(line) > score(all[found] ?? "") ? i : found), 0);
  const start = Math.max(0, Math.min(best - 1, all.length - SNIPPET_LINES));
  const lines = all.slice(start, start + SNIPPET_LINES);
  const snippet = lines.map((line) => `    ${line.length > width ? `${line.slice(0, width - 1)}…` : line}`).join("\n");
  return `${rank}. ${hit.chunk_path}   ${hit.score.toFixed(4)}\n    ${hit.external_ref}\n${snippet}\n`;
}
