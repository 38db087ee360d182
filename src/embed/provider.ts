/**
 * What the pipeline knows of embeddings: texts in, one vector or one refusal per text out. An outage is thrown (the
 * chunks stay pending and are embedded later); a text that the model refuses is an answer for that text alone, so that
 * a bad chunk never holds back its batch.
 */
import type { ErrorData } from "../errors.ts";
import { HashEmbedder } from "./hash.ts";
import { OpenAiEmbedder } from "./openai.ts";

export type EmbedResult = { vector: Float32Array } | { error: ErrorData };

/** What `sluice doctor` learns by embedding one short text. */
export type EmbedderCheck = { ok: true; dimensions: number; milliseconds: number } | { ok: false; error: ErrorData };

export interface Embedder {
  /** Stored with each vector; vectors of different models are never compared. */
  readonly model: string;
  /** Null until the first answer of a remote model without configured dimensions. */
  readonly dimensions: number | null;
  /** False for feature hashing, whose nearness is shared spelling and not meaning. */
  readonly semantic: boolean;
  /** Texts per call that suit this provider; more are accepted and split. */
  readonly batchSize: number;
  /**
   * One result per text, in order; vectors have `dimensions` finite components.
   * @throws TransientError or SnoozeError when the provider does not answer: then no text has a result
   */
  embed(texts: string[], signal?: AbortSignal): Promise<EmbedResult[]>;
  /** @throws as `embed`, and InputError `embeddings.bad_input` if the model refuses the text */
  embedQuery(text: string, signal?: AbortSignal): Promise<Float32Array>;
  check(signal?: AbortSignal): Promise<EmbedderCheck>;
}

export interface EmbedderConfig {
  provider: "hash" | "openai";
  /** Base of the API (`http://host:11434/v1`) or the whole endpoint ending in `/embeddings`. */
  url?: string | null | undefined;
  model?: string | null | undefined;
  apiKey?: string | null | undefined;
  /** Sent to the endpoint and required of its answers; only for models that can shorten their vectors. */
  dimensions?: number | null | undefined;
  batchSize?: number | undefined;
  /** For one request, until its last byte. */
  timeoutMs?: number | undefined;
}

/** @throws PermanentError `config.invalid` if the provider lacks a setting */
export function createEmbedder(config: EmbedderConfig): Embedder {
  return config.provider === "hash" ? new HashEmbedder() : new OpenAiEmbedder(config);
}
