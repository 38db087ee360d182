/**
 * The fields that several routes share, each with the words that a caller reads when it is wrong. Each has an input and
 * an output schema in one pipe, so that the API description is generated from the very thing that checks the request.
 */
import * as v from "valibot";
import { SOURCE_TYPES } from "../connector/connector.ts";

export const uuid = v.pipe(v.string(), v.uuid("must be a UUID"));

export const tenantId = v.pipe(uuid, v.description("The tenant; a tenant's token may name no other."));

/** In query strings. */
export const tenantFilter = v.optional(
  v.pipe(uuid, v.description("May be left out with a tenant's token; an admin token must name it to list.")),
);

export const sourceType = v.picklist(SOURCE_TYPES, `must be one of ${SOURCE_TYPES.join(", ")}`);

/** A text of so many characters at most, neither empty nor padded. Its bounds come first, so that they are described. */
export const shortText = (max: number) =>
  v.pipe(
    v.string(),
    v.minLength(1, "must not be empty"),
    v.maxLength(max, `must have at most ${max} characters`),
    v.trim(),
    v.minLength(1, "must not be blank"),
  );

/** Page size in a query string. */
export const pageLimit = (fallback: number, max: number) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,9}$/, "must be a whole number"),
      v.transform(Number),
      v.number(),
      v.integer(),
      v.minValue(1, "must be at least 1"),
      v.maxValue(max, `must be at most ${max}`),
    ),
    String(fallback),
  );

export const pageCursor = v.optional(
  v.pipe(v.string(), v.maxLength(500, "is no cursor"), v.description("next_cursor of the page before.")),
);

/** `true` or `false` in a query string. */
export const flag = v.optional(
  v.pipe(
    v.picklist(["true", "false"], "must be true or false"),
    v.transform((text) => text === "true"),
    v.boolean(),
  ),
  "false",
);

/** A point in time that a caller names; within the years that Postgres and ISO 8601 share. */
export const instantNamed = v.pipe(
  v.string(),
  v.isoTimestamp("must be a timestamp in ISO 8601 with its time zone"),
  v.transform((text) => new Date(text)),
  v.check((time) => time.getUTCFullYear() >= 1 && time.getUTCFullYear() <= 9999, "is no such time"),
);

// Answers

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** A point in time: a Date where it is made, ISO 8601 in UTC once it is JSON. */
export const instant = v.custom<Date | string>(
  (value) => value instanceof Date || (typeof value === "string" && ISO_INSTANT.test(value)),
);

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));

export const nextCursor = v.nullable(v.string());

/** JSON of which the API says no more. */
export const jsonObject = v.record(v.string(), v.unknown());
