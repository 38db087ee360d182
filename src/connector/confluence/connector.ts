/**
 * Confluence as a source: one connection gives pages (with blog posts and comments) and attachments. This file holds
 * the parts together; what the site is gets found out once and is kept.
 */
import { createHash } from "node:crypto";
import { InputError } from "../../errors.ts";
import { AddressGuard, type Resolve } from "../address_guard.ts";
import type {
  Connection,
  ConnectionTest,
  Connector,
  Descriptor,
  FetchContext,
  Fetched,
  ListContext,
  Listing,
  SourceType,
} from "../connector.ts";
import { PageTree } from "./ancestors.ts";
import { type ConfluenceSettings, readSettings } from "./config.ts";
import { detectSite } from "./detect.ts";
import { fetchAttachment, refuseExcluded } from "./fetch_attachment.ts";
import { fetchPage } from "./fetch_page.ts";
import { ConfluenceHttp, type HttpSettings, PATIENCE_MS } from "./http.ts";
import { listConfluence } from "./list.ts";
import { Names } from "./names.ts";
import { Gate, LocalRateLimits, Pace, type RateLimits } from "./rate_limit.ts";
import { Includes } from "./read_includes.ts";
import type { Site } from "./site.ts";
import { testConnection } from "./test_connection.ts";

const DETECT_MS = 180_000;
/** Fetches begun at once: what the rate gives in so many seconds. */
const AT_ONCE_SECONDS = 5;
const AT_ONCE_MIN = 4;

export interface ConfluenceEnvironment {
  /** Shared by all threads and machines; without it, this connector keeps its own. */
  rateLimits?: RateLimits | undefined;
  /** The operator lets connections reach private and link-local addresses. */
  allowPrivateNetwork?: boolean | undefined;
  /** For tests. */
  resolve?: Resolve | undefined;
  http?: Partial<Pick<HttpSettings, "backoffMs" | "deadlineMs">> | undefined;
}

export class ConfluenceConnector implements Connector {
  readonly sourceTypes: readonly SourceType[];
  private readonly settings: ConfluenceSettings;
  private readonly http: ConfluenceHttp;
  private readonly gate: Gate;
  private readonly names: Names;
  private readonly includes: Includes;
  private readonly tree = new PageTree();
  private found: Promise<Site> | null = null;

  /** `connection.secrets`: api_token, pat or password. Throws InputError `connector.bad_config`. */
  constructor(connection: Connection, environment: ConfluenceEnvironment) {
    this.settings = readSettings(connection, { allowPrivateNetwork: environment.allowPrivateNetwork ?? false });
    this.sourceTypes = typesOf(connection.sourceType, this.settings);
    const { authorization, requestsPerSecond } = this.settings;
    const limits = environment.rateLimits ?? new LocalRateLimits();
    this.gate = new Gate(Math.max(AT_ONCE_MIN, Math.ceil(requestsPerSecond * AT_ONCE_SECONDS)));
    const guard = new AddressGuard(this.settings.allowPrivateNetwork, environment.resolve);
    this.http = new ConfluenceHttp(
      { authorization, ...environment.http },
      new Pace(limits, this.paceKey(), requestsPerSecond),
      guard,
    );
    this.names = new Names(this.http);
    this.includes = new Includes(this.http);
  }

  isConfigured(): boolean {
    return this.settings.authorization !== null || this.settings.anonymous;
  }

  list(context: ListContext): Listing {
    const types = this.sourceTypes.filter((type) => context.sourceTypes?.includes(type) ?? true);
    return listConfluence(
      { http: this.http, settings: this.settings, site: (signal) => this.site(signal) },
      context,
      types,
    );
  }

  async fetch(descriptor: Descriptor, context: FetchContext): Promise<Fetched> {
    context.signal.throwIfAborted();
    refuseExcluded(descriptor);
    return await this.gate.through(context.signal, PATIENCE_MS, async () => {
      const site = await this.site(context.signal);
      const { http, settings, names, includes, tree } = this;
      return descriptor.sourceType === "CONFLUENCE_ATTACHMENT"
        ? await fetchAttachment(descriptor, context, site, { http, settings })
        : await fetchPage(descriptor, context, site, { http, settings, names, includes, tree });
    });
  }

  async test(signal: AbortSignal): Promise<ConnectionTest> {
    return await testConnection(
      { http: this.http, settings: this.settings, site: (within) => this.site(within) },
      signal,
    );
  }

  /** What answers at the address. The site limits accounts, so those who share one share its pace. */
  private paceKey(): string {
    const account = createHash("sha256")
      .update(this.settings.authorization ?? "")
      .digest("hex")
      .slice(0, 16);
    return `confluence ${this.settings.siteName} ${account}`;
  }

  /** Found out once for all callers, so none of them can break it off for the others. */
  private async site(signal: AbortSignal): Promise<Site> {
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    return await Promise.race([this.detected(), aborted]);
  }

  private detected(): Promise<Site> {
    if (this.found !== null) return this.found;
    if (!this.isConfigured()) {
      throw new InputError(
        "connector.not_configured",
        "the Confluence connection lacks credentials: an api_token with email, a pat, or a password with username",
      );
    }
    const signal = AbortSignal.timeout(DETECT_MS);
    const found = detectSite(this.settings, this.http, { signal, patienceMs: DETECT_MS });
    this.found = found;
    found.then(
      (site) => {
        this.http.deployment = site.deployment;
      },
      () => {
        this.found = null;
      },
    );
    return found;
  }
}

/** A connection for attachments gives nothing else; any other gives pages, and attachments unless they are off. */
function typesOf(sourceType: SourceType, settings: ConfluenceSettings): readonly SourceType[] {
  if (sourceType === "CONFLUENCE_ATTACHMENT") return ["CONFLUENCE_ATTACHMENT"];
  return settings.attachments.enabled ? ["CONFLUENCE_PAGE", "CONFLUENCE_ATTACHMENT"] : ["CONFLUENCE_PAGE"];
}
