/** What the stages of one worker thread share: its connections to the world and its limits. */
import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import type { Connector } from "../connector/connector.ts";
import type { ConvertedDocument, ConvertRequest } from "../convert/convert.ts";
import type { Embedder } from "../embed/provider.ts";
import type { Log } from "../log.ts";
import type { CurrentClaim } from "../store/confirm_current.ts";
import type { ObjectStore } from "../store/objects.ts";
import type { PreparedDocument, SwapResult } from "../store/prepared.ts";
import type { Tracer } from "../trace.ts";
import type { Batcher } from "./batch.ts";
import type { EmbedOutcome, EmbedRequest } from "./embed.ts";

export interface IngestContext {
  config: Config;
  sql: Sql;
  objects: ObjectStore;
  embedder: Embedder;
  log: Log;
  /** The connector of a connection; throws PermanentError `connector.*` when it is gone or not configured. */
  connectorOf(tenantId: string, connectionId: string | null, sourceType: string): Promise<Connector>;
  /** Converts in this thread or, for formats whose parsers face hostile bytes and for `suspect` ones, in the child process. */
  convert(request: ConvertRequest, signal: AbortSignal, suspect: boolean): Promise<ConvertedDocument>;
  /** Whether what was fetched is still the current version. */
  confirm: Batcher<CurrentClaim, boolean>;
  swap: Batcher<PreparedDocument, SwapResult>;
  embed: Batcher<EmbedRequest, EmbedOutcome>;
  /** Where traces are collected. */
  tracer?: Tracer | null;
}
