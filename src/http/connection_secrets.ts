/**
 * Secrets of connections on their way in: which there are, and that they are sealed before anything keeps them. They
 * never come out again.
 */
import * as v from "valibot";
import type { Config } from "../config.ts";
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
  }),
  v.check((secrets) => Object.keys(secrets).length > 0, "must have api_token, pat or password"),
  v.description("Sealed with SECRET_KEY and never returned."),
);

/** Deriving a key takes 50 ms, so each configuration does it once. */
const boxes = new WeakMap<Config, SecretBox>();

/** Throws InputError `connection.no_secret_key`. */
export function sealSecrets(
  config: Config,
  connectionId: string,
  secrets: v.InferOutput<typeof ConnectionSecrets>,
): Uint8Array {
  if (config.secretKey === null)
    throw new InputError("connection.no_secret_key", "SECRET_KEY is not set, so secrets cannot be kept");
  const box = boxes.get(config) ?? createSecretBox(config.secretKey);
  boxes.set(config, box);
  const given = Object.entries(secrets).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return box.seal(connectionId, Object.fromEntries(given));
}

/**
 * Whoever may change the address could have the saved secrets sent to a server of their own, and so read what is never
 * returned. Throws InputError `connection.secrets_required`.
 */
export function refuseOldSecretsAt(config: JsonObject, before: ConnectionRow): void {
  if (before.secrets === null || originOf(config) === originOf(before.config)) return;
  throw new InputError("connection.secrets_required", "base_url leads to another server than the secrets are for");
}

const originOf = ({ base_url }: JsonObject): string | null =>
  typeof base_url === "string" && URL.canParse(base_url) ? new URL(base_url).origin : null;
