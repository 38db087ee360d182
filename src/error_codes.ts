/**
 * Every error code of the product, once: `stage.reason` → HTTP status and the way out for whoever meets it.
 * The troubleshooting page is generated from this list. Keep it sorted by stage.
 */
interface CodeInfo {
  /** Status of an HTTP answer that carries this code. */
  status: number;
  /** What to do about it, one sentence, addressed to the person who sees it. */
  help: string;
}

const code = (status: number, help: string): CodeInfo => ({ status, help });

export const CODES = {
  "config.invalid": code(500, "Correct the named environment variables and start again."),

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
  "connector.changed": code(409, "The source was being written while it was read; it is read again on the next attempt."),
  "connector.too_large": code(413, "Raise UPLOAD_MAX_BYTES or split the document."),
  "connector.forbidden": code(403, "Correct the connection's credentials or their rights."),
  "connector.unavailable": code(503, "The source did not answer; it is tried again by itself."),

  "convert.unsupported_type": code(415, "Convert the file to .md, .txt, .html, .docx or .pdf and send it again."),
  "convert.empty": code(422, "The file has no bytes; check how it was written or exported."),
  "convert.encrypted": code(422, "Remove the password protection and send the file again."),
  "convert.malformed": code(422, "The file is damaged or not of the type it claims; open and save it again."),
  "convert.too_large": code(413, "The document exceeds a conversion limit; split it or raise the named limit."),
  "convert.deadline": code(422, "Conversion took longer than its deadline; split the document or raise the deadline."),
  "convert.memory": code(422, "Conversion needed more memory than its cap; split the document or raise the cap."),
  "convert.crashed": code(422, "The parser crashed on this document; save it again with another program."),

  "internal.unexpected": code(500, "This is a defect: report it with the correlation id and the log lines that carry it."),

  "objects.unavailable": code(503, "The object store did not answer; it is tried again by itself. `sluice doctor` shows why."),
  "objects.not_found": code(404, "The object is gone from the store; sync the source again with force_reindex."),
  "objects.bucket_missing": code(503, "Create the bucket, or let `sluice doctor --fix` create it."),
  "objects.forbidden": code(502, "Correct the object store's credentials or their rights on the named bucket."),
  "objects.rejected": code(502, "The object store refused the request; `sluice doctor` tests what it supports."),
  "objects.bad_key": code(400, "The object key or URI is not one that this service writes."),
  "objects.unknown_scheme": code(500, "Configure the object store that the URI belongs to."),
  "objects.too_large": code(413, "The object exceeds the reader's limit."),
  "objects.disk": code(507, "Free space on DATA_DIR or correct its permissions."),

  "upload.not_multipart": code(415, "Send the files as multipart/form-data."),
  "upload.malformed": code(400, "The multipart body is not well formed; let the HTTP client build it."),
  "upload.truncated": code(400, "The body ended before its final boundary; send it again."),
  "upload.no_file": code(400, "Add at least one part with a file name."),
  "upload.empty_file": code(400, "The file has no bytes; check it and send it again."),
  "upload.bad_name": code(400, "Rename the file: no control characters, no path with .., at most 255 bytes."),
  "upload.duplicate_name": code(400, "Two files of one request have the same name; rename one or send it separately."),
  "upload.bad_type": code(415, "Send a file of one of the supported types."),
  "upload.too_large": code(413, "The file exceeds UPLOAD_MAX_BYTES; split it or raise the limit."),
  "upload.too_many_files": code(413, "Send fewer files in one request."),
  "upload.too_many_fields": code(400, "Send fewer or shorter form fields."),
  "upload.duplicate_field": code(400, "Send each form field once."),
  "upload.spool_failed": code(507, "The server could not write the upload to disk; free space on DATA_DIR."),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof CODES;
