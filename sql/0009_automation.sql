-- What happens by itself: connections that are synced by a schedule, webhooks that tell of finished jobs, and the answers
-- to requests that may be sent twice.

CREATE TABLE connection_schedules (
  tenant_id      uuid NOT NULL,
  connection_id  uuid NOT NULL,
  every_minutes  integer CHECK (every_minutes BETWEEN 1 AND 525600),
  cron           text CHECK (length(cron) BETWEEN 1 AND 200),
  -- IANA name; the clock that `cron` is read by
  timezone       text NOT NULL CHECK (length(timezone) BETWEEN 1 AND 100),
  -- Intervals are counted from here: a run that comes late does not move the ones after it.
  starts_at      timestamptz NOT NULL,
  -- In the past: due, and waiting for the sync that is still under way.
  next_run_at    timestamptz NOT NULL,
  last_run_at    timestamptz,
  last_job_id    uuid,
  PRIMARY KEY (tenant_id, connection_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES connections ON DELETE CASCADE,
  CONSTRAINT one_kind_of_schedule CHECK (num_nonnulls(every_minutes, cron) = 1)
);
CREATE INDEX connection_schedules_due ON connection_schedules (next_run_at);

CREATE TABLE webhooks (
  tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  webhook_id     uuid NOT NULL,
  -- Only jobs that sync this connection; null: all jobs of the tenant.
  connection_id  uuid,
  url            text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  -- Sealed as the secrets of connections are.
  secret         bytea NOT NULL CHECK (octet_length(secret) > 28),
  created_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, webhook_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES connections ON DELETE CASCADE
);
CREATE INDEX webhooks_of_connection ON webhooks (tenant_id, connection_id) WHERE connection_id IS NOT NULL;

-- One row for each time that a webhook has something to be told; written by the statement that closes the job.
CREATE TABLE webhook_deliveries (
  tenant_id        uuid NOT NULL,
  webhook_id       uuid NOT NULL,
  delivery_id      uuid NOT NULL DEFAULT gen_random_uuid(),
  job_id           uuid NOT NULL,
  -- As it was when it ended; a retry of the job ends it again and makes another delivery.
  job              jsonb NOT NULL,
  delivery_status  text NOT NULL DEFAULT 'pending' CHECK (delivery_status IN ('pending', 'delivered', 'failed')),
  attempt          integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  run_lease        bigint,
  leased_until     timestamptz,
  available_at     timestamptz NOT NULL DEFAULT now(),
  -- Of the last attempt.
  response_status  integer,
  error_code       text,
  error_message    text,
  created_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  PRIMARY KEY (tenant_id, webhook_id, delivery_id),
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE,
  CONSTRAINT leases_are_whole CHECK ((run_lease IS NULL) = (leased_until IS NULL)),
  CONSTRAINT ended_deliveries_are_closed CHECK ((delivery_status = 'pending') = (finished_at IS NULL) AND (finished_at IS NULL OR run_lease IS NULL)),
  CONSTRAINT failed_deliveries_say_why CHECK (delivery_status <> 'failed' OR error_code IS NOT NULL)
);
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (tenant_id, webhook_id, available_at) WHERE delivery_status = 'pending';
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (tenant_id, webhook_id, created_at DESC, delivery_id DESC);
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

-- A request that names itself by an Idempotency-Key, and what it was answered.
CREATE TABLE idempotency_keys (
  -- Of the token that the request came with; null for admins, who belong to no tenant.
  tenant_id        uuid REFERENCES tenants ON DELETE CASCADE,
  idempotency_key  text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  -- HMAC-SHA256 of the request, under a key that is made of the caller's token
  fingerprint      bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  -- Names the request that runs now: only it may leave an answer.
  run_id           uuid NOT NULL,
  -- Past it, a request without an answer is taken to be lost and may be made again.
  running_until    timestamptz NOT NULL,
  -- AES-256-GCM under a key that is made of the caller's token: 12 bytes nonce, ciphertext, 16 bytes tag
  answer           bytea CHECK (octet_length(answer) > 28),
  expires_at       timestamptz NOT NULL,
  CONSTRAINT idempotency_keys_are_unique UNIQUE NULLS NOT DISTINCT (tenant_id, idempotency_key)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);
