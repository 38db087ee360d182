-- Tenants, their API tokens, and connections (configured instances of a source type).

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE tenants (
  tenant_id   uuid PRIMARY KEY,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX tenants_name ON tenants (lower(name));

-- Looked up by hash before any tenant is known, hence the one unique index without tenant_id.
CREATE TABLE api_tokens (
  token_id      uuid PRIMARY KEY,
  tenant_id     uuid REFERENCES tenants ON DELETE CASCADE,
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  scope         text NOT NULL CHECK (scope IN ('admin', 'write', 'read')),
  token_sha256  bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
  created_at    timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz,
  revoked_at    timestamptz,
  last_used_at  timestamptz,
  CONSTRAINT admin_tokens_have_no_tenant CHECK ((scope = 'admin') = (tenant_id IS NULL))
);

CREATE TABLE connections (
  tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  connection_id  uuid NOT NULL,
  source_type    text NOT NULL CHECK (source_type IN ('CONFLUENCE_PAGE', 'CONFLUENCE_ATTACHMENT', 'FILE_CATALOG_OBJECT', 'FILE_UPLOAD_OBJECT')),
  name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  config         jsonb NOT NULL CHECK (jsonb_typeof(config) = 'object'),
  -- AES-256-GCM: 12 bytes nonce, ciphertext, 16 bytes tag
  secrets        bytea CHECK (octet_length(secrets) > 28),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id),
  UNIQUE (tenant_id, name)
);

-- Facts about this database as a whole, such as the embedding model its vectors belong to.
CREATE TABLE settings (
  name   text PRIMARY KEY,
  value  jsonb NOT NULL
);
