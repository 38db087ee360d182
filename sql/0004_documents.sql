-- The indexed form of each source's current version: document, chunks, vectors, full text, links.

CREATE TABLE documents (
  tenant_id          uuid NOT NULL,
  document_id        uuid NOT NULL,
  source_id          uuid NOT NULL,
  source_version_id  uuid NOT NULL,
  source_type        text NOT NULL,
  external_ref       text NOT NULL,
  connection_id      uuid,
  title              text NOT NULL,
  url                text,
  language           text NOT NULL DEFAULT 'und',
  -- name of a Postgres text-search configuration
  fts_config         text NOT NULL DEFAULT 'simple',
  metadata           jsonb NOT NULL DEFAULT '{}',
  chunk_count        integer NOT NULL DEFAULT 0,
  token_count        integer NOT NULL DEFAULT 0,
  -- Chunks without a vector of the active model. embed_after keeps two embedders off the same document.
  vectors_pending    integer NOT NULL DEFAULT 0 CHECK (vectors_pending >= 0),
  embed_after        timestamptz NOT NULL DEFAULT now(),
  -- Missing from the last complete listing: kept, but not found by search.
  hidden             boolean NOT NULL DEFAULT false,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, document_id),
  UNIQUE (tenant_id, source_id),
  FOREIGN KEY (tenant_id, source_id) REFERENCES sources ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, source_version_id) REFERENCES source_versions
);
ALTER TABLE documents SET (fillfactor = 80);
CREATE INDEX documents_newest ON documents (tenant_id, created_at DESC, document_id DESC);
CREATE INDEX documents_to_embed ON documents (embed_after) WHERE vectors_pending > 0;

CREATE TABLE chunks (
  tenant_id        uuid NOT NULL,
  chunk_id         uuid NOT NULL,
  document_id      uuid NOT NULL,
  ordinal          integer NOT NULL CHECK (ordinal >= 0),
  chunk_path       text NOT NULL,
  chunk_text       text NOT NULL,
  chunk_type       text NOT NULL CHECK (chunk_type IN ('paragraph', 'list', 'table', 'code', 'quote', 'mixed')),
  token_count      integer NOT NULL CHECK (token_count >= 0),
  -- Offsets into normalized.md, in UTF-16 code units as JavaScript counts them.
  char_start       integer NOT NULL CHECK (char_start >= 0),
  char_end         integer NOT NULL CHECK (char_end >= char_start),
  block_start_idx  integer NOT NULL CHECK (block_start_idx >= 0),
  block_end_idx    integer NOT NULL CHECK (block_end_idx >= block_start_idx),
  PRIMARY KEY (tenant_id, chunk_id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
ALTER TABLE chunks SET (fillfactor = 90);
CREATE INDEX chunks_of_document ON chunks (tenant_id, document_id, ordinal);

CREATE TABLE chunk_vectors (
  tenant_id             uuid NOT NULL,
  chunk_id              uuid NOT NULL,
  embedding_model       text NOT NULL,
  embedding_dim         integer NOT NULL CHECK (embedding_dim > 0),
  -- What was embedded: 'path_and_text' = "[H] {chunk_path}\n{chunk_text}"
  embedding_input_mode  text NOT NULL DEFAULT 'path_and_text' CHECK (embedding_input_mode IN ('path_and_text')),
  -- SHA-256 of the embedded text: equal texts of one tenant share the work.
  text_sha256           bytea NOT NULL CHECK (octet_length(text_sha256) = 32),
  -- Without a fixed size, so that models can change; the ANN index casts to the size of the active model.
  embedding             vector NOT NULL,
  created_at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, chunk_id, embedding_model),
  FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks ON DELETE CASCADE,
  CONSTRAINT dimension_is_true CHECK (vector_dims(embedding) = embedding_dim)
);
CREATE INDEX chunk_vectors_by_text ON chunk_vectors (tenant_id, text_sha256, embedding_model);

CREATE TABLE chunk_fts (
  tenant_id     uuid NOT NULL,
  chunk_id      uuid NOT NULL,
  fts_config    text NOT NULL,
  -- weights: title A, chunk_path B, text C
  tsv           tsvector NOT NULL,
  -- Words in the chunk, for length normalisation in ranking.
  word_count    integer NOT NULL CHECK (word_count >= 0),
  PRIMARY KEY (tenant_id, chunk_id),
  FOREIGN KEY (tenant_id, chunk_id) REFERENCES chunks ON DELETE CASCADE
);
-- New words wait in a list of up to 16 MB and are merged when a job ends (index/settle_index.ts): merging while documents
-- pour in costs several times as much.
CREATE INDEX chunk_fts_words ON chunk_fts USING gin (tsv) WITH (gin_pending_list_limit = 16384);

CREATE TABLE document_links (
  tenant_id            uuid NOT NULL,
  document_id          uuid NOT NULL,
  ordinal              integer NOT NULL CHECK (ordinal >= 0),
  link_type            text NOT NULL,
  href                 text NOT NULL,
  link_text            text NOT NULL,
  anchor               text,
  -- Documents this may mean, best first. Ids derive from the target's name, so they are known before it arrives.
  target_document_ids  uuid[],
  PRIMARY KEY (tenant_id, document_id, ordinal),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX document_links_targets ON document_links USING gin (target_document_ids) WHERE target_document_ids IS NOT NULL;

CREATE TABLE cross_links (
  tenant_id         uuid NOT NULL,
  from_document_id  uuid NOT NULL,
  link_ordinal      integer NOT NULL,
  to_document_id    uuid NOT NULL,
  link_type         text NOT NULL,
  anchor            text,
  PRIMARY KEY (tenant_id, from_document_id, link_ordinal),
  FOREIGN KEY (tenant_id, from_document_id, link_ordinal) REFERENCES document_links ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, to_document_id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX cross_links_backwards ON cross_links (tenant_id, to_document_id);
