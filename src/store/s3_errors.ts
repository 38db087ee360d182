/**
 * What an S3 answer means for the queue: a store that is down or throttles is tried again, a missing object or a
 * refused key is not. Messages name the bucket and the answer's code, never credentials or signed URLs.
 */
import { type ErrorCode, messageOf, PermanentError, SluiceError, TransientError } from "../errors.ts";

/** The codes of one user of S3: the object store and the bucket connector call the same events differently. */
export interface S3ErrorCodes {
  notFound: ErrorCode;
  bucketMissing: ErrorCode;
  forbidden: ErrorCode;
  unavailable: ErrorCode;
  rejected: ErrorCode;
}

/** HTTP status of an SDK error; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/** Turns whatever an SDK call threw into a SluiceError; errors that are none of S3's (bugs, aborts) come back as they are. */
export function s3Error(error: unknown, place: string, codes: S3ErrorCodes): unknown {
  if (error instanceof SluiceError || !(error instanceof Error)) return error;
  const status = statusOf(error);
  const cause = { cause: error };
  const details = { place, status: status ?? null, s3_code: error.name };
  if (error.name === "NoSuchBucket") {
    return new TransientError(codes.bucketMissing, `bucket does not exist: ${place}`, details, cause);
  }
  // A 403 that says nothing of rights: this machine's clock is off, or was for a moment.
  if (error.name === "RequestTimeTooSkewed") {
    const hint = `S3 and this machine do not agree on the time (${place}); check its clock`;
    return new TransientError(codes.unavailable, hint, details, cause);
  }
  if (status === 404) return new PermanentError(codes.notFound, `not found: ${place}`, details, cause);
  if (status === 401 || status === 403 || error.name === "CredentialsProviderError") {
    return new PermanentError(codes.forbidden, `S3 refused access to ${place}: ${error.name}`, details, cause);
  }
  if (status === undefined) {
    const ofNetwork = error.name === "TimeoutError" || error.name === "NetworkError";
    if (!ofNetwork) return error;
    return new TransientError(codes.unavailable, `S3 did not answer (${place}): ${messageOf(error)}`, details, cause);
  }
  // 200 appears with errors that S3 sends inside an answer already begun (CompleteMultipartUpload).
  if (status >= 500 || status === 429 || status === 408 || status === 409 || status === 200) {
    return new TransientError(codes.unavailable, `S3 answered ${status} ${error.name} (${place})`, details, cause);
  }
  return new PermanentError(codes.rejected, `S3 answered ${status} ${error.name} (${place})`, details, cause);
}
