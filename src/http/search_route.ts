/** `POST /v1/search`: checks the question and hands it to the index. */
import * as v from "valibot";
import type { SluiceError } from "../errors.ts";
import { instantNamed, shortText, sourceType, tenantId, uuid } from "./fields.ts";
import { jsonRoute } from "./route.ts";
import { tenantNamed } from "./tenancy.ts";

const MODES = ["hybrid", "lexical", "vector"] as const;

/** Values of which any one may hold. */
const anyOf = <S extends v.GenericSchema>(value: S) =>
  v.optional(v.pipe(v.array(value), v.maxLength(1000, "must have at most 1000 values")));

const Filters = v.pipe(
  v.strictObject({
    source_types: anyOf(sourceType),
    connection_ids: anyOf(uuid),
    document_ids: anyOf(uuid),
    external_ref_prefix: v.optional(v.pipe(v.string(), v.description("Literal beginning, such as a folder."))),
    languages: anyOf(v.pipe(v.string(), v.description("ISO 639-1; und where the language is not known."))),
    updated_after: v.optional(instantNamed),
    updated_before: v.optional(instantNamed),
  }),
  v.title("Filters"),
);

const rank = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1)));

const Hit = v.pipe(
  v.strictObject({
    score: v.pipe(v.number(), v.description("Comparable within one answer only.")),
    chunk_id: uuid,
    document_id: uuid,
    source_id: uuid,
    source_version_id: uuid,
    title: v.string(),
    chunk_path: v.string(),
    chunk_text: v.string(),
    url: v.nullable(v.string()),
    external_ref: v.string(),
    source_type: v.string(),
    lexical_rank: rank,
    vector_rank: rank,
  }),
  v.title("Hit"),
);

export const searchRoute = jsonRoute({
  method: "post",
  path: "/v1/search",
  summary: "Search passages",
  tag: "Search",
  access: "read",
  // Of a search by vectors alone; a hybrid one goes on without them.
  errors: [
    "embeddings.bad_answer",
    "embeddings.bad_input",
    "embeddings.rate_limited",
    "embeddings.rejected",
    "embeddings.unauthorized",
    "embeddings.unavailable",
  ],
  body: v.strictObject({
    tenant_id: tenantId,
    query: shortText(2000),
    top_k: v.optional(
      v.pipe(
        v.number(),
        v.integer("must be a whole number"),
        v.minValue(1, "must be at least 1"),
        v.maxValue(100, "must be at most 100"),
      ),
      10,
    ),
    mode: v.optional(v.picklist(MODES, `must be one of ${MODES.join(", ")}`), "hybrid"),
    filters: v.optional(Filters, {}),
  }),
  answer: v.strictObject({
    hits: v.array(Hit),
    mode: v.pipe(
      v.picklist(MODES),
      v.description("lexical when a hybrid search had to do without its embeddings endpoint."),
    ),
  }),
  async handle(call) {
    const { deps, body } = call;
    const tenant = await tenantNamed(call, body.tenant_id);
    let mode = body.mode;
    const onDegraded = (error: SluiceError) => {
      mode = "lexical";
      call.log.warn({ code: error.code, err_message: error.message }, "search by words alone");
    };
    const { query, top_k: topK, filters } = body;
    const hits = await deps.search(
      deps.sql,
      deps.embedder,
      { tenantId: tenant, query, topK, mode, filters },
      { signal: call.request.signal, onDegraded },
    );
    return { hits, mode };
  },
});
