/**
 * Cursors: where the next page of a list begins, as the sort key of the last row seen. Callers get them as opaque text;
 * what comes back is checked like any other input, so a made-up cursor is a clear 400.
 */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { uuid } from "./fields.ts";

/** Newest first: a timestamp with microseconds, as Postgres prints it, and an id that breaks ties. */
export const NewestKey = v.strictTuple([v.pipe(v.string(), v.regex(/^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)), uuid]);
export const IdKey = v.strictTuple([uuid]);
/** Up to the largest bigint, less its last digit. */
export const NumberKey = v.strictTuple([v.pipe(v.string(), v.regex(/^\d{1,18}$/))]);

export function encodeCursor(key: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Null for the first page. Throws InputError `request.bad_cursor`. */
export function decodeCursor<S extends v.GenericSchema>(schema: S, cursor: string | undefined): v.InferOutput<S> | null {
  if (cursor === undefined) return null;
  try {
    return v.parse(schema, JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch {
    throw new InputError("request.bad_cursor", "The cursor is not one that this list gave");
  }
}

/**
 * A page out of one row more than asked for: that row only tells that there is a next page.
 * `rows` has `limit + 1` entries at most.
 */
export function pageOf<R>(rows: R[], limit: number, keyOf: (row: R) => readonly unknown[]): { page: R[]; next_cursor: string | null } {
  const page = rows.slice(0, limit);
  return { page, next_cursor: rows.length > limit ? encodeCursor(keyOf(page.at(-1)!)) : null };
}
