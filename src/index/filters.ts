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

/** Which chunks a search may find. */
export interface Scope {
  /** The parameter that holds the tenant. */
  tenant: string;
  /** Conditions on a document `d`, each beginning with AND. */
  conditions: string;
  /** Whether there are any. */
  filtered: boolean;
  /** Whether the tenant has hidden documents at all. */
  someHidden: boolean;
  /** Whether single documents are asked for. */
  namesDocuments: boolean;
}

/** Whether any filter is given that could leave something out. */
export function isFiltered(filters: SearchFilters | undefined): boolean {
  return Object.values(filters ?? {}).some((value) => (Array.isArray(value) ? value.length > 0 : Boolean(value)));
}

/** The filters as conditions; their values become parameters of `text`. */
export function scopeOf(tenantId: string, filters: SearchFilters, someHidden: boolean, text: SqlText): Scope {
  const tenant = text.parameter(tenantId, "uuid");
  const conditions: string[] = [];
  const anyOf = (column: string, values: string[] | undefined, type: string): void => {
    if (values && values.length > 0)
      conditions.push(`${column} = ANY (${text.parameter(values.filter(storable), type)})`);
  };
  anyOf("d.source_type", filters.source_types, "text[]");
  anyOf("d.connection_id", filters.connection_ids, "uuid[]");
  anyOf("d.document_id", filters.document_ids, "uuid[]");
  anyOf("d.language", filters.languages, "text[]");
  const prefix = filters.external_ref_prefix;
  if (prefix)
    conditions.push(storable(prefix) ? `starts_with(d.external_ref, ${text.parameter(prefix, "text")})` : "false");
  if (filters.updated_after)
    conditions.push(`d.updated_at > ${text.parameter(isoTime(filters.updated_after), "timestamptz")}`);
  if (filters.updated_before)
    conditions.push(`d.updated_at < ${text.parameter(isoTime(filters.updated_before), "timestamptz")}`);
  return {
    tenant,
    conditions: conditions.map((condition) => ` AND ${condition}`).join(""),
    filtered: conditions.length > 0,
    someHidden,
    namesDocuments: (filters.document_ids?.length ?? 0) > 0,
  };
}

/** Postgres refuses NUL in a text; no stored one has it. */
const storable = (text: string): boolean => !text.includes("\0");

function isoTime(time: Date | string): string {
  return time instanceof Date ? time.toISOString() : time;
}

/**
 * Joins the document of the chunk `alias` and restricts it; empty if the tenant hides nothing and nothing is filtered,
 * because the join costs more than all ranking.
 */
export function documentJoin(alias: string, scope: Scope): string {
  if (!scope.filtered && !scope.someHidden) return "";
  return `
      JOIN chunks c ON c.tenant_id = ${alias}.tenant_id AND c.chunk_id = ${alias}.chunk_id
      JOIN documents d ON d.tenant_id = c.tenant_id AND d.document_id = c.document_id AND NOT d.hidden${scope.conditions}`;
}
