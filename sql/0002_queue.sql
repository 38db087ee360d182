-- The queue: jobs (what a caller asked for) and items (one descriptor to ingest within a job).
-- Every claim draws a new fencing token; whatever settles a row must present the token of its own claim.

CREATE SEQUENCE run_leases AS bigint;

CREATE TABLE ingest_jobs (
  tenant_id          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  job_id             uuid NOT NULL,
  job_type           text NOT NULL CHECK (job_type IN ('sync', 'upload')),
  job_status         text NOT NULL DEFAULT 'queued'
                     CHECK (job_status IN ('queued', 'processing', 'retrying', 'done', 'error', 'canceled')),
  job_payload_json   jsonb NOT NULL,
  result_json        jsonb,
  error_code         text,
  error_message      text,
  requested_by       text NOT NULL,
  correlation_id     text NOT NULL,

  -- Listing is the job's own work; items are claimed one by one.
  listing            text NOT NULL DEFAULT 'pending' CHECK (listing IN ('pending', 'complete', 'incomplete')),
  attempt            integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  run_lease          bigint,
  leased_by          text,
  leased_until       timestamptz,
  available_at       timestamptz NOT NULL DEFAULT now(),
  cancel_requested_at timestamptz,
  -- Fairness: the job that was served least recently goes first.
  last_served_at     timestamptz NOT NULL DEFAULT '-infinity',

  descriptors_listed          bigint NOT NULL DEFAULT 0 CHECK (descriptors_listed >= 0),
  items_fetched               bigint NOT NULL DEFAULT 0 CHECK (items_fetched >= 0),
  items_skipped_incremental   bigint NOT NULL DEFAULT 0 CHECK (items_skipped_incremental >= 0),
  items_skipped               bigint NOT NULL DEFAULT 0 CHECK (items_skipped >= 0),
  items_ingested              bigint NOT NULL DEFAULT 0 CHECK (items_ingested >= 0),
  items_failed                bigint NOT NULL DEFAULT 0 CHECK (items_failed >= 0),
  items_canceled              bigint NOT NULL DEFAULT 0 CHECK (items_canceled >= 0),
  items_open                  bigint NOT NULL DEFAULT 0 CHECK (items_open >= 0),
  chunks                      bigint NOT NULL DEFAULT 0,
  vectors_embedded            bigint NOT NULL DEFAULT 0,
  vectors_reused              bigint NOT NULL DEFAULT 0,
  vectors_pending             bigint NOT NULL DEFAULT 0 CHECK (vectors_pending >= 0),
  links                       bigint NOT NULL DEFAULT 0,

  created_at         timestamptz NOT NULL DEFAULT now(),
  started_at         timestamptz,
  listed_at          timestamptz,
  -- Since when nothing but vectors is missing; starts the embedding deadline.
  drained_at         timestamptz,
  finished_at        timestamptz,

  PRIMARY KEY (tenant_id, job_id),
  CONSTRAINT ledger_balances CHECK (descriptors_listed =
    items_ingested + items_skipped_incremental + items_skipped + items_failed + items_canceled + items_open),
  CONSTRAINT finished_jobs_are_closed CHECK (job_status NOT IN ('done', 'error', 'canceled')
    OR (finished_at IS NOT NULL AND items_open = 0 AND run_lease IS NULL)),
  CONSTRAINT done_means_all_well CHECK (job_status <> 'done' OR (items_failed = 0 AND listing = 'complete' AND vectors_pending = 0)),
  CONSTRAINT errors_have_a_code CHECK ((job_status = 'error') <= (error_code IS NOT NULL)),
  CONSTRAINT leases_are_whole CHECK ((run_lease IS NULL) = (leased_until IS NULL))
);
ALTER TABLE ingest_jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX ingest_jobs_to_list ON ingest_jobs (available_at) WHERE job_status IN ('queued', 'retrying');
CREATE INDEX ingest_jobs_active ON ingest_jobs (last_served_at) WHERE job_status IN ('processing', 'retrying');
CREATE INDEX ingest_jobs_by_id ON ingest_jobs (job_id);
CREATE INDEX ingest_jobs_newest ON ingest_jobs (tenant_id, created_at DESC, job_id DESC);

CREATE TABLE ingest_items (
  tenant_id          uuid NOT NULL,
  job_id             uuid NOT NULL,
  -- Also the order of intent: of two items for one source the higher one is the later wish.
  item_id            bigint GENERATED ALWAYS AS IDENTITY,
  connection_id      uuid,
  source_id          uuid NOT NULL,
  source_type        text NOT NULL,
  external_ref       text NOT NULL,
  descriptor         jsonb NOT NULL,
  -- isolated: parsed in the child process, one at a time per worker thread, so claimed in small numbers
  lane               text NOT NULL CHECK (lane IN ('inline', 'isolated')),
  item_status        text NOT NULL DEFAULT 'queued'
                     CHECK (item_status IN ('queued', 'running', 'ingested', 'unchanged', 'skipped', 'failed', 'canceled')),
  attempt            integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  run_lease          bigint,
  leased_by          text,
  leased_until       timestamptz,
  available_at       timestamptz NOT NULL DEFAULT now(),
  fetched            boolean NOT NULL DEFAULT false,
  document_id        uuid,
  source_version_id  uuid,
  chunks             integer NOT NULL DEFAULT 0,
  vectors_pending    integer NOT NULL DEFAULT 0 CHECK (vectors_pending >= 0),
  -- Why it failed or was skipped; with a retry ahead, why the last attempt failed.
  error_code         text,
  error_message      text,
  warnings           jsonb,
  created_at         timestamptz NOT NULL DEFAULT now(),
  finished_at        timestamptz,
  PRIMARY KEY (tenant_id, job_id, item_id),
  UNIQUE (tenant_id, job_id, source_id),
  FOREIGN KEY (tenant_id, job_id) REFERENCES ingest_jobs ON DELETE CASCADE,
  CONSTRAINT running_items_have_a_lease CHECK ((item_status = 'running') = (run_lease IS NOT NULL AND leased_until IS NOT NULL)),
  CONSTRAINT failed_items_say_why CHECK (item_status NOT IN ('failed', 'skipped') OR error_code IS NOT NULL),
  CONSTRAINT closed_items_have_a_time CHECK ((item_status IN ('queued', 'running')) = (finished_at IS NULL))
);
ALTER TABLE ingest_items SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX ingest_items_ready ON ingest_items (job_id, lane, available_at, item_id) WHERE item_status = 'queued';
CREATE INDEX ingest_items_leased ON ingest_items (leased_until) WHERE item_status = 'running';
CREATE INDEX ingest_items_vectors_pending ON ingest_items (tenant_id, document_id) WHERE vectors_pending > 0;
CREATE INDEX ingest_items_by_status ON ingest_items (tenant_id, job_id, item_status, item_id);
