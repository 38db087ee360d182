/**
 * The flow of one item, a line a stage:
 * fetch → put raw → convert and normalise → put markdown → chunk → put manifest → swap in → embed → settlement.
 * No database transaction is open but inside `swap`. Every step can be repeated after a crash and lands on the same ids
 * and keys. Stages that talk to Postgres gather items of the whole thread into batches.
 */
import { CONVERTER_VERSION, type ConvertedDocument } from "../convert/convert.ts";
import { failpoint } from "../failpoint.ts";
import { meter } from "../metrics_meter.ts";
import type { ClaimedItem } from "../queue/claim_items.ts";
import type { Settlement } from "../queue/settle.ts";
import type { CurrentClaim } from "../store/confirm_current.ts";
import { versionIdOf } from "../store/ids.ts";
import { manifestKey, markdownKey, rawKey } from "../store/keys.ts";
import type { ItemTrace } from "../trace.ts";
import type { IngestContext } from "./context.ts";
import { type FetchedSource, fetchSource } from "./fetch.ts";
import { manifestOf, type StageTimings } from "./manifest.ts";
import { prepareDocument } from "./prepare.ts";

const JSON_TYPE = "application/json";
const MARKDOWN_TYPE = "text/markdown; charset=utf-8";
const encoder = new TextEncoder();

/** How far an item has come, for whoever settles it after a fault. */
export interface Progress {
  fetched: boolean;
  /** What is done now depends on nothing but the document's bytes. */
  converting: boolean;
  /** Where a trace of it is wanted. */
  trace?: ItemTrace | undefined;
}

/** Throws SluiceErrors that state their fate; returns how the item ended otherwise. */
export async function ingestItem(
  item: ClaimedItem,
  context: IngestContext,
  signal: AbortSignal,
  progress: Progress,
): Promise<Settlement> {
  const { objects, embedder } = context;
  const clock = stopwatch(progress.trace);
  const claim = { itemId: item.itemId, runLease: item.runLease };

  await failpoint("after_claim");
  const fetched = await clock.time("fetch", fetchSource(item, context, signal));
  progress.fetched = true;
  await failpoint("after_fetch");
  if (isUnchanged(item, fetched) && (await context.confirm.add(confirmationOf(item, fetched))))
    return { ...claim, outcome: "unchanged", fetched: true };

  const at = {
    tenantId: item.tenantId,
    sourceId: item.sourceId,
    sourceVersionId: versionIdOf(item.sourceId, fetched.checksum, CONVERTER_VERSION),
  };
  const rawUri =
    fetched.rawUri ??
    (await clock.time("put_raw", objects.putNew("raw", rawKey(at), fetched.bytes, "application/octet-stream"))).uri;
  await failpoint("after_put_raw");
  progress.converting = true;
  const converted = await clock.time("convert", convertFetched(item, fetched, context, signal));
  progress.converting = false;
  await failpoint("after_convert");
  const markdown = encoder.encode(converted.markdown);
  const { uri: markdownUri } = await clock.time(
    "put_markdown",
    objects.putNew("markdown", markdownKey(at), markdown, MARKDOWN_TYPE),
  );
  await failpoint("after_put_markdown");
  const uris = { rawUri, markdownUri, manifestUri: objects.uriOf("markdown", manifestKey(at)) };
  progress.converting = true;
  const document = clock.timeSync("chunk", () =>
    prepareDocument(
      { item, fetched, converted, markdown, versionId: at.sourceVersionId, uris },
      context.config.chunking,
    ),
  );
  progress.converting = false;
  // Before the swap: whatever happens from there on, no row names an object that is not there.
  const manifest = manifestOf(document, converted, embedder, clock.timings);
  await clock.time(
    "put_manifest",
    objects.putNew("markdown", manifestKey(at), encoder.encode(JSON.stringify(manifest, null, 2)), JSON_TYPE),
  );
  await failpoint("before_swap");
  signal.throwIfAborted();

  const swapped = await clock.time("swap_in", context.swap.add(document));
  await failpoint("after_swap");
  if (swapped.state === "lost") return { ...claim, outcome: "release" };
  const embedded = await clock.time(
    "embed",
    context.embed.add({ document, chunkIds: swapped.chunkIdsToEmbed, signal }),
  );

  const settled = { ...claim, fetched: true, documentId: document.documentId, sourceVersionId: document.versionId };
  if (swapped.state === "superseded")
    return {
      ...settled,
      outcome: "skipped",
      errorCode: "queue.superseded",
      errorMessage: "a later request for the same source has been fulfilled already",
    };
  return {
    ...settled,
    outcome: "ingested",
    warnings: [...document.warnings, ...embedded.warnings],
    chunks: document.chunks.length,
    links: document.links.length,
    vectorsEmbedded: embedded.embedded,
    vectorsReused: document.chunks.length - swapped.chunkIdsToEmbed.length,
    vectorsPending: embedded.pending,
  };
}

function convertFetched(
  { lane }: ClaimedItem,
  { bytes, name, mediaType, format }: FetchedSource,
  context: IngestContext,
  signal: AbortSignal,
): Promise<ConvertedDocument> {
  return context.convert({ bytes, name, mediaType, format }, signal, lane === "isolated");
}

/** Touched but not changed: the same bytes through the same converter give the same document. */
const isUnchanged = (item: ClaimedItem, fetched: FetchedSource): boolean =>
  !item.forceReindex && item.lastChecksum === fetched.checksum && item.lastConverterVersion === CONVERTER_VERSION;

const confirmationOf = (item: ClaimedItem, fetched: FetchedSource): CurrentClaim => ({
  tenantId: item.tenantId,
  sourceId: item.sourceId,
  itemId: item.itemId,
  checksum: fetched.checksum,
  converterVersion: CONVERTER_VERSION,
});

function stopwatch(trace: ItemTrace | undefined) {
  const timings: StageTimings = {};
  const note = (stage: string, startedAt: number) => {
    const endedAt = performance.now();
    const ms = endedAt - startedAt;
    timings[stage] = Math.round(ms * 10) / 10;
    meter.observe("sluice_stage_duration_seconds", ms / 1000, stage);
    trace?.stage(stage, startedAt, endedAt);
  };
  return {
    /** Milliseconds a stage took, waiting for its batch included. */
    timings,
    async time<T>(stage: string, work: Promise<T>): Promise<T> {
      const startedAt = performance.now();
      try {
        const result = await work;
        note(stage, startedAt);
        return result;
      } catch (error) {
        trace?.stage(stage, startedAt, performance.now(), error);
        throw error;
      }
    },
    timeSync<T>(stage: string, work: () => T): T {
      const startedAt = performance.now();
      const result = work();
      note(stage, startedAt);
      return result;
    },
  };
}
