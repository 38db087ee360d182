/** What the HTTP layer needs from the process around it. Everything comes in here, so that tests can call the app alone. */
import type { Sql } from "postgres";
import type { Config } from "../config.ts";
import type { Connector, JsonObject, SourceType } from "../connector/connector.ts";
import type { Embedder } from "../embed/provider.ts";
import type { search } from "../index/search.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Wake } from "../queue/wake.ts";
import type { ObjectStore } from "../store/objects.ts";
import type { Caller } from "./authenticate.ts";
import type { Guesses } from "./guesses.ts";
import type { Intake } from "./intake.ts";
import type { RequestPace } from "./request_pace.ts";

export interface AppDeps {
  config: Config;
  sql: Sql;
  objects: ObjectStore;
  embedder: Embedder;
  wake: Pick<Wake, "ring">;
  log: Log;
  /** Made by createApp when left out. */
  metrics?: Metrics;
  search: typeof search;
  /** Rejects with a SluiceError `connector.*` when no connector could work with this configuration. */
  validateConnectionConfig(sourceType: SourceType, config: JsonObject, secrets?: Record<string, string>): unknown;
  /** A connector of the connection as its row is now; rejects with a SluiceError `connector.*`. The caller closes it. */
  openConnector(tenantId: string, connectionId: string): Promise<Connector>;
  /** Aborted when the server is to stop: answers that would go on by themselves end then. */
  closing?: AbortSignal | undefined;
}

/** As handlers see it. */
export type Deps = AppDeps & { metrics: Metrics; guesses: Guesses; intake: Intake; pace: RequestPace };

/** Variables of a request in Hono's context. */
export interface AppEnv {
  Bindings: {
    /** Of the client, where the request came over a socket. */
    address?: string | undefined;
  };
  Variables: {
    correlationId: string;
    /** Carries the correlation id. */
    log: Log;
    /** Pattern of the route that answered, e.g. `/v1/jobs/{id}`; for the access log and the metrics. */
    route: string;
    /** Set once the token is known. */
    tenantId: string | null;
    tokenId: string | null;
    /** What the console, which has sessions and forms, puts in place of what a request to the API carries itself. */
    instead?: { caller: Caller; body: unknown };
  };
}
