/**
 * Cursors: where the next page of a list begins, as the sort key of the last row seen. Callers get them as opaque text;
 * what comes back is checked like any other input, so a made-up cursor is a clear 400.
 */
import * as v from "valibot";
import { InputError } from "../errors.ts";
import { uuid } from "./fields.ts";

/** A day or hour that does not exist would be an error of the database. */
const isReal = (time: string): boolean => {
  const date = new Date(`${time.slice(0, 23)}Z`);
  return (
    !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 23) === time.slice(0, 23) && !time.startsWith("0000")
  );
};

/** Newest first: a timestamp with microseconds, as Postgres prints it, and an id that breaks ties. */
export const NewestKey = v.strictTuple([
  v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/), v.check(isReal)),
  uuid,
]);
export const IdKey = v.strictTuple([uuid]);
const ordinal = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
export const OrdinalKey = v.strictTuple([ordinal]);
/** Links in both directions: where either list goes on, null for one that has ended. */
export const LinksKey = v.strictTuple([v.nullable(ordinal), v.nullable(v.strictTuple([uuid, ordinal]))]);
/** A bigint, short of its last digit. */
export const NumberKey = v.strictTuple([v.pipe(v.string(), v.regex(/^\d{1,18}$/))]);

/** What `decodeCursor` takes back. */
export function encodeCursor(key: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Null for the first page. Throws InputError `request.bad_cursor`. */
export function decodeCursor<S extends v.GenericSchema>(
  schema: S,
  cursor: string | undefined,
): v.InferOutput<S> | null {
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
export function pageOf<R>(
  rows: R[],
  limit: number,
  keyOf: (row: R) => readonly unknown[],
): { page: R[]; next_cursor: string | null } {
  const page = rows.slice(0, limit);
  return { page, next_cursor: rows.length > limit ? encodeCursor(keyOf(page.at(-1)!)) : null };
}
