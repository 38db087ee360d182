/**
 * The embedding stage: chunks without a vector, batched across documents. When the endpoint is down the document stays
 * searchable by words and its chunks stay pending for the background embedder; an item never fails for want of vectors.
 */
import type { Sql } from "postgres";
import type { Warning } from "../convert/converted.ts";
import { asTenant } from "../db/tenant_scope.ts";
import type { Embedder, EmbedResult } from "../embed/provider.ts";
import { SluiceError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { insertVectors, type VectorRow } from "../index/write_vectors.ts";
import type { Log } from "../log.ts";
import { meter, timedStatement } from "../metrics_meter.ts";
import { noteVectors } from "../store/pending_vectors.ts";
import type { PreparedChunk } from "../store/prepared.ts";

/** As much of a document as is needed to embed it. */
export interface Embeddable {
  tenantId: string;
  documentId: string;
  versionId: string;
  chunks: Pick<PreparedChunk, "chunkId" | "embeddingText" | "textSha256">[];
}

export interface EmbedRequest {
  document: Embeddable;
  /** Those of its chunks that lack a vector. */
  chunkIds: string[];
  signal: AbortSignal;
}

export interface EmbedOutcome {
  embedded: number;
  /** Still without a vector: the endpoint did not answer. */
  pending: number;
  warnings: Warning[];
}

interface Input {
  chunkId: string;
  text: string;
  textSha256: string;
}

/**
 * Embeds the chunks of several documents of one tenant; one outcome for each, in order. A request without chunks says
 * nothing of its document: what that waits for may be another item's to embed.
 */
export async function embedDocuments(
  requests: EmbedRequest[],
  embedder: Embedder,
  sql: Sql,
  log: Log,
): Promise<EmbedOutcome[]> {
  const inputs = requests.flatMap(inputsOf);
  if (inputs.length === 0) return requests.map(() => ({ embedded: 0, pending: 0, warnings: [] }));
  const signal = AbortSignal.any([...new Set(requests.map((request) => request.signal))]);
  const results = await embedDistinct(inputs, embedder, signal, log);

  await failpoint("during_embed");
  const tenantId = requests[0]!.document.tenantId;
  const own = asTenant(sql, tenantId);
  const rows: VectorRow[] = [];
  for (const [i, input] of inputs.entries()) {
    const result = results[i];
    if (result && "vector" in result)
      rows.push({ tenantId, chunkId: input.chunkId, textSha256: input.textSha256, vector: result.vector });
  }
  if (rows.length > 0)
    await timedStatement("insert_vectors", insertVectors(own, rows, embedder.model, rows[0]!.vector.length));
  meter.count("sluice_vectors_total", rows.length, "embedded");

  await failpoint("after_embed");
  let start = 0;
  const noted: Parameters<typeof noteVectors>[2] = [];
  const outcomes = requests.map((request) => {
    const end = start + request.chunkIds.length;
    const outcome = outcomeOf(inputs.slice(start, end), results.slice(start, end));
    start = end;
    const { documentId, versionId } = request.document;
    if (request.chunkIds.length > 0) noted.push({ documentId, versionId, pending: outcome.pending });
    return outcome;
  });
  await noteVectors(own, tenantId, noted);
  return outcomes;
}

/** As many inputs as the request has chunk ids, in the order of the ids. */
function inputsOf(request: EmbedRequest): Input[] {
  const chunks = new Map(request.document.chunks.map((chunk) => [chunk.chunkId, chunk]));
  return request.chunkIds.map((chunkId) => {
    const chunk = chunks.get(chunkId)!;
    return { chunkId, text: chunk.embeddingText, textSha256: chunk.textSha256 };
  });
}

/** Equal texts are embedded once; undefined where the endpoint did not answer. */
async function embedDistinct(
  inputs: Input[],
  embedder: Embedder,
  signal: AbortSignal,
  log: Log,
): Promise<(EmbedResult | undefined)[]> {
  const distinct = [...new Map(inputs.map((input) => [input.textSha256, input.text])).entries()];
  const bySha = new Map<string, EmbedResult>();
  for (let start = 0; start < distinct.length; start += embedder.batchSize) {
    const batch = distinct.slice(start, start + embedder.batchSize);
    try {
      const results = await embedder.embed(
        batch.map(([, text]) => text),
        signal,
      );
      for (const [i, [sha]] of batch.entries()) bySha.set(sha, results[i]!);
    } catch (error) {
      if (signal.aborted || !(error instanceof SluiceError)) throw error;
      log.warn(
        { code: error.code, err_message: error.message, pending: distinct.length - start },
        "embeddings not available; vectors stay pending",
      );
      break;
    }
  }
  return inputs.map((input) => bySha.get(input.textSha256));
}

function outcomeOf(inputs: Input[], results: (EmbedResult | undefined)[]): EmbedOutcome {
  const outcome: EmbedOutcome = { embedded: 0, pending: 0, warnings: [] };
  for (const [i, { chunkId }] of inputs.entries()) {
    const result = results[i];
    if (!result) outcome.pending++;
    else if ("vector" in result) outcome.embedded++;
    // Refused for good: the chunk is found by words only, and the item says so.
    else
      outcome.warnings.push({
        code: "chunk_not_embedded",
        message: `chunk ${chunkId} was refused by the embedding model: ${result.error.message}`,
      });
  }
  meter.count("sluice_vectors_total", outcome.warnings.length, "refused");
  return outcome;
}
