/**
 * `POST /v1/ingest/files/upload`: files arrive on disk, are recognised, put into the object store and become one job.
 * All or nothing: whatever fails, no row and no spooled file is left behind. An object that is stored already stays: the
 * same upload may be under way a second time and name it, and the next attempt finds it; `sluice gc` removes what nobody
 * names in the end.
 */
import * as v from "valibot";
import { describeUpload } from "../connector/upload.ts";
import { CONVERTER_VERSION } from "../convert/convert.ts";
import { FORMATS, type Format } from "../convert/converted.ts";
import { sniffFormat } from "../convert/sniff.ts";
import { InputError } from "../errors.ts";
import { failpoint } from "../failpoint.ts";
import { enqueueItems, enqueueJob, type NewItem } from "../queue/enqueue.ts";
import { sourceIdOf, versionIdOf } from "../store/ids.ts";
import { rawKey } from "../store/keys.ts";
import { admitJob, requireUploadRoom } from "../store/tenant_limits.ts";
import type { AppDeps } from "./app_deps.ts";
import type { Caller } from "./authenticate.ts";
import { check } from "./check.ts";
import { count, tenantId, uuid } from "./fields.ts";
import { discardFiles, receiveUpload, type SpooledFile } from "./receive_upload.ts";
import { type Call, jsonRoute, type NoFields } from "./route.ts";
import { JobAccepted, requestedBy } from "./sync_route.ts";
import { tenantNamed } from "./tenancy.ts";

const SOURCE_TYPE = "FILE_UPLOAD_OBJECT";
/** All files of a request together may have so many times the size of the largest one that is allowed. */
const TOTAL_FACTOR = 4;
/** Larger files are mapped, not read, to look at them: their format may depend on their end. */
const READ_WHOLE_MAX = 4 * 1024 * 1024;
/** So much of a request may be its form around the files. */
const FORM_BYTES = 65_536;
/** Objects of a request that are put at once. */
const PUTS_AT_ONCE = 4;

const UploadFields = v.strictObject({ tenant_id: tenantId });

const UploadedFile = v.strictObject({
  name: v.string(),
  source_id: uuid,
  size: count,
  sha256: v.pipe(v.string(), v.hash(["sha256"])),
});

const Accepted = v.strictObject({ ...JobAccepted, files: v.array(UploadedFile) });

interface AcceptedFile extends SpooledFile {
  sourceId: string;
  format: Format;
}

export const uploadRoute = jsonRoute({
  method: "post",
  path: "/v1/ingest/files/upload",
  summary: "Upload files",
  tag: "Ingest",
  access: "write",
  errors: [
    "convert.empty",
    "convert.encrypted",
    "convert.malformed",
    "objects.disk",
    "objects.forbidden",
    "objects.rejected",
    "objects.unavailable",
    "queue.full",
    "tenant.queue_full",
    "tenant.too_many_jobs",
    "tenant.upload_quota",
    "tenant.upload_too_large",
    "upload.bad_name",
    "upload.duplicate_field",
    "upload.duplicate_name",
    "upload.empty_file",
    "upload.header_too_long",
    "upload.malformed",
    "upload.no_file",
    "upload.not_multipart",
    "upload.spool_failed",
    "upload.too_large",
    "upload.too_many_fields",
    "upload.too_many_files",
    "upload.too_slow",
    "upload.truncated",
    "upload.unsupported_type",
  ],
  multipart: v.strictObject({
    tenant_id: tenantId,
    file: v.pipe(
      v.array(v.pipe(v.string(), v.metadata({ format: "binary" }))),
      v.description("One part for each file, of any name."),
    ),
  }),
  status: 202,
  answer: Accepted,
  async handle(call) {
    await call.deps.intake.requireRoom();
    const giveBack = call.deps.intake.takeUpload();
    try {
      return await takeUpload(call);
    } finally {
      giveBack();
    }
  },
});

async function takeUpload(call: Call<NoFields, NoFields, v.GenericSchema>): Promise<v.InferInput<typeof Accepted>> {
  const { deps } = call;
  const { dataDir, upload, tenantLimits } = deps.config;
  // Said before the files are sent, where it can be known by then.
  const announced = Number(call.request.headers.get("content-length") ?? 0) || 0;
  if (call.caller.tenantId !== null)
    await requireUploadRoom(deps.sql, call.caller.tenantId, tenantLimits, Math.max(0, announced - FORM_BYTES));
  const received = await receiveUpload(call.request, {
    spoolDir: `${dataDir}/spool`,
    maxFileBytes: upload.maxBytes,
    maxFiles: upload.maxFiles,
    maxTotalBytes: upload.maxBytes * TOTAL_FACTOR,
  });
  try {
    const fields = check(UploadFields, received.fields, "form");
    const tenant = await tenantNamed(call, fields.tenant_id);
    const said = { ...fields, files: received.files.map(({ path: _, ...file }) => file) };
    return await call.once(said, async () => {
      // One after another, so that no more than one of them lies in memory.
      const files: AcceptedFile[] = [];
      for (const file of received.files) files.push(await accept(file, tenant));
      const jobId = await storeAndEnqueue(deps, files, {
        tenant,
        caller: call.caller,
        correlationId: call.correlationId,
      });
      await failpoint("after_upload_commit");
      deps.wake.ring();
      call.log.info({ job_id: jobId, files: files.length }, "upload job queued");
      return { job_id: jobId, job_status: "processing" as const, files: files.map(answerOf) };
    });
  } finally {
    await discardFiles(received.files);
  }
}

const answerOf = ({ name, sourceId, size, sha256 }: AcceptedFile) => ({ name, source_id: sourceId, size, sha256 });

/** Throws InputError `upload.unsupported_type` and the other `convert.*` codes that the first look can give. */
async function accept(file: SpooledFile, tenant: string): Promise<AcceptedFile> {
  const bytes = file.size <= READ_WHOLE_MAX ? await Bun.file(file.path).bytes() : Bun.mmap(file.path);
  const recognised = sniffFormat(bytes, file.name, file.declaredType ?? "");
  if ("unsupported" in recognised) {
    const code = recognised.code === "convert.unsupported_type" ? "upload.unsupported_type" : recognised.code;
    throw new InputError(code, `${file.name} is ${recognised.unsupported}`, {
      name: file.name,
      supported: Object.keys(FORMATS),
    });
  }
  // A container that does not end as one is cut off or a lie: said at once, not by a job that fails.
  if (recognised.format === "docx" && !endsAsZip(bytes))
    throw new InputError(
      "convert.malformed",
      `${file.name} is no whole .docx: it has no end record, as if it were cut off`,
      {
        name: file.name,
      },
    );
  return { ...file, format: recognised.format, sourceId: sourceIdOf(tenant, SOURCE_TYPE, `upload://${file.name}`) };
}

/** The end record of a zip is followed by a comment of 64 KiB at most. */
function endsAsZip(bytes: Uint8Array): boolean {
  const tail = bytes.subarray(Math.max(0, bytes.length - 22 - 65_535));
  return Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).includes("PK\x05\x06", 0, "latin1");
}

interface Asking {
  tenant: string;
  caller: Caller;
  correlationId: string;
}

/** Puts the files into the object store, then queues them; returns the job's id. */
async function storeAndEnqueue(deps: AppDeps, files: AcceptedFile[], asking: Asking): Promise<string> {
  const uris = await putAll(deps, files, asking.tenant);
  await failpoint("after_upload_put");
  const uploadedAt = new Date();
  const items = files.map((file, i) => itemOf(file, uris[i]!, uploadedAt));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  return await deps.sql.begin(async (tx) => {
    await admitJob(tx, asking.tenant, deps.config.tenantLimits, bytes);
    const jobId = await enqueueJob(tx, {
      tenantId: asking.tenant,
      jobType: "upload",
      payload: { files: files.map(answerOf) },
      requestedBy: requestedBy(asking.caller),
      correlationId: asking.correlationId,
    });
    await enqueueItems(tx, { tenantId: asking.tenant, jobId }, items, 0);
    return jobId;
  });
}

/** URIs in the order of the files. */
async function putAll(deps: AppDeps, files: AcceptedFile[], tenantId: string): Promise<string[]> {
  const uris: string[] = [];
  for (let start = 0; start < files.length; start += PUTS_AT_ONCE) {
    const puts = files.slice(start, start + PUTS_AT_ONCE).map(({ sourceId, sha256, path: file, size }) => {
      const key = rawKey({ tenantId, sourceId, sourceVersionId: versionIdOf(sourceId, sha256, CONVERTER_VERSION) });
      return deps.objects.putNew("raw", key, { file, size }, "application/octet-stream");
    });
    // All are awaited even after a failure: the spooled files are read until then.
    for (const put of await Promise.allSettled(puts)) {
      if (put.status === "rejected") throw put.reason;
      uris.push(put.value.uri);
    }
  }
  return uris;
}

function itemOf(file: AcceptedFile, rawUri: string, uploadedAt: Date): NewItem {
  const descriptor = describeUpload({ ...file, mediaType: file.declaredType, rawUri, uploadedAt });
  return {
    sourceId: file.sourceId,
    connectionId: null,
    sourceType: SOURCE_TYPE,
    externalRef: descriptor.externalRef,
    descriptor: JSON.stringify(descriptor),
    lane: FORMATS[file.format].isolated ? "isolated" : "inline",
  };
}
