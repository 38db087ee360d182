/** JSON schemas as readers see them: a type in a few words, and the fields of objects as a list within a list. */
import { html } from "hono/html";
import type { Json } from "./openapi.ts";

export type Html = ReturnType<typeof html>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isJson) : []);
const nameOf = (ref: unknown): string => String(ref).split("/").at(-1)!;

/** What is behind a list, or behind the choice between something and null. */
function core(schema: Json): Json {
  const options = list(schema.anyOf).filter((option) => option.type !== "null");
  if (options.length === 1) return core(options[0]!);
  return isJson(schema.items) ? core(schema.items) : schema;
}

/** `string (uuid)`, `list of Job`, `integer, 1 to 500`, `"a" | "b" | null`. */
export function typeOf(schema: Json): Html | string {
  if (schema.$ref !== undefined) return html`<a href="#schema-${nameOf(schema.$ref)}">${nameOf(schema.$ref)}</a>`;
  if (schema.anyOf) return joined(list(schema.anyOf).map(typeOf), " | ");
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (isJson(schema.items)) return html`list of ${typeOf(schema.items)}`;
  const { type = "anything", format, minimum, maximum, minLength, maxLength } = schema;
  const bounds = [
    format,
    minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}` : minimum && `at least ${minimum}`,
    maxLength !== undefined ? `${minLength ?? 0} to ${maxLength} characters` : undefined,
  ].filter((bound) => bound !== undefined && bound !== 0);
  return bounds.length > 0 ? `${type} (${bounds.join(", ")})` : String(type);
}

function joined(parts: (Html | string)[], separator: string): Html {
  return html`${parts.map((part, i) => html`${i > 0 ? separator : ""}${part}`)}`;
}

/** The fields of an object, and of what its fields hold; the type alone of anything else. */
export function schemaHtml(schema: Json): Html {
  const inner = core(schema);
  const properties = isJson(inner.properties) ? Object.entries(inner.properties) : [];
  if (properties.length === 0) return html`<p>${typeOf(schema)}</p>`;
  const required = Array.isArray(inner.required) ? inner.required : [];
  return html`<dl class="fields">
    ${properties.map(([name, field]) => (isJson(field) ? fieldHtml(name, field, required.includes(name)) : ""))}
  </dl>`;
}

function fieldHtml(name: string, field: Json, required: boolean): Html {
  const inner = core(field);
  const fallback = field.default === undefined ? "" : `, default ${JSON.stringify(field.default)}`;
  return html`<dt><code>${name}</code> <span class="quiet">${typeOf(field)}${required ? "" : ", optional"}${fallback}</span></dt>
    <dd>${field.description ?? ""}${isJson(inner.properties) ? schemaHtml(field) : ""}</dd>`;
}
