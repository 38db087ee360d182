-- Whose rows a statement may see is decided here, not by its WHERE clause: a transaction names its tenant in the setting
-- `sluice.tenant_id`, and without it no row of any tenant exists for it. The roles, policies and grants that enforce this
-- are brought up to date after every migration (db/access.ts), since they cover tables that come later too.

CREATE FUNCTION current_tenant_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(current_setting('sluice.tenant_id', true), '')::uuid
$$;

-- A policy is a barrier: the planner evaluates nothing before it that might leak, and so it uses no GIN index under it,
-- whose operators are not marked LEAKPROOF. These two views say the same as the policies without being barriers. They
-- read with the rights of their owner, to whom the policies do not apply.
CREATE VIEW tenant_fts AS
  SELECT tenant_id, chunk_id, fts_config, tsv, word_count FROM chunk_fts WHERE tenant_id = current_tenant_id();
-- Asked for by target only. As plain equality the tenant would lead the planner to the primary key whenever it takes the
-- tenant for small (a new one always is), and with it through all links of the tenant for each target.
CREATE VIEW tenant_links AS
  SELECT tenant_id, document_id, ordinal, link_type, href, link_text, anchor, target_document_ids
  FROM document_links WHERE tenant_id IS NOT DISTINCT FROM current_tenant_id();

-- Upkeep that Postgres leaves to the owner of a table.
CREATE FUNCTION merge_pending_words() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
  SELECT gin_clean_pending_list('chunk_fts_words'::regclass)
$$;
CREATE FUNCTION analyze_columns(given regclass, columns text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF (SELECT relnamespace FROM pg_class WHERE oid = given) <> (SELECT relnamespace FROM pg_class WHERE oid = 'chunk_fts'::regclass) THEN
    RAISE EXCEPTION '% is no table of this schema', given USING ERRCODE = 'insufficient_privilege';
  END IF;
  EXECUTE format('ANALYZE %s (%s)', given, (SELECT string_agg(quote_ident(name), ', ') FROM unnest(columns) AS name));
END $$;
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION merge_pending_words() SET search_path = %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION analyze_columns(regclass, text[]) SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE EXECUTE ON FUNCTION merge_pending_words(), analyze_columns(regclass, text[]) FROM PUBLIC;

-- What a tenant may use; a limit that is missing here is the installation's default.
ALTER TABLE tenants ADD COLUMN limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object');

-- Written only for tenants whose uploads are limited, in the transaction that accepts the upload.
CREATE TABLE upload_usage (
  tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  -- of UTC
  day        date NOT NULL,
  bytes      bigint NOT NULL CHECK (bytes >= 0),
  PRIMARY KEY (tenant_id, day)
);

-- How many jobs of a tenant are unfinished.
CREATE INDEX ingest_jobs_open ON ingest_jobs (tenant_id) WHERE finished_at IS NULL;
