/**
 * Embeddings from any endpoint that speaks OpenAI's `/v1/embeddings`: OpenAI itself, Ollama, text-embeddings-inference,
 * vLLM, LiteLLM. Decides how texts are cut into requests and what a refusal means: one that also meets a harmless probe
 * is an outage of the whole endpoint; one that does not is narrowed down by halving to the text that causes it.
 */
import { setTimeout } from "node:timers/promises";
import { estimateTokens } from "../chunk/tokens.ts";
import { errorToData, InputError, PermanentError, SnoozeError, TransientError } from "../errors.ts";
import { type Endpoint, postEmbeddings, RefusedInput } from "./openai_request.ts";
import type { Embedder, EmbedderCheck, EmbedderConfig, EmbedResult } from "./provider.ts";

const DEFAULT_URL = "https://api.openai.com/v1/embeddings";
/** OpenAI takes 300,000 tokens a request; a third of it keeps one request short and its repetition cheap. */
const MAX_REQUEST_TOKENS = 100_000;
const PROBE = "ok";
/** Pauses that the endpoint asks for are waited out up to so long a call; that slows the intake down instead of asking again. */
const PATIENCE_MS = 20_000;

export class OpenAiEmbedder implements Embedder {
  readonly model: string;
  readonly semantic = true;
  readonly batchSize: number;
  private readonly endpoint: Endpoint;
  private learntDimensions: number | null = null;
  /** Shrinks when the endpoint refuses a batch whose halves it takes (text-embeddings-inference allows 32). */
  private largestRequest: number;
  /** Milliseconds since the epoch: the endpoint wants to be left alone until then. */
  private pausedUntil = 0;

  /** @throws PermanentError `config.invalid` */
  constructor(config: EmbedderConfig) {
    if (!config.model)
      throw new PermanentError("config.invalid", "EMBEDDINGS_MODEL must name the model of the embeddings endpoint");
    this.model = config.model;
    this.batchSize = Math.max(1, config.batchSize ?? 64);
    this.largestRequest = this.batchSize;
    this.endpoint = {
      url: endpointUrl(config.url ?? null),
      model: config.model,
      apiKey: config.apiKey ?? null,
      dimensions: config.dimensions ?? null,
      timeoutMs: config.timeoutMs ?? 60_000,
    };
  }

  get dimensions(): number | null {
    return this.endpoint.dimensions ?? this.learntDimensions;
  }

  async embed(texts: string[], signal?: AbortSignal): Promise<EmbedResult[]> {
    const results: EmbedResult[] = [];
    const call: Call = { signal, alive: false, patience: PATIENCE_MS };
    for (let start = 0; start < texts.length; ) {
      const size = this.requestSize(texts, start);
      results.push(...(await this.embedOrHalve(texts.slice(start, start + size), call)));
      start += size;
    }
    return results;
  }

  /** Somebody waits for the answer, so it is asked at once, come what may. */
  async embedQuery(text: string, signal?: AbortSignal): Promise<Float32Array> {
    const [result] = await this.embedOrHalve([text], { signal, alive: false, patience: null });
    if (!result) throw new TransientError("embeddings.bad_answer", "the embeddings endpoint gave no vector");
    if ("error" in result) throw new InputError("embeddings.bad_input", result.error.message, result.error.details);
    return result.vector;
  }

  async check(signal?: AbortSignal): Promise<EmbedderCheck> {
    const start = performance.now();
    try {
      const vector = await this.embedQuery(PROBE, signal);
      return { ok: true, dimensions: vector.length, milliseconds: Math.round(performance.now() - start) };
    } catch (error) {
      return { ok: false, error: errorToData(error) };
    }
  }

  /** How many texts from `start` on fit one request. */
  private requestSize(texts: string[], start: number): number {
    let tokens = 0;
    let size = 0;
    while (start + size < texts.length && size < this.largestRequest) {
      tokens += estimateTokens(texts[start + size]!);
      if (size > 0 && tokens > MAX_REQUEST_TOKENS) break;
      size++;
    }
    return size;
  }

  private async embedOrHalve(texts: string[], call: Call): Promise<EmbedResult[]> {
    try {
      return await this.request(texts, call);
    } catch (error) {
      if (!(error instanceof RefusedInput)) throw error;
      // Before blaming a text: if not even a harmless one passes, the settings or the endpoint are at fault.
      if (!call.alive) await this.probe(error, call);
      if (texts.length === 1) return [await this.judge(texts[0]!, error, call)];
      const middle = Math.ceil(texts.length / 2);
      const halves = [
        ...(await this.embedOrHalve(texts.slice(0, middle), call)),
        ...(await this.embedOrHalve(texts.slice(middle), call)),
      ];
      if (halves.every((result) => "vector" in result)) this.largestRequest = Math.min(this.largestRequest, middle);
      return halves;
    }
  }

  /** A 500 that a single text meets twice, while the endpoint takes others, is that text's fault (Ollama's NaN answers). */
  private async judge(text: string, refusal: RefusedInput, call: Call): Promise<EmbedResult> {
    if (refusal.status === 500) {
      try {
        return (await this.request([text], call))[0]!;
      } catch (error) {
        if (!(error instanceof RefusedInput)) throw error;
      }
    }
    return { error: badInput(refusal, text) };
  }

  private async probe(refusal: RefusedInput, call: Call): Promise<void> {
    try {
      await this.request([PROBE], call);
    } catch (error) {
      if (error instanceof RefusedInput)
        throw new TransientError(
          refusal.status === 500 ? "embeddings.unavailable" : "embeddings.rejected",
          `the embeddings endpoint refuses every text: ${refusal.message}`,
          { status: refusal.status },
        );
      throw error;
    }
  }

  /** Heeds the pauses that any call of this thread was asked for. */
  private async post(texts: string[], call: Call): Promise<(Float32Array | null)[]> {
    for (;;) {
      const wait = this.pausedUntil - Date.now();
      if (wait > 0 && call.patience !== null) {
        if (wait > call.patience) throw paused(this.pausedUntil);
        call.patience -= wait;
        await setTimeout(wait, undefined, call.signal ? { signal: call.signal } : {}).catch(() => {});
        call.signal?.throwIfAborted();
      }
      try {
        return await postEmbeddings(this.endpoint, texts, this.dimensions, call.signal);
      } catch (error) {
        if (!(error instanceof SnoozeError)) throw error;
        this.pausedUntil = Math.max(this.pausedUntil, error.until.getTime());
        if (call.patience === null || this.pausedUntil - Date.now() > call.patience) throw error;
      }
    }
  }

  private async request(texts: string[], call: Call): Promise<EmbedResult[]> {
    // Empty input is refused by most endpoints, and a space has the same meaning.
    const given = texts.map((text) => (text.trim() === "" ? " " : text));
    const vectors = await this.post(given, call);
    // One such vector is that text's fault, nothing but such vectors is the endpoint's.
    if (vectors.length > 1 && vectors.every((vector) => vector === null))
      throw new TransientError("embeddings.bad_answer", "the embeddings endpoint gives no vector of finite numbers");
    call.alive = true;
    return vectors.map((vector) => {
      if (vector) {
        this.learntDimensions ??= vector.length;
        return { vector };
      }
      const error = new InputError("embeddings.bad_input", "the model answered with a vector that is not finite");
      return { error: errorToData(error) };
    });
  }
}

/** What a call is thrown when the endpoint's pause is longer than its patience. */
const paused = (until: number): SnoozeError =>
  new SnoozeError("embeddings.rate_limited", "the embeddings endpoint asked for a pause", new Date(until));

interface Call {
  signal: AbortSignal | undefined;
  /** Milliseconds that are left to wait for the endpoint; null: whoever calls does not heed its pauses. */
  patience: number | null;
  /** Whether the endpoint took any text during this call. */
  alive: boolean;
}

function badInput(refusal: RefusedInput, text: string): ReturnType<typeof errorToData> {
  return errorToData(
    new InputError("embeddings.bad_input", refusal.message, { status: refusal.status, characters: text.length }),
  );
}

/** Accepts the base of an API as well as the endpoint itself. */
function endpointUrl(given: string | null): URL {
  if (!given) return new URL(DEFAULT_URL);
  if (!URL.canParse(given)) throw new PermanentError("config.invalid", "EMBEDDINGS_URL is not a URL");
  const url = new URL(given);
  const path = url.pathname.replace(/\/+$/, "");
  if (!path.endsWith("/embeddings")) url.pathname = `${path === "" ? "/v1" : path}/embeddings`;
  return url;
}
