/** Turns the filters of a search into conditions on the document of a chunk. Hidden documents are never found. */
import type { SqlText } from "./sql_text.ts";

/** All given filters must hold; within a list, any one of its values. Empty lists are no filter. */
export interface SearchFilters {
  source_types?: string[] | undefined;
  connection_ids?: string[] | undefined;
  document_ids?: string[] | undefined;
  /** Literal beginning of `external_ref`, such as a folder. */
  external_ref_prefix?: string | undefined;
  /** ISO 639-1 codes; `und` for documents whose language is not known. */
  languages?: string[] | undefined;
  updated_after?: Date | string | undefined;
  updated_before?: Date | string | undefined;
}

/** Conditions on a document `d`, beginning with AND; empty if nothing is filtered. */
export function filterConditions(filters: SearchFilters, text: SqlText): string {
  const conditions: string[] = [];
  const anyOf = (column: string, values: string[] | undefined, type: string): void => {
    if (values && values.length > 0) conditions.push(`${column} = ANY (${text.parameter(values, type)})`);
  };
  anyOf("d.source_type", filters.source_types, "text[]");
  anyOf("d.connection_id", filters.connection_ids, "uuid[]");
  anyOf("d.document_id", filters.document_ids, "uuid[]");
  anyOf("d.language", filters.languages, "text[]");
  if (filters.external_ref_prefix) conditions.push(`starts_with(d.external_ref, ${text.parameter(filters.external_ref_prefix, "text")})`);
  if (filters.updated_after) conditions.push(`d.updated_at > ${text.parameter(isoTime(filters.updated_after), "timestamptz")}`);
  if (filters.updated_before) conditions.push(`d.updated_at < ${text.parameter(isoTime(filters.updated_before), "timestamptz")}`);
  return conditions.map((condition) => ` AND ${condition}`).join("");
}

function isoTime(time: Date | string): string {
  return time instanceof Date ? time.toISOString() : time;
}

/**
 * Joins the document of the chunk `alias` and restricts it; empty if the tenant hides nothing and nothing is filtered,
 * because the join costs more than all ranking.
 */
export function documentJoin(alias: string, conditions: string, someHidden: boolean): string {
  if (conditions === "" && !someHidden) return "";
  return `
      JOIN chunks c ON c.tenant_id = ${alias}.tenant_id AND c.chunk_id = ${alias}.chunk_id
      JOIN documents d ON d.tenant_id = c.tenant_id AND d.document_id = c.document_id AND NOT d.hidden${conditions}`;
}
