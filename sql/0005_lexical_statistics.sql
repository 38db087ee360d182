-- What search needs beside the rows themselves: cheap access to them, and what is known about a tenant's words.

-- Ranking reads the tsvector of each candidate several times, and exact search every vector of a tenant: uncompressed
-- and in the row itself, that costs nothing.
ALTER TABLE chunk_fts ALTER COLUMN tsv SET STORAGE EXTERNAL;
ALTER TABLE chunk_fts SET (toast_tuple_target = 8160);
ALTER TABLE chunk_vectors SET (toast_tuple_target = 8160);

-- Which configurations a tenant's chunks use, by a loose index scan; and whether it has hidden documents at all.
CREATE INDEX chunk_fts_by_config ON chunk_fts (tenant_id, fts_config);
CREATE INDEX documents_hidden ON documents (tenant_id) WHERE hidden;

CREATE TABLE lexical_statistics (
  tenant_id       uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  fts_config      text NOT NULL,
  -- All chunks of this configuration when the statistics were taken, and how many of them were read.
  chunks          bigint NOT NULL CHECK (chunks >= 0),
  sampled         bigint NOT NULL CHECK (sampled BETWEEN 0 AND chunks),
  words_per_chunk real NOT NULL CHECK (words_per_chunk >= 0),
  refreshed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, fts_config)
);

-- Only lexemes that are not rare: one that is missing here occurs in too few chunks to need a number.
CREATE TABLE lexeme_stats (
  tenant_id   uuid NOT NULL,
  fts_config  text NOT NULL,
  lexeme      text NOT NULL,
  -- Share of the sampled chunks that contain it.
  share       real NOT NULL CHECK (share > 0 AND share <= 1),
  PRIMARY KEY (tenant_id, fts_config, lexeme),
  FOREIGN KEY (tenant_id, fts_config) REFERENCES lexical_statistics ON DELETE CASCADE
);
