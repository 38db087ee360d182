/**
 * A Confluence that answers over real HTTP, for tests: Cloud (`/wiki/api/v2`, `/wiki/rest/api`, the gateway for scoped
 * tokens) or Data Center (`/rest/api`), in front of a site that the test edits while it runs. Requests pass, in this
 * order, the log, the latency, the enforced rate limit, the injected fault, the door (credentials) and the endpoint.
 */
import {
  type Answer,
  html,
  type JsonObject,
  json,
  LOGIN_PAGE,
  NOT_FOUND_PAGE,
  Refusal,
  unknownPath,
} from "./answer.ts";
import { type Account, type Door, Gatekeeper, READ_SCOPES } from "./auth.ts";
import type { Call, Deployment } from "./call.ts";
import { cloudV2 } from "./cloud_v2.ts";
import { answerOf, type Fault, Faults, responseOf, tooMany } from "./faults.ts";
import { startMediaHost } from "./media_host.ts";
import { type Quirks, usualQuirks } from "./paging.ts";
import { type Limit, TokenBucket } from "./rate_limit.ts";
import { kindOf, type Logged, RequestLog } from "./request_log.ts";
import { CLOUD_ID, restV1 } from "./rest_v1.ts";
import type { Site } from "./site.ts";

export interface StandInOptions {
  deployment: Deployment;
  site: Site;
  /** Every answer of the site waits so long. */
  latencyMs?: number;
  /** Answers 429 above this. */
  limit?: Limit;
  quirks?: Partial<Quirks>;
  /** Who may come; one reader when left out, `READER`. */
  accounts?: Account[];
  /** Data Center under a path, e.g. "/confluence". */
  context?: string;
  /** How long the signed address of a download is good for, in real time; a minute when left out. */
  mediaLifeMs?: number;
}

export interface StandIn {
  /** The base URL to configure: with `/wiki` on Cloud, with the context on Data Center. */
  url: string;
  /** Cloud: the base URL for scoped tokens, e.g. `http://127.0.0.1:1/ex/confluence/{cloudId}`. */
  gatewayUrl: string;
  /** The other host of downloads. */
  mediaUrl: string;
  site: Site;
  log: RequestLog;
  faults: Faults;
  quirks: Quirks;
  gatekeeper: Gatekeeper;
  /** May be changed while it runs. */
  latencyMs: number;
  stop(): Promise<void>;
}

/** The account that a stand-in knows when it is given none; its user is added to the site if it lacks. */
export const READER: Account = {
  userId: "712020:0f0f0f0f-reader",
  email: "reader@example.com",
  username: "reader",
  apiToken: "cloud-api-token",
  scopedToken: "cloud-scoped-token",
  scopes: READ_SCOPES,
  pat: "data-center-pat",
  password: "data-center-password",
  siteAccess: true,
};

/** The header that this account sends: Basic with the API token or password, or what `how` says. */
export function authorization(
  how: "api-token" | "scoped-basic" | "scoped-bearer" | "pat" | "password",
  account = READER,
): string {
  if (how === "pat") return `Bearer ${account.pat}`;
  if (how === "scoped-bearer") return `Bearer ${account.scopedToken}`;
  const pair =
    how === "password"
      ? `${account.username}:${account.password}`
      : `${account.email}:${how === "scoped-basic" ? account.scopedToken : account.apiToken}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** Starts the site and the media host on free ports of 127.0.0.1. */
export function startStandIn(options: StandInOptions): StandIn {
  const { deployment, site } = options;
  const accounts = options.accounts ?? [READER];
  for (const { userId, username, email } of accounts)
    if (!site.users.has(userId)) site.addUser({ id: userId, username, email, displayName: username });
  const log = new RequestLog();
  const faults = new Faults(deployment);
  const bucket = options.limit ? new TokenBucket(options.limit) : null;
  const media = startMediaHost(site, log, faults, options.mediaLifeMs ?? 60_000);
  const context = deployment === "cloud" ? "/wiki" : (options.context ?? "");
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    idleTimeout: 60,
    fetch: (request) => serve(request),
  });
  const origin = server.url.href.replace(/\/$/, "");
  const standIn: StandIn = {
    url: `${origin}${context}`,
    gatewayUrl: `${origin}/ex/confluence/${CLOUD_ID}`,
    mediaUrl: media.url,
    site,
    log,
    faults,
    quirks: { ...usualQuirks(deployment), ...options.quirks },
    gatekeeper: new Gatekeeper(accounts),
    latencyMs: options.latencyMs ?? 0,
    stop: async () => {
      await Promise.all([server.stop(true), media.stop()]);
    },
  };

  async function serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const place = placeOf(url.pathname, deployment, context);
    const entry = log.open(request.method, url.pathname, url.search.slice(1), kindOf(place.path, url.searchParams));
    if (standIn.latencyMs > 0) await Bun.sleep(standIn.latencyMs);
    const wait = bucket?.take() ?? 0;
    const fault: Fault | null = wait > 0 ? null : faults.for(request.method, url.pathname, url.searchParams);
    entry.fault = fault?.kind ?? null;
    if (fault?.kind === "stall") await Bun.sleep(fault.ms);
    const spoilt =
      wait > 0
        ? tooMany(deployment, { "Retry-After": String(Math.ceil(wait)) })
        : fault && answerOf(fault, deployment, standIn.url);
    const answer = spoilt ?? (await answerTo(request, url, place, entry));
    entry.status = answer.status;
    if (deployment === "datacenter") answer.headers["X-Confluence-Request-Time"] = String(site.now);
    return responseOf(answer, fault);
  }

  async function answerTo(request: Request, url: URL, place: Place, entry: Logged): Promise<Answer> {
    const open =
      place.door === "cloud-other" || place.api === "other" ? publicPage(place, deployment, standIn.url) : null;
    if (open) return open;
    const isBulk = request.method === "POST" && place.path === "/users-bulk";
    const entrance = standIn.gatekeeper.enter(
      place.door,
      request.headers.get("authorization"),
      place.path,
      standIn.url,
    );
    if ("answer" in entrance) return entrance.answer;
    if (request.method !== "GET" && !isBulk)
      return json(
        {
          errors: [
            {
              status: 405,
              code: "METHOD_NOT_ALLOWED",
              title: `org.springframework.web.HttpRequestMethodNotSupportedException: Request method '${request.method}' not supported`,
            },
          ],
        },
        405,
      );
    const call: Call = {
      site,
      deployment,
      quirks: standIn.quirks,
      faults,
      log,
      entry,
      path: place.path,
      query: url.searchParams,
      base: standIn.url,
      context,
      viewer: entrance.userId,
      posted: isBulk ? ((await request.json()) as JsonObject) : null,
      mediaUrl: media.sign,
    };
    try {
      if (place.api === "download") return downloaded(call, url);
      const found = place.api === "v2" ? cloudV2(call) : restV1(call);
      return found ?? unknownPath(url.href, request.headers.get("accept") ?? "");
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  return standIn;
}

interface Place {
  door: Door;
  api: "v1" | "v2" | "download" | "other";
  /** Behind the prefix of the API. */
  path: string;
}

/** Which door and which API a path leads to. The gateway knows v1 with and without `/wiki`. */
function placeOf(pathname: string, deployment: Deployment, context: string): Place {
  const gateway = deployment === "cloud" && pathname.startsWith(`/ex/confluence/${CLOUD_ID}/`);
  let inner = gateway ? pathname.slice(`/ex/confluence/${CLOUD_ID}`.length) : pathname;
  if (inner.startsWith(`${context}/`)) inner = inner.slice(context.length);
  else if (!gateway)
    return { door: deployment === "cloud" ? "cloud-other" : "datacenter", api: "other", path: pathname };
  const door = (cloud: Door): Door => (gateway ? "gateway" : deployment === "cloud" ? cloud : "datacenter");
  if (inner.startsWith("/rest/api/"))
    return { door: door("cloud-v1"), api: "v1", path: inner.slice("/rest/api".length) };
  if (inner.startsWith("/api/v2/") && deployment === "cloud")
    return { door: door("cloud-v2"), api: "v2", path: inner.slice("/api/v2".length) };
  if (inner.startsWith("/download/attachments/")) return { door: door("cloud-v1"), api: "download", path: inner };
  return { door: door("cloud-other"), api: "other", path: inner };
}

/** What everybody gets: how the deployment shows itself, login forms instead of web pages, and HTML for what is nowhere. */
function publicPage(place: Place, deployment: Deployment, siteUrl: string): Answer {
  if (deployment === "cloud" && place.path === "/_edge/tenant_info") return json({ cloudId: CLOUD_ID });
  if (deployment === "datacenter" && place.path === "/status") return json({ state: "RUNNING" });
  if (deployment === "datacenter" && place.path === "/rest/applinks/1.0/manifest")
    return json({
      id: "00000000-0000-3000-8000-000000000000",
      name: "Confluence",
      typeId: "confluence",
      version: "9.2.1",
      buildNumber: 9109,
      applinksVersion: "9.1.2",
      url: siteUrl,
    });
  if (/^\/(spaces|display|pages|login|x)\b|^\/$/.test(place.path)) return html(LOGIN_PAGE, 200);
  return html(NOT_FOUND_PAGE, 404);
}

/** `_links.download`: closed to API tokens on Cloud; on Data Center the bytes, if the query is there. */
function downloaded(call: Call, url: URL): Answer {
  if (call.deployment === "cloud")
    return { status: 401, headers: { "WWW-Authenticate": `OAuth realm="${encodeURI(call.base)}"` }, body: "" };
  const [, , , owner = "", name = ""] = call.path.split("/").map(decodeURIComponent);
  const file = call.site.attachmentsOf(owner).find((one) => one.title === name && one.status === "current");
  if (!file || !call.site.canRead(call.viewer, file) || !url.searchParams.has("version"))
    return html(NOT_FOUND_PAGE, 404);
  if (call.quirks.downloadRedirect) return { status: 302, headers: { Location: call.mediaUrl(file.id) }, body: "" };
  return {
    status: 200,
    headers: {
      "Content-Type": file.mediaType,
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.title)}`,
    },
    body: call.site.bytesOf(file),
  };
}
