/**
 * Secrets of connections at rest: AES-256-GCM under a key that is derived from SECRET_KEY by scrypt, with the
 * connection's id as additional data, so that a sealed value cannot be moved to another connection.
 * Layout: 12 bytes nonce, ciphertext, 16 bytes tag.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from "node:crypto";
import * as v from "valibot";
import { PermanentError } from "../errors.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The same in every process that shares a database; SECRET_KEY is what is secret. */
const SALT = "sluice connection secrets 1";

const Secrets = v.record(v.string(), v.string());
export type Secrets = v.InferOutput<typeof Secrets>;

export interface SecretBox {
  seal(connectionId: string, secrets: Secrets): Uint8Array;
  /** Throws PermanentError `connector.secrets_unreadable`: another key, another connection, or damaged. */
  open(connectionId: string, sealed: Uint8Array): Secrets;
}

/** Derives the key once (about 50 ms); keep the box. */
export function createSecretBox(secretKey: string): SecretBox {
  const key = scryptSync(secretKey, SALT, 32, { N: 2 ** 14, r: 8, p: 1 });
  const about = (connectionId: string) => Buffer.from(connectionId.toLowerCase());
  return {
    seal(connectionId, secrets) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(about(connectionId));
      return Buffer.concat([nonce, cipher.update(JSON.stringify(secrets)), cipher.final(), cipher.getAuthTag()]);
    },
    open(connectionId, sealed) {
      try {
        const bytes = Buffer.from(sealed);
        const tagAt = bytes.length - TAG_BYTES;
        const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(about(connectionId)).setAuthTag(bytes.subarray(tagAt));
        const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]).toString();
        return v.parse(Secrets, JSON.parse(text));
      } catch {
        // Without the cause, which may quote what was decrypted.
        throw new PermanentError(
          "connector.secrets_unreadable",
          `The secrets of connection ${connectionId} cannot be decrypted`,
        );
      }
    },
  };
}
