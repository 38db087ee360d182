-- Sources (one page, attachment, file or object), their immutable versions, and what the last sync saw of them.

CREATE TABLE sources (
  tenant_id           uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  source_id           uuid NOT NULL,
  source_type         text NOT NULL CHECK (source_type IN ('CONFLUENCE_PAGE', 'CONFLUENCE_ATTACHMENT', 'FILE_CATALOG_OBJECT', 'FILE_UPLOAD_OBJECT')),
  external_ref        text NOT NULL,
  -- The connection whose listing last saw it; its complete listings alone may tombstone it.
  connection_id       uuid,
  current_version_id  uuid,
  -- present → hidden (missing from one complete listing) → purged (missing from the next)
  presence            text NOT NULL DEFAULT 'present' CHECK (presence IN ('present', 'hidden', 'purged')),
  presence_since      timestamptz NOT NULL DEFAULT now(),
  -- The item that set the current version; an older item never overrides it.
  current_item_id     bigint NOT NULL DEFAULT 0,
  created_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source_id),
  UNIQUE (tenant_id, source_type, external_ref)
);
CREATE INDEX sources_not_present ON sources (tenant_id, connection_id) WHERE presence = 'hidden';

CREATE TABLE source_versions (
  tenant_id          uuid NOT NULL,
  source_version_id  uuid NOT NULL,
  source_id          uuid NOT NULL,
  checksum           text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
  converter_version  text NOT NULL,
  -- Always read by these URIs, never by a key that is put together again.
  s3_raw_uri         text NOT NULL,
  s3_markdown_uri    text NOT NULL,
  s3_manifest_uri    text NOT NULL,
  media_type         text NOT NULL,
  raw_bytes          bigint NOT NULL CHECK (raw_bytes >= 0),
  markdown_bytes     bigint NOT NULL CHECK (markdown_bytes >= 0),
  markdown_sha256    text NOT NULL CHECK (markdown_sha256 ~ '^[0-9a-f]{64}$'),
  title              text NOT NULL,
  warnings           jsonb NOT NULL DEFAULT '[]',
  created_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, source_version_id),
  UNIQUE (tenant_id, source_id, checksum, converter_version),
  FOREIGN KEY (tenant_id, source_id) REFERENCES sources ON DELETE CASCADE
);
ALTER TABLE sources ADD CONSTRAINT current_version_exists
  FOREIGN KEY (tenant_id, current_version_id) REFERENCES source_versions DEFERRABLE INITIALLY DEFERRED;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are immutable', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER source_versions_are_immutable BEFORE UPDATE ON source_versions
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE source_sync_state (
  tenant_id              uuid NOT NULL,
  source_type            text NOT NULL,
  external_ref           text NOT NULL,
  source_id              uuid NOT NULL,
  connection_id          uuid,
  -- The connector's change mark (mtime and size, ETag, version number): equal means unchanged.
  fingerprint            text NOT NULL,
  last_seen_modified_at  timestamptz,
  last_seen_checksum     text,
  last_synced_at         timestamptz NOT NULL DEFAULT now(),
  last_status            text NOT NULL CHECK (last_status IN ('ingested', 'unchanged', 'skipped', 'failed')),
  -- The converter that made the current version, so that a newer one is noticed.
  converter_version      text,
  error_code             text,
  error_message          text,
  PRIMARY KEY (tenant_id, source_type, external_ref),
  CONSTRAINT failures_say_why CHECK (last_status NOT IN ('failed', 'skipped') OR error_code IS NOT NULL)
);
ALTER TABLE source_sync_state SET (fillfactor = 85);
CREATE INDEX source_sync_state_by_connection ON source_sync_state (tenant_id, connection_id, source_id);
