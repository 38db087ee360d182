/**
 * `CONFLUENCE_*`: a connection described by environment variables, so that a service with one wiki needs no call to set
 * it up. Part of config.ts, which hands in the variables; secrets may come from files there.
 */
import * as v from "valibot";

const text = v.optional(v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty")));
const flag = v.optional(
  v.pipe(
    v.picklist(["true", "false"], "must be true or false"),
    v.transform((value) => value === "true"),
  ),
);
const list = v.optional(
  v.pipe(
    v.string(),
    v.transform((value) =>
      value
        .split(",")
        .map((part) => part.trim())
        .filter(Boolean),
    ),
  ),
);
const number = v.optional(
  v.pipe(
    v.string(),
    v.trim(),
    v.regex(/^\d+(?:\.\d+)?$/, "must be a number"),
    v.transform(Number),
    v.minValue(0.01, "must be greater than 0"),
  ),
);

/** Variables whose value may be given as a file path in NAME_FILE. */
export const CONFLUENCE_SECRET_NAMES = ["CONFLUENCE_API_TOKEN", "CONFLUENCE_PAT", "CONFLUENCE_PASSWORD"] as const;

/** Entries of the environment's schema. */
export const CONFLUENCE_VARIABLES = {
  CONFLUENCE_BASE_URL: v.optional(
    v.pipe(
      v.string(),
      v.trim(),
      v.url("must be a URL"),
      v.regex(/^https?:\/\//, "must start with http:// or https://"),
    ),
  ),
  CONFLUENCE_DEPLOYMENT: v.optional(v.picklist(["cloud", "datacenter"], "must be cloud or datacenter")),
  CONFLUENCE_AUTH: v.optional(v.picklist(["api_token", "scoped_token", "pat", "basic", "anonymous"])),
  CONFLUENCE_CLOUD_ID: text,
  CONFLUENCE_EMAIL: text,
  CONFLUENCE_USERNAME: text,
  CONFLUENCE_API_TOKEN: text,
  CONFLUENCE_PAT: text,
  CONFLUENCE_PASSWORD: text,
  CONFLUENCE_SPACES: list,
  CONFLUENCE_PAGE_IDS: list,
  CONFLUENCE_LABELS: list,
  CONFLUENCE_LABELS_EXCLUDE: list,
  CONFLUENCE_CQL: text,
  CONFLUENCE_ARCHIVED: flag,
  CONFLUENCE_BLOG_POSTS: flag,
  CONFLUENCE_ATTACHMENTS: flag,
  CONFLUENCE_ATTACHMENT_TYPES: list,
  CONFLUENCE_ATTACHMENT_MAX_BYTES: number,
  CONFLUENCE_COMMENTS: flag,
  CONFLUENCE_REQUESTS_PER_SECOND: number,
  CONFLUENCE_ALLOW_PRIVATE_NETWORK: flag,
  CONFLUENCE_TENANT: text,
};

type Variables = v.InferOutput<ReturnType<typeof v.object<typeof CONFLUENCE_VARIABLES>>>;
type Value = string | number | boolean | string[] | { [key: string]: Value };

export interface ConfluenceEnvironmentConfig {
  /** What the variables describe, as a connection would hold it; null without CONFLUENCE_BASE_URL. */
  connection: { config: Record<string, Value>; secrets: Record<string, string> } | null;
  /** Name of the tenant that may use it; null: the only one there is. */
  tenant: string | null;
  /** Connections, of whoever, may reach private and link-local addresses. */
  allowPrivateNetwork: boolean;
}

/** What is missing or contradictory, a line each. */
export function confluenceFaults(env: Variables): string[] {
  if (env.CONFLUENCE_BASE_URL === undefined) {
    const lone = Object.keys(CONFLUENCE_VARIABLES).filter(
      (name) => env[name as keyof Variables] !== undefined && name !== "CONFLUENCE_ALLOW_PRIVATE_NETWORK",
    );
    return lone.length > 0 ? [`CONFLUENCE_BASE_URL must be set with ${lone.join(", ")}`] : [];
  }
  if (env.CONFLUENCE_AUTH === "anonymous") return [];
  if (!env.CONFLUENCE_API_TOKEN && !env.CONFLUENCE_PAT && !env.CONFLUENCE_PASSWORD) {
    return [
      "CONFLUENCE_API_TOKEN (with CONFLUENCE_EMAIL), CONFLUENCE_PAT, or CONFLUENCE_PASSWORD (with CONFLUENCE_USERNAME) must be set",
    ];
  }
  if (env.CONFLUENCE_PASSWORD && !env.CONFLUENCE_USERNAME && !env.CONFLUENCE_EMAIL)
    return ["CONFLUENCE_USERNAME must be set with CONFLUENCE_PASSWORD"];
  return [];
}

export function confluenceOf(env: Variables): ConfluenceEnvironmentConfig {
  const base = {
    tenant: env.CONFLUENCE_TENANT ?? null,
    allowPrivateNetwork: env.CONFLUENCE_ALLOW_PRIVATE_NETWORK ?? false,
  };
  if (env.CONFLUENCE_BASE_URL === undefined) return { connection: null, ...base };
  const attachments = withValues({
    enabled: env.CONFLUENCE_ATTACHMENTS,
    types: env.CONFLUENCE_ATTACHMENT_TYPES,
    max_bytes: env.CONFLUENCE_ATTACHMENT_MAX_BYTES,
  });
  const labels = withValues({ include: env.CONFLUENCE_LABELS, exclude: env.CONFLUENCE_LABELS_EXCLUDE });
  const config = withValues({
    kind: "confluence",
    base_url: env.CONFLUENCE_BASE_URL,
    deployment: env.CONFLUENCE_DEPLOYMENT,
    auth: env.CONFLUENCE_AUTH,
    cloud_id: env.CONFLUENCE_CLOUD_ID,
    email: env.CONFLUENCE_EMAIL,
    username: env.CONFLUENCE_USERNAME,
    spaces: env.CONFLUENCE_SPACES,
    page_ids: env.CONFLUENCE_PAGE_IDS,
    labels: Object.keys(labels).length > 0 ? labels : undefined,
    cql: env.CONFLUENCE_CQL,
    archived: env.CONFLUENCE_ARCHIVED,
    blog_posts: env.CONFLUENCE_BLOG_POSTS,
    attachments: Object.keys(attachments).length > 0 ? attachments : undefined,
    comments: env.CONFLUENCE_COMMENTS,
    requests_per_second: env.CONFLUENCE_REQUESTS_PER_SECOND,
  });
  const secrets = withValues({
    api_token: env.CONFLUENCE_API_TOKEN,
    pat: env.CONFLUENCE_PAT,
    password: env.CONFLUENCE_PASSWORD,
  });
  return { connection: { config, secrets: secrets as Record<string, string> }, ...base };
}

function withValues(fields: Record<string, Value | undefined>): Record<string, Value> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Value] => entry[1] !== undefined));
}
