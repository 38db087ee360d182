/**
 * Requests of the API description, one for each route, and answers where they say more than a schema. A test sends each
 * of them; the ids are those of a made-up tenant and of what belongs to it.
 */
import { ANSWERS } from "./openapi_answers.ts";
import { EXAMPLE_IDS as ids } from "./openapi_example_ids.ts";
import type { Route } from "./route.ts";

export interface Example {
  params?: Record<string, string>;
  query?: Record<string, string>;
  /** A JSON body, or the fields of a form. */
  body?: Record<string, unknown>;
  answer?: unknown;
}

const job = { params: { id: ids.job } };
const document = { params: { id: ids.document } };
const connection = { params: { id: ids.connection } };
const webhook = { params: { id: ids.webhook } };
const tenant_id = ids.tenant;

/** By method and path. */
const REQUESTS: Readonly<Record<string, Example>> = {
  "POST /v1/ingest/sources/sync": {
    body: { tenant_id, source_types: ["FILE_CATALOG_OBJECT"], connection: "handbook" },
  },
  "POST /v1/ingest/files/upload": {
    body: { tenant_id, file: ["# Minutes\n\nAda restores the orders database.\n"] },
  },
  "GET /v1/jobs": { query: { status: "error", limit: "20" } },
  "GET /v1/jobs/{id}": job,
  "GET /v1/jobs/{id}/items": { ...job, query: { status: "failed" } },
  "POST /v1/jobs/{id}/cancel": { params: { id: ids.openJob } },
  "POST /v1/jobs/{id}/retry": job,
  "GET /v1/documents": { query: { q: "restore", source_type: "FILE_CATALOG_OBJECT" } },
  "GET /v1/documents/{id}": document,
  "GET /v1/documents/{id}/chunks": document,
  "GET /v1/documents/{id}/versions": document,
  "GET /v1/documents/{id}/links": document,
  "GET /v1/documents/{id}/markdown": { ...document, query: { version: ids.version } },
  "GET /v1/documents/{id}/raw": document,
  "POST /v1/search": {
    body: {
      tenant_id,
      query: "restore of the orders database",
      top_k: 3,
      filters: { external_ref_prefix: "file:///srv/handbook/", updated_after: "2026-01-01T00:00:00Z" },
    },
  },
  "POST /v1/connections": {
    body: {
      tenant_id,
      source_type: "FILE_CATALOG_OBJECT",
      name: "manuals",
      config: { kind: "directory", root: "/srv/manuals", include: ["**/*.md"] },
    },
  },
  "GET /v1/connections": { query: { limit: "20" } },
  "GET /v1/connections/{id}": connection,
  "PATCH /v1/connections/{id}": { ...connection, body: { name: "company handbook" } },
  "DELETE /v1/connections/{id}": connection,
  "POST /v1/connections/{id}/test": connection,
  "PUT /v1/connections/{id}/schedule": { ...connection, body: { cron: "30 2 * * MON-FRI", timezone: "Europe/Berlin" } },
  "GET /v1/connections/{id}/schedule": connection,
  "DELETE /v1/connections/{id}/schedule": connection,
  "GET /v1/schedules": { query: { limit: "20" } },
  "POST /v1/webhooks": {
    body: { tenant_id, url: "https://hooks.example.com/sluice", connection_id: ids.connection },
  },
  "GET /v1/webhooks": { query: { limit: "20" } },
  "GET /v1/webhooks/{id}": webhook,
  "DELETE /v1/webhooks/{id}": webhook,
  "POST /v1/webhooks/{id}/test": webhook,
  "GET /v1/webhooks/{id}/deliveries": { ...webhook, query: { status: "failed" } },
  "POST /v1/tenants": { body: { name: "Research" } },
  "GET /v1/tenants": { query: { limit: "20" } },
  "PATCH /v1/tenants/{id}": {
    params: { id: tenant_id },
    body: { limits: { open_jobs: 20, queued_items: 1_000_000, upload_bytes_per_day: null } },
  },
  "POST /v1/tokens": {
    body: { tenant_id, name: "search application", scope: "read", expires_at: "2099-01-01T00:00:00Z" },
  },
  "GET /v1/tokens": { query: { tenant_id } },
  "DELETE /v1/tokens/{id}": { params: { id: ids.token } },
  "GET /healthz": {},
  "GET /readyz": {},
  "GET /metrics": {},
  "GET /openapi.json": {},
  "GET /docs": {},
};

/** Undefined for a route that has none. */
export function exampleOf({ method, path }: Pick<Route, "method" | "path">): Example | undefined {
  const key = `${method.toUpperCase()} ${path}`;
  const request = REQUESTS[key];
  return request && key in ANSWERS ? { ...request, answer: ANSWERS[key] } : request;
}
