-- Who is signed in to the console. Only the SHA-256 of a session's secret is kept, as with tokens; a session ends with its token.

CREATE TABLE console_sessions (
  session_sha256     bytea PRIMARY KEY CHECK (octet_length(session_sha256) = 32),
  token_id           uuid NOT NULL REFERENCES api_tokens ON DELETE CASCADE,
  -- The tenant that an admin looks at; other tokens have their own.
  chosen_tenant_id   uuid REFERENCES tenants ON DELETE SET NULL,
  created_at         timestamptz NOT NULL DEFAULT now(),
  used_at            timestamptz NOT NULL DEFAULT now()
);
