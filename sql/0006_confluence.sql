-- What links and includes between pages need, and the pace that all threads and machines share for a source.

-- Other names by which links call a document: a page by its space and title, an attachment by its page and file name.
-- The id derives from the name as a document's own id does, so that links need not know which of both they hold. A name
-- that a page had before stays its own until another page takes it.
CREATE TABLE document_aliases (
  tenant_id    uuid NOT NULL,
  alias_id     uuid NOT NULL,
  document_id  uuid NOT NULL,
  PRIMARY KEY (tenant_id, alias_id),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
CREATE INDEX document_aliases_of_document ON document_aliases (tenant_id, document_id);

-- Sources whose content is shown within another one (includes): a change of theirs is a change of it.
CREATE TABLE source_dependencies (
  tenant_id   uuid NOT NULL,
  source_id   uuid NOT NULL,
  -- May be a source that has never been listed.
  depends_on  uuid NOT NULL,
  PRIMARY KEY (tenant_id, source_id, depends_on),
  FOREIGN KEY (tenant_id, source_id) REFERENCES sources ON DELETE CASCADE
);

-- One row for each account at a site; it holds no tenant's data, and two tenants with one account share its pace.
CREATE TABLE rate_limits (
  limit_key  text PRIMARY KEY CHECK (length(limit_key) BETWEEN 1 AND 500),
  -- The first turn that nobody has taken.
  next_at    timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 200);
