/**
 * AWS Signature Version 4 for one request shape, PutObject of a buffer. Bun's native hash does the work, and the key that
 * is derived from the secret is kept for its day, so that a signature costs some microseconds.
 */

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

export interface SignedPut {
  /** As it is sent: path escaped once, the query already in its canonical order. */
  path: string;
  query: string;
  region: string;
  /** Names in lower case; values without spaces at their ends and without two in a row. All of them are signed. */
  headers: Record<string, string>;
  body: Uint8Array;
  at: Date;
}

export type SignPut = (put: SignedPut, credentials: S3Credentials) => Record<string, string>;

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Gives a function that returns the headers to send. One instance for each client, since it keeps the last derived key. */
export function putSigner(): SignPut {
  const keyOf = derivedKeys();
  return ({ path, query, region, headers, body, at }, credentials) => {
    const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
    const day = time.slice(0, 8);
    const payload = sha256(body);
    const signed: Record<string, string> = { ...headers, "x-amz-content-sha256": payload, "x-amz-date": time };
    if (credentials.sessionToken) signed["x-amz-security-token"] = credentials.sessionToken;
    const names = Object.keys(signed).sort();
    const lines = names.map((name) => `${name}:${signed[name]}`).join("\n");
    const request = `PUT\n${path}\n${query}\n${lines}\n\n${names.join(";")}\n${payload}`;
    const scope = `${day}/${region}/s3/aws4_request`;
    const toSign = `${ALGORITHM}\n${time}\n${scope}\n${sha256(request)}`;
    const signature = hmac(keyOf(credentials.secretAccessKey, day, region), toSign).toString("hex");
    const credential = `Credential=${credentials.accessKeyId}/${scope}`;
    signed["authorization"] = `${ALGORITHM} ${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
    return signed;
  };
}

/** The last key is kept: it changes at midnight (UTC), when credentials rotate, and between buckets of two regions. */
function derivedKeys(): (secret: string, day: string, region: string) => Buffer {
  let last: { secret: string; day: string; region: string; key: Buffer } | undefined;
  return (secret, day, region) => {
    if (last?.secret !== secret || last.day !== day || last.region !== region) {
      const key = [day, region, "s3", "aws4_request"].reduce(hmac, Buffer.from(`AWS4${secret}`));
      last = { secret, day, region, key };
    }
    return last.key;
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return new Bun.CryptoHasher("sha256", key).update(text).digest();
}

function sha256(data: string | Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(data).digest("hex");
}
