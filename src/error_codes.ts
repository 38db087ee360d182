/**
 * Every error code of the product, once: `stage.reason` → HTTP status and the way out for whoever meets it.
 * The help goes into error answers, job items and the command line. Sorted by stage.
 */
interface CodeInfo {
  /** Status of an HTTP answer that carries this code. */
  status: number;
  /** What to do about it, one sentence, addressed to the person who sees it. */
  help: string;
}

const code = (status: number, help: string): CodeInfo => ({ status, help });

export const CODES = {
  "auth.missing": code(401, "Send the header `Authorization: Bearer <token>`; `sluice token create` makes a token."),
  "auth.invalid": code(401, "Check the token, or make a new one with `sluice token create`."),
  "auth.expired": code(401, "Make a new token with `sluice token create`."),
  "auth.revoked": code(401, "Make a new token with `sluice token create`."),
  "auth.too_many_guesses": code(
    429,
    "Wait until the time that Retry-After names, then send a token that `sluice token create` made.",
  ),
  "auth.read_only": code(403, "Use a token with the scope write."),
  "auth.admin_only": code(403, "Use an admin token."),
  "auth.wrong_tenant": code(403, "Use a token of that tenant, or name the token's own tenant."),
  "auth.cross_site": code(
    403,
    "Send the form from the console itself; a proxy before it must pass the Host header on.",
  ),

  "backup.damaged": code(422, "Use another backup: this one is not what was written, so nothing was restored."),
  "backup.exists": code(409, "Name a file that does not exist, or remove it."),
  "backup.not_embedded": code(
    422,
    "Back up the database with pg_dump and the buckets with their own versioning or replication; docs/deploy_vm.md shows how.",
  ),
  "backup.not_empty": code(409, "Move DATA_DIR away, or name another DATA_DIR: a restore never writes over anything."),
  "backup.nothing": code(404, "Name the DATA_DIR that the service uses."),
  "backup.other_version": code(422, "Restore with a release at least as new as the one that wrote the backup."),

  "cli.bad_option": code(400, "Correct the named option; --help shows what it takes."),
  "cli.is_folder": code(400, "Name a folder with documents, or files; `--type` says what files of other names are."),
  "cli.unreadable_file": code(400, "Check the path and its permissions."),

  "config.invalid": code(500, "Correct the named environment variables and start again."),

  "connection.not_found": code(404, "List the connections to see their ids and names."),
  "connection.no_secret_key": code(
    422,
    "Set SECRET_KEY (at least 16 characters, the same for the API and all workers), start again, then send the secrets again.",
  ),
  "connection.secrets_required": code(422, "Send the secrets together with the new address, or null to remove them."),
  "connection.duplicate_name": code(409, "Choose another name, or change the connection that has it."),

  "connector.unknown_source_type": code(400, "Use one of the source types that the API documents."),
  "connector.not_configured": code(422, "Configure a connection of this source type, then sync again."),
  "connector.bad_config": code(422, "Correct the named field of the connection."),
  "connector.root_not_allowed": code(403, "Add the folder to FILE_CATALOG_ROOTS, or choose one under an allowed root."),
  "connector.root_missing": code(422, "Create or mount the folder, or correct the connection's root."),
  "connector.unreadable": code(422, "Give the service's user the right to read it."),
  "connector.outside_root": code(422, "The link leads out of the allowed root; copy the file into the tree instead."),
  "connector.special_file": code(422, "Only regular files can be ingested; remove the pipe, socket or device."),
  "connector.bad_name": code(422, "Rename the file: its name is not valid UTF-8."),
  "connector.gone": code(410, "The source vanished between listing and fetching; the next sync settles it."),
  "connector.changed": code(
    409,
    "The source was being written while it was read; it is read again on the next attempt.",
  ),
  "connector.too_large": code(413, "Raise FILE_MAX_BYTES or split the document."),
  "connector.forbidden": code(403, "Correct the connection's credentials or their rights."),
  "connector.address_refused": code(
    403,
    "The address lies in a private network: the operator can allow such connections with CONFLUENCE_ALLOW_PRIVATE_NETWORK=true.",
  ),
  "connector.excluded": code(422, "The connection's settings leave this source out; change them if it is wanted."),
  "connector.rate_limited": code(503, "The source limits the rate; it is tried again at the time it named."),
  "connector.refused": code(502, "The source refused the request; correct the connection."),
  "connector.unavailable": code(503, "The source did not answer; it is tried again by itself."),
  "connector.not_available": code(
    422,
    "This release cannot connect to that source type; use one that the message names.",
  ),
  "connector.not_syncable": code(422, "Leave the source type out: its documents come by POST /v1/ingest/files/upload."),
  "connector.secrets_unreadable": code(
    500,
    "Start with the SECRET_KEY that the connection was saved with, or enter its secrets again.",
  ),
  "connector.no_connection": code(404, "The connection was deleted; create it again or sync another one."),

  "convert.unsupported_type": code(415, "Convert the file to .md, .txt, .html, .docx or .pdf and send it again."),
  "convert.empty": code(422, "The file has no bytes; check how it was written or exported."),
  "convert.encrypted": code(422, "Remove the password protection and send the file again."),
  "convert.malformed": code(422, "The file is damaged or not of the type it claims; open and save it again."),
  "convert.too_large": code(413, "The document exceeds a conversion limit; split it or raise the named limit."),
  "convert.deadline": code(422, "Conversion took longer than its deadline; split the document or raise the deadline."),
  "convert.memory": code(422, "Conversion needed more memory than its cap; split the document or raise the cap."),
  "convert.crashed": code(422, "The parser crashed on this document; save it again with another program."),
  "convert.interrupted": code(503, "The conversion was interrupted before it ended; it is tried again by itself."),

  "data_dir.empty": code(
    404,
    "Ingest something first, such as a folder with `sluice ingest FOLDER`, or name the DATA_DIR or the DATABASE_URL that the service uses.",
  ),
  "data_dir.locked": code(500, "Stop the process that holds DATA_DIR, or choose another DATA_DIR."),
  "data_dir.unusable": code(500, "Give the service's user the right to write DATA_DIR, or choose another one."),
  "data_dir.other_version": code(
    500,
    "Start the release that wrote DATA_DIR, or move DATA_DIR/postgres away and sync again.",
  ),

  "database.unavailable": code(
    503,
    "The database did not answer; it is tried again by itself. `sluice doctor` shows why.",
  ),
  "database.refused": code(503, "Correct user, password and database name in DATABASE_URL."),
  "database.conflict": code(409, "Another transaction was in the way; it is tried again by itself."),
  "database.timeout": code(504, "The statement took longer than its timeout; it is tried again by itself."),
  "database.damaged": code(
    500,
    "The embedded database does not open: move DATA_DIR/postgres away and sync again, or restore a backup.",
  ),

  "document.not_found": code(
    404,
    "List the documents to see their ids; it may have been purged after it vanished from its source.",
  ),
  "document.version_not_found": code(404, "List the document's versions to see their ids."),

  "embeddings.bad_answer": code(
    502,
    "EMBEDDINGS_URL must lead to an endpoint that speaks OpenAI's /v1/embeddings; `sluice doctor` shows what it answers.",
  ),
  "embeddings.bad_input": code(
    422,
    "The model refuses this text; it is found by words only. Lower the chunk size if it is too long for the model.",
  ),
  "embeddings.rate_limited": code(
    503,
    "The embeddings endpoint limits the rate; it is tried again at the time it named.",
  ),
  "embeddings.rejected": code(
    502,
    "Correct EMBEDDINGS_URL, EMBEDDINGS_MODEL and EMBEDDINGS_DIMENSIONS; `sluice doctor` shows the refusal.",
  ),
  "embeddings.unauthorized": code(
    502,
    "Correct EMBEDDINGS_API_KEY or its rights; the pending chunks are embedded by themselves then.",
  ),
  "embeddings.unavailable": code(
    503,
    "The embeddings endpoint did not answer; it is tried again by itself. `sluice doctor` shows why.",
  ),

  "index.damaged": code(500, "Sync the source again, or send the upload again: it is indexed anew."),

  "internal.failpoint": code(500, "A crash test asked for it: unset SLUICE_FAILPOINTS."),
  "internal.unexpected": code(
    500,
    "This is a defect: report it with the correlation id and the log lines that carry it.",
  ),

  "job.not_found": code(404, "List the jobs to see their ids."),
  "job.finished": code(409, "The job is over; there is nothing left to cancel."),
  "job.nothing_to_retry": code(409, "Only a finished job with failed items can be retried; start a new sync instead."),

  "objects.unavailable": code(
    503,
    "The object store did not answer; it is tried again by itself. `sluice doctor` shows why.",
  ),
  "objects.not_found": code(404, "The object is gone from the store; sync the source again with force_reindex."),
  "objects.bucket_missing": code(503, "Create the bucket, or let `sluice doctor --fix` create it."),
  "objects.forbidden": code(502, "Correct the object store's credentials or their rights on the named bucket."),
  "objects.rejected": code(502, "The object store refused the request; `sluice doctor` tests what it supports."),
  "objects.bad_key": code(400, "The object key or URI is not one that this service writes."),
  "objects.unknown_scheme": code(500, "Configure the object store that the URI belongs to."),
  "objects.too_large": code(413, "The object exceeds the reader's limit."),
  "objects.disk": code(507, "Free space on DATA_DIR or correct its permissions."),

  "queue.attempts_exhausted": code(
    500,
    "The item brought down or outlasted its worker every time; look at the worker's log, then retry the job.",
  ),
  "queue.deadline": code(
    504,
    "The item took longer than ITEM_DEADLINE_SECONDS; look for a slow source or object store, or raise the limit.",
  ),
  "queue.lease_expired": code(500, "A worker stopped answering; the work was taken over by another one."),
  "queue.full": code(503, "Send it again later: the queue must drain first; more workers drain it sooner."),
  "queue.superseded": code(409, "Nothing to do: a later request for the same source was fulfilled first."),

  "request.invalid": code(400, "Correct the named fields; GET /openapi.json describes them."),
  "request.bad_json": code(400, "Send one well-formed JSON object in UTF-8."),
  "request.bad_cursor": code(
    400,
    "Send next_cursor of the page before, unchanged and with the same filters, or none for the first page.",
  ),
  "request.wrong_content_type": code(415, "Send the body with Content-Type: application/json."),
  "request.too_large": code(413, "Send a smaller body."),
  "request.truncated": code(400, "The body ended before it was whole, or came too slowly; send it again."),
  "request.busy": code(503, "Send it again after the time that Retry-After names; another process may have room now."),
  "request.bad_idempotency_key": code(400, "Send a new UUID as Idempotency-Key, or none."),
  "request.idempotency_key_reused": code(
    422,
    "Send a new Idempotency-Key with each new request; an earlier one belongs to its request, its body and its token for 24 hours.",
  ),
  "request.in_progress": code(409, "Send the same request with the same Idempotency-Key again in a moment."),
  "request.no_such_route": code(404, "GET /openapi.json lists the routes."),
  "request.method_not_allowed": code(405, "Use one of the methods that the Allow header names."),
  "request.tenant_required": code(400, "Name the tenant in tenant_id: an admin token belongs to none."),

  "schedule.not_found": code(404, "Set one with PUT /v1/connections/{id}/schedule."),

  "schema.changed": code(500, "Start the binary that migrated this database, or restore the database from a backup."),
  "schema.newer": code(500, "Start a binary at least as new as the one that migrated this database."),
  "schema.not_owner": code(500, "Use the DATABASE_URL with which `sluice migrate` is run."),
  "schema.pending": code(500, "Run `sluice migrate` first."),

  "tenant.not_found": code(404, "List the tenants to see their ids."),
  "tenant.queue_full": code(429, "Wait until the tenant's queue has drained, or have its limit queued_items raised."),
  "tenant.too_many_jobs": code(429, "Wait until a job of the tenant has ended, or have its limit open_jobs raised."),
  "tenant.too_many_requests": code(
    429,
    "Send requests more slowly, or have the tenant's limit requests_per_minute raised.",
  ),
  "tenant.upload_quota": code(
    429,
    "Upload again tomorrow (the day begins at 00:00 UTC), or have the tenant's limit upload_bytes_per_day raised.",
  ),
  "tenant.upload_too_large": code(413, "Split the upload, or have the tenant's limit upload_bytes_per_day raised."),
  "tenant.duplicate_name": code(409, "Choose another name, or use the tenant that has it."),

  "token.not_found": code(404, "List the tokens to see their ids; it may be revoked already."),

  "upload.not_multipart": code(415, "Send the files as multipart/form-data."),
  "upload.malformed": code(400, "The multipart body is not well formed; let the HTTP client build it."),
  "upload.header_too_long": code(
    400,
    "Send shorter part headers; a part needs no more than its name, file name and type.",
  ),
  "upload.too_slow": code(408, "Send the files one by one, or over a faster line: a request may take an hour."),
  "upload.truncated": code(400, "The body ended before its final boundary; send it again."),
  "upload.no_file": code(400, "Add at least one part with a file name."),
  "upload.empty_file": code(400, "The file has no bytes; check it and send it again."),
  "upload.bad_name": code(400, "Rename the file: no control characters, no path with .., at most 255 bytes."),
  "upload.duplicate_name": code(400, "Two files of one request have the same name; rename one or send it separately."),
  "upload.unsupported_type": code(415, "Convert the file to .md, .txt, .html, .docx or .pdf and send it again."),
  "upload.too_large": code(413, "The file exceeds UPLOAD_MAX_BYTES; split it or raise the limit."),
  "upload.too_many_files": code(413, "Send fewer files in one request."),
  "upload.too_many_fields": code(400, "Send fewer or shorter form fields."),
  "upload.duplicate_field": code(400, "Send each form field once."),
  "upload.spool_failed": code(507, "The server could not write the upload to disk; free space on DATA_DIR."),

  "webhook.not_found": code(404, "List the webhooks to see their ids."),
  "webhook.bad_url": code(422, "Name an http:// or https:// address without user, password or fragment."),
  "webhook.address_refused": code(
    403,
    "The address lies in a private network: the operator can allow such webhooks with WEBHOOK_ALLOW_PRIVATE_NETWORK=true.",
  ),
  "webhook.refused": code(
    502,
    "The receiver must answer 2xx within 10 s; redirects are not followed. It is tried again.",
  ),
  "webhook.unreachable": code(503, "The receiver did not answer; it is tried again by itself."),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof CODES;
