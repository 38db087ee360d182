/**
 * The correlation id of a request: the caller's, when it is one that may safely stand in a header, a log line and a row,
 * else a new one. It goes into the answer, every log line of the request and the job that the request makes.
 */
const SANE = /^[A-Za-z0-9][A-Za-z0-9._:/+=-]{3,127}$/;

/** From `x-correlation-id` or `x-request-id`. */
export function correlationIdOf(headers: Headers): string {
  for (const name of ["x-correlation-id", "x-request-id"]) {
    const given = headers.get(name);
    if (given !== null && SANE.test(given)) return given;
  }
  return Bun.randomUUIDv7();
}
