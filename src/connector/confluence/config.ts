/**
 * What a Confluence connection may say, and what follows from it: which addresses are meant, how requests authenticate
 * and which content is wanted. Secrets come apart from the rest and appear in nothing that is shown or logged.
 */
import * as v from "valibot";
import { InputError } from "../../errors.ts";
import type { Connection, JsonObject } from "../connector.ts";

export type Deployment = "cloud" | "datacenter";

/** Attachments that the converters read; others are skipped with a reason. */
const TYPES_DEFAULT = ["docx", "pdf", "md", "markdown", "txt", "html", "htm"];
const BYTES_DEFAULT = 100 * 1024 * 1024;
export const GATEWAY = "https://api.atlassian.com/ex/confluence";
const GATEWAY_PATH = /^\/ex\/confluence\/([0-9a-f-]{8,64})(?:\/|$)/i;
/** Of Cloud sites; other host names may be either deployment. */
const CLOUD_HOST = /(?:^|\.)(?:atlassian\.net|jira\.com|atlassian-us-gov-mod\.net)$/i;

const name = v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.maxLength(255));
const contentId = v.pipe(
  v.union([v.string(), v.number()]),
  v.transform(String),
  v.regex(/^\d{1,20}$/, "must be a number as it stands in the page's address"),
);
const positive = (max: number) => v.pipe(v.number(), v.minValue(0.01), v.maxValue(max));

const baseUrl = v.pipe(
  v.string(),
  v.trim(),
  v.url("must be a URL"),
  v.regex(/^https?:\/\//i, "must start with https:// or http://"),
  v.check((url) => !URL.canParse(url) || new URL(url).username === "", "must not contain credentials"),
);

export const ConfluenceConfig = v.strictObject({
  kind: v.optional(v.literal("confluence")),
  base_url: baseUrl,
  deployment: v.optional(v.picklist(["cloud", "datacenter"])),
  /** For scoped tokens, which work only through api.atlassian.com; found out where it is missing. */
  cloud_id: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f-]{8,64}$/i, "must be a cloud id"))),
  auth: v.optional(v.picklist(["api_token", "scoped_token", "pat", "basic", "anonymous"])),
  email: v.optional(name),
  username: v.optional(name),
  spaces: v.optional(v.pipe(v.array(v.pipe(name, v.regex(/^[\w.~-]+$/, "must be a space key"))), v.maxLength(500))),
  page_ids: v.optional(v.pipe(v.array(contentId), v.maxLength(200))),
  labels: v.optional(v.strictObject({ include: v.optional(v.array(name)), exclude: v.optional(v.array(name)) })),
  cql: v.optional(
    v.pipe(
      name,
      v.check((cql) => !/\border\s+by\b/i.test(cql), "must not contain ORDER BY"),
    ),
  ),
  archived: v.optional(v.boolean(), false),
  blog_posts: v.optional(v.boolean(), true),
  attachments: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      max_bytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      types: v.optional(v.array(v.pipe(v.string(), v.regex(/^\.?[a-z0-9]{1,10}$/i, "must be a file extension")))),
    }),
    {},
  ),
  comments: v.optional(v.boolean(), true),
  requests_per_second: v.optional(positive(1000), 10),
  /** Takes effect only where the operator allows private addresses as well. */
  allow_private_network: v.optional(v.boolean()),
});

/** A connection as the rest of the connector reads it. */
export interface ConfluenceSettings {
  /** Address that people use, without a slash at its end; for Cloud with `/wiki`. */
  webBase: string;
  deployment: Deployment | null;
  /** Where requests go instead of the site itself: the gateway of scoped tokens, up to `/wiki`. */
  gatewayRoot: string | null;
  /** A scoped token works through the gateway only; without `gatewayRoot`, the cloud id must be found out first. */
  scoped: boolean;
  /** Part of every external ref; does not change with the way the site is reached. */
  siteName: string;
  /** Value of the Authorization header; null where something is missing. */
  authorization: string | null;
  anonymous: boolean;
  spaces: string[];
  pageIds: string[];
  labels: { include: string[]; exclude: string[] };
  cql: string | null;
  archived: boolean;
  blogPosts: boolean;
  attachments: { enabled: boolean; maxBytes: number; types: ReadonlySet<string> };
  comments: boolean;
  requestsPerSecond: number;
  allowPrivateNetwork: boolean;
}

/** Throws InputError `connector.bad_config` that names the field. */
export function readSettings(connection: Connection, operator: { allowPrivateNetwork: boolean }): ConfluenceSettings {
  const parsed = v.safeParse(ConfluenceConfig, connection.config);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw badConfig(v.getDotPath(issue) ?? "config", issue.message);
  }
  const config = parsed.output;
  const address = addressOf(config.base_url, config.cloud_id);
  if (address.deployment && config.deployment && address.deployment !== config.deployment) {
    throw badConfig("deployment", `${new URL(config.base_url).host} is a ${address.deployment} address`);
  }
  if (config.cql !== undefined && !isBalanced(config.cql)) throw badConfig("cql", "has unbalanced brackets or quotes");
  const scoped = config.auth === "scoped_token" || config.cloud_id !== undefined;
  const { attachments } = config;
  return {
    webBase: address.webBase,
    deployment: address.deployment ?? config.deployment ?? null,
    gatewayRoot: address.gatewayRoot ?? (config.cloud_id === undefined ? null : `${GATEWAY}/${config.cloud_id}/wiki`),
    scoped,
    siteName: address.siteName,
    authorization: authorizationOf(config, connection.secrets),
    anonymous: config.auth === "anonymous",
    spaces: [...new Set(config.spaces ?? [])],
    pageIds: [...new Set(config.page_ids ?? [])],
    labels: { include: config.labels?.include ?? [], exclude: config.labels?.exclude ?? [] },
    cql: config.cql ?? null,
    archived: config.archived,
    blogPosts: config.blog_posts,
    attachments: {
      enabled: attachments.enabled ?? true,
      maxBytes: attachments.max_bytes ?? BYTES_DEFAULT,
      types: new Set((attachments.types ?? TYPES_DEFAULT).map((type) => type.toLowerCase().replace(/^\./, ""))),
    },
    comments: config.comments,
    requestsPerSecond: config.requests_per_second,
    allowPrivateNetwork: operator.allowPrivateNetwork && config.allow_private_network !== false,
  };
}

const badConfig = (field: string, message: string): InputError =>
  new InputError("connector.bad_config", `${field}: ${message}`, { field });

interface Address {
  webBase: string;
  siteName: string;
  deployment: Deployment | null;
  gatewayRoot: string | null;
}

function addressOf(given: string, cloudId: string | undefined): Address {
  const url = new URL(given);
  const gateway = GATEWAY_PATH.exec(url.pathname)?.[1];
  if (gateway !== undefined) {
    const root = `${url.origin}/ex/confluence/${gateway}/wiki`;
    return { webBase: root, siteName: gateway.toLowerCase(), deployment: "cloud", gatewayRoot: root };
  }
  // What people copy from the address bar: everything after the context path says which page they were looking at.
  const path = url.pathname.replace(
    /\/(?:spaces|display|pages|rest|api|dashboard\.action|index\.action|home|x|login\.action)(?:\/.*)?$/,
    "",
  );
  const context = path.replace(/\/+$/, "");
  const isCloud = CLOUD_HOST.test(url.hostname) || cloudId !== undefined;
  const webContext = isCloud && context === "" ? "/wiki" : context;
  return {
    webBase: `${url.origin}${webContext}`,
    // `/wiki` says nothing: on Cloud it is always there, and whether it was typed must not change any ref.
    siteName: `${url.host.toLowerCase()}${webContext === "/wiki" ? "" : webContext}`,
    deployment: isCloud ? "cloud" : null,
    gatewayRoot: null,
  };
}

/** `secrets`: api_token, pat, password. */
function authorizationOf(
  config: v.InferOutput<typeof ConfluenceConfig>,
  secrets: Record<string, string>,
): string | null {
  const basic = (user: string | undefined, secret: string | undefined): string | null =>
    user && secret ? `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}` : null;
  const bearer = (secret: string | undefined): string | null => (secret ? `Bearer ${secret}` : null);
  switch (config.auth) {
    case "api_token":
      return basic(config.email, secrets.api_token);
    case "scoped_token":
      // People's tokens go with their address, those of service accounts alone.
      return config.email ? basic(config.email, secrets.api_token) : bearer(secrets.api_token);
    case "pat":
      return bearer(secrets.pat ?? secrets.api_token);
    case "basic":
      return basic(config.username ?? config.email, secrets.password);
    case "anonymous":
      return null;
    case undefined:
      if (secrets.pat) return bearer(secrets.pat);
      if (secrets.api_token) return config.email ? basic(config.email, secrets.api_token) : bearer(secrets.api_token);
      return basic(config.username ?? config.email, secrets.password);
  }
}

/** Whether a part of a query can stand in brackets without reaching out of them. */
function isBalanced(cql: string): boolean {
  let depth = 0;
  let quote = "";
  for (let i = 0; i < cql.length; i++) {
    const char = cql[i]!;
    if (char === "\\") i++;
    else if (quote) quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "(") depth++;
    else if (char === ")" && --depth < 0) return false;
  }
  return depth === 0 && quote === "";
}

/** Names of the secrets that a connection may have. */
export const CONFLUENCE_SECRETS = ["api_token", "pat", "password"] as const;

/** True for the config of a Confluence connection. */
export const isConfluence = (config: JsonObject): boolean => config.kind === undefined || config.kind === "confluence";
