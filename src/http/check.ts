/**
 * Checks what a caller sent against a valibot schema and says everything that is wrong with it at once, by field.
 * What Postgres cannot hold (NUL, lone surrogates) is refused here, so that it never becomes a database error.
 */
import * as v from "valibot";
import { InputError } from "../errors.ts";

const FAULTS_MAX = 20;
/** Levels of nesting in free-form JSON. */
const DEPTH_MAX = 32;

/** The checked value. Throws InputError `request.invalid`, whose details name each field. */
export function check<S extends v.GenericSchema>(schema: S, input: unknown, what: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, input);
  const faults = parsed.success ? unstorable(parsed.output) : parsed.issues.map(faultOf);
  if (!parsed.success || faults.length > 0) throw invalid(faults, what);
  return parsed.output;
}

/** One wrong field, for rules that no schema states. */
export function invalidField(field: string, text: string): InputError {
  return invalid([{ field, text }], "request");
}

interface Fault {
  field: string;
  text: string;
}

function invalid(faults: Fault[], what: string): InputError {
  const shown = faults
    .slice(0, FAULTS_MAX)
    .map(({ field, text }) => (field ? `${field}: ${text}` : `the ${what} ${text}`));
  return new InputError("request.invalid", `The ${what} is not valid: ${shown.join("; ")}`, {
    fields: [...new Set(faults.slice(0, FAULTS_MAX).map(({ field }) => field))].filter(Boolean),
    faults: shown,
  });
}

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  const field = (issue.path ?? [])
    .map((item) => String(item.key))
    .join(".")
    .slice(0, 200);
  return { field, text: textOf(issue) };
}

/** valibot's own messages quote the value, which may be long or secret: only those written in the schema are passed on. */
function textOf(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.type.endsWith("object") && issue.expected === "never") return "is not a known field";
  if (issue.received === "undefined") return "is required";
  return issue.expected ? `must be ${issue.expected}` : "is not valid";
}

/** Texts within a value that the database could not hold. */
function unstorable(value: unknown, field = "", depth = 0): Fault[] {
  if (typeof value === "string") {
    if (value.includes("\0")) return [{ field, text: "must not contain a NUL character" }];
    return value.isWellFormed() ? [] : [{ field, text: "must be well-formed Unicode" }];
  }
  if (typeof value !== "object" || value === null) return [];
  if (depth > DEPTH_MAX) return [{ field: field.slice(0, 200), text: "is nested too deeply" }];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...unstorable(key, field, depth + 1),
    ...unstorable(inner, field ? `${field}.${key}` : key, depth + 1),
  ]);
}
