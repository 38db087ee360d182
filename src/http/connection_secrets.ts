/**
 * Secrets of connections on their way in: which there are, and that they are sealed before anything keeps them. They
 * never come out again.
 */
import * as v from "valibot";
import type { Config } from "../config.ts";
import { BUCKET_SECRETS } from "../connector/bucket.ts";
import { CONFLUENCE_SECRETS } from "../connector/confluence/config.ts";
import type { JsonObject } from "../connector/connector.ts";
import { InputError } from "../errors.ts";
import type { ConnectionRow } from "../store/connections.ts";
import { createSecretBox, type SecretBox } from "../store/secrets.ts";

const secret = (allowed: RegExp, message: string) =>
  v.optional(v.pipe(v.string(), v.maxLength(4096, "must have at most 4096 characters"), v.regex(allowed, message)));
const token = secret(/^[\x21-\x7e]+$/, "must be visible ASCII characters, without blanks or line breaks");

export const ConnectionSecrets = v.pipe(
  v.strictObject({
    api_token: token,
    pat: token,
    password: secret(/^\P{Cc}+$/u, "must not be empty or contain control characters"),
    access_key_id: token,
    secret_access_key: token,
  }),
  v.check((secrets) => Object.keys(secrets).length > 0, "must not be empty"),
  v.description(
    "confluence: api_token, pat or password; s3: access_key_id and secret_access_key. Sealed with SECRET_KEY and never returned.",
  ),
);

/** What a request gives: an optional field may be there without a value. */
export type GivenSecrets = v.InferOutput<typeof ConnectionSecrets>;

const NAMES: Readonly<Record<string, readonly string[]>> = { confluence: CONFLUENCE_SECRETS, s3: BUCKET_SECRETS };

/**
 * The secrets by their names, where a connection of this kind can use them. Throws InputError `connector.bad_config` for
 * those that it would never look at.
 */
export function fittingSecrets(kind: unknown, given: GivenSecrets): Record<string, string> {
  const secrets = Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const wanted = NAMES[String(kind)] ?? [];
  const useless = Object.keys(secrets).find((name) => !wanted.includes(name));
  if (useless !== undefined)
    throw badSecrets(
      useless,
      wanted.length > 0 ? `is none of ${wanted.join(", ")}` : `has no use in a ${kind} connection`,
    );
  const missing = kind === "s3" ? wanted.find((name) => secrets[name] === undefined) : undefined;
  if (missing !== undefined) throw badSecrets(missing, "must be given as well");
  return secrets;
}

const badSecrets = (name: string, message: string): InputError =>
  new InputError("connector.bad_config", `secrets.${name}: ${message}`, { field: `secrets.${name}` });

/** Deriving a key takes 50 ms, so each configuration does it once. */
const boxes = new WeakMap<Config, SecretBox>();

/** Throws InputError `connection.no_secret_key`. */
export function sealSecrets(config: Config, connectionId: string, secrets: Record<string, string>): Uint8Array {
  if (config.secretKey === null)
    throw new InputError("connection.no_secret_key", "SECRET_KEY is not set, so secrets cannot be kept");
  const box = boxes.get(config) ?? createSecretBox(config.secretKey);
  boxes.set(config, box);
  return box.seal(connectionId, secrets);
}

/**
 * Whoever may change the address could have the saved secrets sent to a server of their own, and so read what is never
 * returned. Throws InputError `connection.secrets_required`.
 */
export function refuseOldSecretsAt(config: JsonObject, before: ConnectionRow): void {
  if (before.secrets === null || originOf(config) === originOf(before.config)) return;
  throw new InputError("connection.secrets_required", "the address leads to another server than the secrets are for");
}

/** Of a Confluence or of an S3 endpoint; null is AWS. */
function originOf({ base_url, endpoint }: JsonObject): string | null {
  const address = base_url ?? endpoint;
  return typeof address === "string" && URL.canParse(address) ? new URL(address).origin : null;
}
