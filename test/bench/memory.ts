/**
 * Memory where it is easily lost: an upload of a gigabyte into a running service, a catalog of ten thousand files, a pdf
 * of six hundred pages. Resident memory of the process and its children, looked at every 25 ms.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, ingest, install } from "./bench.ts";
import { generateDocument, writeDocuments } from "./generate.ts";
import { watchMemory } from "./measure.ts";
import { startService } from "./service.ts";

const SUITE = "Memory";

export async function benchMemory(bench: Bench): Promise<void> {
  await benchUpload(bench);
  await benchCatalog(bench);
  await benchLongPdf(bench);
}

async function benchUpload(bench: Bench): Promise<void> {
  const bytes = bench.quick ? 2 ** 28 : 2 ** 30;
  const at = await install(bench, "local objects");
  const limit = String(2 ** 31);
  const service = await startService(bench, at, { UPLOAD_MAX_BYTES: limit, FILE_MAX_BYTES: String(2 ** 20) });
  try {
    await Bun.sleep(1_500);
    const memory = watchMemory(service.pid);
    const idle = memory.now();
    const start = performance.now();
    const boundary = "sluice-bench-boundary";
    const response = await fetch(`${service.url}/v1/ingest/files/upload`, {
      method: "POST",
      headers: { ...service.headers, "content-type": `multipart/form-data; boundary=${boundary}` },
      body: multipart(boundary, service.tenantId, bytes),
    });
    const seconds = (performance.now() - start) / 1000;
    const peak = memory.stop();
    if (response.status !== 202)
      throw new Error(`the upload was answered ${response.status}: ${await response.text()}`);
    const what = `upload of ${bytes / 2 ** 20} MiB`;
    const note = `answered ${response.status}; idle ${Math.round(idle)} MB`;
    bench.report.add({
      suite: SUITE,
      what,
      who: "above idle",
      unit: "MB",
      runs: [peak - idle],
      goal: { limit: 64, sense: "<=" },
      note,
    });
    bench.report.add({ suite: SUITE, what, who: "received", unit: "MB/s", runs: [bytes / 2 ** 20 / seconds] });
  } finally {
    await service.stop();
    await at.close();
  }
}

/** One text file of so many bytes, made while it is sent. */
function multipart(boundary: string, tenantId: string, bytes: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const part = (name: string, more = ""): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const block = encoder.encode("All work and no play makes for a long text file.\n".repeat(20_000).slice(0, 2 ** 16));
  let left = bytes;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(
        encoder.encode(`${part("tenant_id")}${tenantId}\r\n${part("file", '; filename="large.txt"')}`),
      );
    },
    pull(controller) {
      const size = Math.min(left, block.length);
      controller.enqueue(block.subarray(0, size));
      left -= size;
      if (left > 0) return;
      controller.enqueue(encoder.encode(`\r\n--${boundary}--\r\n`));
      controller.close();
    },
  });
}

async function benchCatalog(bench: Bench): Promise<void> {
  const files = bench.quick ? 2_000 : 10_000;
  const at = await install(bench, "local objects");
  try {
    const folder = join(at.folder, "catalog");
    writeDocuments(folder, 0, files);
    const { peakMb } = await ingest(bench, at, folder);
    const what = `catalog of ${files.toLocaleString("en-US")} files`;
    bench.report.add({
      suite: SUITE,
      what,
      who: "peak",
      unit: "MB",
      runs: [peakMb],
      goal: { limit: 300, sense: "<=" },
    });
  } finally {
    await at.close();
  }
}

async function benchLongPdf(bench: Bench): Promise<void> {
  const pages = bench.quick ? 100 : 600;
  const at = await install(bench, "local objects");
  try {
    const file = join(at.folder, "long.pdf");
    writeFileSync(file, longPdf(pages));
    const start = performance.now();
    const child = Bun.spawn([bench.binary, "convert", file, "--out", at.folder], {
      cwd: at.folder,
      env: at.env,
      stdout: "ignore",
      stderr: "pipe",
    });
    const memory = watchMemory(child.pid);
    const code = await child.exited;
    const seconds = (performance.now() - start) / 1000;
    if (code !== 0) throw new Error(`the pdf could not be converted: ${await new Response(child.stderr).text()}`);
    const what = `pdf of ${pages} pages`;
    bench.report.add({ suite: SUITE, what, who: "peak, with the conversion child", unit: "MB", runs: [memory.stop()] });
    bench.report.add({ suite: SUITE, what, who: "converted", unit: "pages/s", runs: [pages / seconds] });
  } finally {
    await at.close();
  }
}

/** A plain pdf of text pages in Helvetica. */
function longPdf(pages: number): string {
  const objects: string[] = [];
  const add = (body: string): number => objects.push(body);
  add("<< /Type /Catalog /Pages 2 0 R >>");
  const kids = Array.from({ length: pages }, (_, i) => `${4 + 2 * i} 0 R`).join(" ");
  add(`<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`);
  add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
  for (let n = 0; n < pages; n++) {
    const { title, passages } = generateDocument(n, 6, 70);
    const lines = passages.flatMap(({ text }) => [...(text.match(/.{1,80}(?: |$)/g) ?? []), ""]);
    const shown = lines.map((line) => `(${line.replace(/[()\\]/g, "")}) Tj T*`).join("\n");
    const content = `BT /F1 16 Tf 60 780 Td (${title}) Tj /F1 10 Tf 14 TL T* T*\n${shown}\nET`;
    add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * n} 0 R >>`,
    );
    add(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let file = "%PDF-1.4\n";
  const offsets = objects.map((body, i) => {
    const at = file.length;
    file += `${i + 1} 0 obj\n${body}\nendobj\n`;
    return at;
  });
  const table = offsets.map((at) => `${String(at).padStart(10, "0")} 00000 n \n`).join("");
  return `${file}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer << /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
}
