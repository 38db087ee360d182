/**
 * Search as an application would, and why each hit stands where it does: its place by words, by vectors, and the sum.
 */
/** @jsxImportSource hono/jsx */
import * as v from "valibot";
import { sourceType } from "../http/fields.ts";
import { contributions } from "../index/fuse.ts";
import type { Hit, SearchMode } from "../index/search.ts";
import { apiRoute, callApi } from "./act.ts";
import { excerptOf } from "./excerpt.ts";
import { count, duration, plural } from "./format.ts";
import { Heading } from "./layout.tsx";
import { type ConsoleRoute, view } from "./page.ts";
import { Empty, Option, SourceTypes } from "./parts.tsx";
import { ScoreBar } from "./plot.tsx";
import { queryOf, shownTenant } from "./visit.ts";

const MODES: Record<SearchMode, string> = {
  hybrid: "Words and vectors",
  lexical: "Words alone",
  vector: "Vectors alone",
};
const TOP = 20;

const fields = {
  q: v.optional(v.pipe(v.string(), v.maxLength(2000, "must have at most 2000 characters"))),
  mode: v.optional(v.picklist(["hybrid", "lexical", "vector"]), "hybrid"),
  source_type: v.optional(sourceType),
};
type Wanted = v.InferOutput<v.ObjectSchema<typeof fields, undefined>>;

const searchRoute = apiRoute("post", "/v1/search");

const show = view("/search", async (visit) => {
  const wanted = queryOf(visit, fields);
  const { embedder } = visit.deps;
  const startedAt = performance.now();
  const answer = wanted.q?.trim()
    ? await callApi(visit, searchRoute, {
        tenant_id: await shownTenant(visit),
        query: wanted.q,
        top_k: TOP,
        mode: wanted.mode,
        filters: wanted.source_type ? { source_types: [wanted.source_type] } : {},
      })
    : null;
  const found = answer && scored((await answer.json()) as Answer, embedder.semantic);
  const took = performance.now() - startedAt;
  const body = (
    <>
      <Heading title="Search" />
      <Question wanted={wanted} />
      {found && (
        <>
          <p class="muted" role="status">
            {plural(found.hits.length, "hit")} in {duration(took)}.{" "}
            {found.asked !== wanted.mode && "The embeddings endpoint did not answer, so words alone decided. "}
            <Explanation mode={found.mode} model={embedder.model} semantic={embedder.semantic} />
          </p>
          {found.hits.length === 0 && <Empty>Nothing matches. Fewer or other words may.</Empty>}
          <Hits hits={found.hits} mode={found.mode} query={wanted.q ?? ""} semantic={embedder.semantic} />
        </>
      )}
    </>
  );
  return { title: wanted.q ? `Search: ${wanted.q}` : "Search", section: "search", body };
});

interface Answer {
  hits: Hit[];
  mode: SearchMode;
}

/** A question without words, or without a vector, is ranked by the other alone: then scores are no sums of places. */
function scored({ hits, mode }: Answer, semantic: boolean): Answer & { asked: SearchMode } {
  const isSum = (hit: Hit) => {
    const { words, vectors } = contributions(hit, semantic);
    return Math.abs(words + vectors - hit.score) < 1e-9;
  };
  const summed = mode !== "hybrid" || hits.every(isSum);
  const single = hits.some((hit) => hit.lexical_rank !== null) ? "lexical" : "vector";
  return { hits, mode: summed ? mode : single, asked: mode };
}

const Question = ({ wanted }: { wanted: Wanted }) => (
  <search>
    <form method="get" action="/search" class="filters">
      <label class="hidden" for="q">
        What to search for
      </label>
      <input
        id="q"
        name="q"
        type="search"
        class="wide-input"
        required
        maxlength={2000}
        placeholder="What to search for"
        value={wanted.q ?? ""}
        autofocus={!wanted.q}
      />
      <label class="hidden" for="mode">
        How to search
      </label>
      <select id="mode" name="mode">
        {Object.entries(MODES).map(([mode, label]) => (
          <Option value={mode} chosen={mode === wanted.mode}>
            {label}
          </Option>
        ))}
      </select>
      <SourceTypes chosen={wanted.source_type} />
      <button type="submit" class="primary">
        Search
      </button>
    </form>
  </search>
);

/** How the scores of this answer came about. */
function Explanation({ mode, model, semantic }: { mode: SearchMode; model: string; semantic: boolean }) {
  if (mode === "lexical") return <>The score is BM25 of the words.</>;
  if (mode === "vector") return <>The score is the cosine similarity of the vectors of {model}.</>;
  const first = contributions({ lexical_rank: 1, vector_rank: 1 }, semantic);
  return (
    <>
      The score is the sum of a part by words (first place {first.words.toFixed(4)}) and a part by vectors of {model}{" "}
      (first place {first.vectors.toFixed(4)}).
    </>
  );
}

interface HitsProps {
  hits: Hit[];
  mode: SearchMode;
  query: string;
  semantic: boolean;
}

function Hits({ hits, mode, query, semantic }: HitsProps) {
  const best = hits[0]?.score ?? 1;
  return (
    <ol class="hits">
      {hits.map((hit, i) => (
        <li>
          <div class="hit-text">
            <h2>
              <a href={`/documents/${hit.document_id}/chunks?chunk=${hit.chunk_id}`}>{hit.title || "Untitled"}</a>
            </h2>
            {hit.chunk_path !== hit.title && <p class="path">{hit.chunk_path}</p>}
            <p class="excerpt">
              {excerptOf(hit.chunk_text, query).map((part) => (part.match ? <mark>{part.text}</mark> : part.text))}
            </p>
            <p class="sub">{hit.external_ref}</p>
          </div>
          <Why hit={hit} place={i + 1} best={best} mode={mode} semantic={semantic} />
        </li>
      ))}
    </ol>
  );
}

interface WhyProps {
  hit: Hit;
  place: number;
  best: number;
  mode: SearchMode;
  semantic: boolean;
}

function Why({ hit, place, best, mode, semantic }: WhyProps) {
  const fused = contributions(hit, semantic);
  const parts =
    mode === "hybrid"
      ? fused
      : { words: mode === "lexical" ? hit.score : 0, vectors: mode === "vector" ? hit.score : 0 };
  return (
    <dl class="why" aria-label={`Why this is hit ${place}`}>
      <div>
        <dt>
          <i class="key ok" aria-hidden="true" /> Words
        </dt>
        <dd>{placed(hit.lexical_rank, mode === "hybrid" ? fused.words : null)}</dd>
      </div>
      <div>
        <dt>
          <i class="key run" aria-hidden="true" /> Vectors
        </dt>
        <dd>{placed(hit.vector_rank, mode === "hybrid" ? fused.vectors : null)}</dd>
      </div>
      <div>
        <dt>Score</dt>
        <dd>
          <strong>{hit.score.toFixed(4)}</strong>
        </dd>
      </div>
      <ScoreBar {...parts} best={best} />
    </dl>
  );
}

const placed = (rank: number | null, part: number | null): string =>
  rank === null ? "not among the best" : `place ${count(rank)}${part === null ? "" : ` · ${part.toFixed(4)}`}`;

export const searchPages: ConsoleRoute[] = [show];
