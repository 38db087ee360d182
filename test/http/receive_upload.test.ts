import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { cleanSpool, discardFiles, receiveUpload, type UploadLimits } from "../../src/http/receive_upload.ts";
import { uploadName } from "../../src/http/upload_name.ts";

const temp = fs.mkdtempSync(path.join(tmpdir(), "spool-"));
let limits: UploadLimits;
beforeEach(() => {
  const spoolDir = path.join(temp, crypto.randomUUID());
  limits = { spoolDir, maxFileBytes: 100_000, maxFiles: 3, maxTotalBytes: 200_000 };
});
afterAll(() => fs.rmSync(temp, { recursive: true, force: true }));

const spooled = () => (fs.existsSync(limits.spoolDir) ? fs.readdirSync(limits.spoolDir) : []);

interface Part {
  name?: string;
  filename?: string;
  type?: string;
  content: string | Uint8Array;
}

/** A body as a client would build it, by hand, so that it can be broken. */
function bodyOf(parts: Part[], end = "--b--\r\n"): Uint8Array<ArrayBuffer> {
  const pieces: (string | Uint8Array)[] = [];
  for (const part of parts) {
    const filename = part.filename === undefined ? "" : `; filename="${part.filename}"`;
    pieces.push(`--b\r\nContent-Disposition: form-data; name="${part.name ?? "file"}"${filename}\r\n`);
    if (part.type !== undefined) pieces.push(`Content-Type: ${part.type}\r\n`);
    pieces.push("\r\n", part.content, "\r\n");
  }
  return new Uint8Array(Buffer.concat([...pieces, end].map((piece) => Buffer.from(piece))));
}

/** A request whose body arrives in pieces of `step` bytes. */
function requestOf(body: Uint8Array<ArrayBuffer>, step = 65_536, type = "multipart/form-data; boundary=b"): Request {
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= body.length) return controller.close();
      controller.enqueue(body.slice(at, at + step));
      at += step;
    },
  });
  return new Request("http://localhost/", { method: "POST", body: stream, headers: { "content-type": type } });
}

const receive = (parts: Part[], end?: string) => receiveUpload(requestOf(bodyOf(parts, end)), limits);

/** The code of the refusal; also asserts that nothing stays in the spool. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => "accepted",
    (caught: unknown) => (caught instanceof Error && "code" in caught ? caught.code : caught),
  );
  expect(spooled()).toEqual([]);
  return error;
}

describe("a good upload", () => {
  test("gives fields and files with size, hash and type, however it is cut into pieces", async () => {
    const binary = new Uint8Array(50_000).map((_, i) => (i * 7) % 256);
    const parts = [
      { name: "tenant_id", content: "acme" },
      {
        filename: "über uns.md",
        type: "text/markdown",
        content: "# Über\r\n--c\r\nnot a boundary: --bb",
      },
      { filename: "a.pdf", type: "application/pdf", content: binary },
    ];
    for (const step of [1_000_000, 8192, 17]) {
      const { fields, files } = await receiveUpload(requestOf(bodyOf(parts), step), limits);
      expect(fields).toEqual({ tenant_id: "acme" });
      expect(files.map((file) => [file.name, file.size, file.declaredType])).toEqual([
        ["über uns.md", 34, "text/markdown"],
        ["a.pdf", 50_000, "application/pdf"],
      ]);
      expect(files[1]!.sha256).toBe(Bun.SHA256.hash(binary, "hex"));
      expect(Buffer.compare(fs.readFileSync(files[1]!.path), binary)).toBe(0);
      await discardFiles(files);
      expect(spooled()).toEqual([]);
    }
  });

  test("what FormData builds is understood", async () => {
    const form = new FormData();
    form.set("tenant_id", "acme");
    form.set("file", new File(["hello"], 'quote".md', { type: "text/markdown" }));
    const { files } = await receiveUpload(new Request("http://localhost/", { method: "POST", body: form }), limits);
    expect(files[0]).toMatchObject({ size: 5, declaredType: "text/markdown" });
    await discardFiles(files);
  });

  test("a file at the exact limit is taken", async () => {
    const { files } = await receive([{ filename: "a.txt", content: "x".repeat(limits.maxFileBytes) }]);
    expect(files[0]!.size).toBe(limits.maxFileBytes);
    await discardFiles(files);
  });
});

describe("a refused upload leaves nothing behind and says why", () => {
  const good = { filename: "good.md", content: "good" };

  test("too large: one file, all files, the announced length", async () => {
    const big = { filename: "big.md", content: "x".repeat(limits.maxFileBytes + 1) };
    expect(await refusal(receive([good, big]))).toBe("upload.too_large");
    const half = (filename: string) => ({ filename, content: "x".repeat(90_000) });
    expect(await refusal(receive([half("1"), half("2"), half("3")]))).toBe("upload.too_large");
    const headers = { "content-type": "multipart/form-data; boundary=b", "content-length": "9000000" };
    const announced = new Request("http://localhost/", { method: "POST", body: bodyOf([good]), headers });
    expect(await refusal(receiveUpload(announced, limits))).toBe("upload.too_large");
  });

  test("a part's header beyond its limit, however it is cut into pieces, and whatever is lost by it", async () => {
    const filename = `${"x".repeat(200_000)}.md`;
    for (const step of [1_000_000, 4096, 7000]) {
      const long = requestOf(bodyOf([good, { filename, content: "text" }]), step);
      expect(await refusal(receiveUpload(long, limits))).toBe("upload.header_too_long");
      const late = `--b\r\nX-Padding: ${"y".repeat(8192)}\r\nContent-Disposition: form-data; name="f"; filename="a.md"\r\n\r\ntext\r\n--b--\r\n`;
      const request = requestOf(new Uint8Array(Buffer.from(late)), step);
      expect(await refusal(receiveUpload(request, limits))).toBe("upload.header_too_long");
    }
    const fits = { filename: `${"x".repeat(250)}.md`, type: `text/markdown; x=${"y".repeat(7000)}`, content: "text" };
    expect((await receive([fits])).files.length).toBe(1);
  });

  test("a body that trickles for longer than it may", async () => {
    const body = bodyOf([{ filename: "a.md", content: "x".repeat(100) }]);
    let at = 0;
    const trickle = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (at >= body.length) return controller.close();
        await Bun.sleep(2);
        controller.enqueue(body.slice(at, ++at));
      },
    });
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const request = new Request("http://localhost/", { method: "POST", body: trickle, headers });
    expect(await refusal(receiveUpload(request, { ...limits, maxMs: 50 }))).toBe("upload.too_slow");
  });

  test("too much beside the files", async () => {
    const preamble = "x".repeat(1_300_000);
    const body = new Uint8Array(Buffer.concat([Buffer.from(preamble), bodyOf([good])]));
    expect(await refusal(receiveUpload(requestOf(body), limits))).toBe("upload.too_large");
  });

  test("truncated: no final boundary, cut in a file, cut in a header, cut in a field", async () => {
    expect(await refusal(receive([good], ""))).toBe("upload.truncated");
    const whole = bodyOf([good, { name: "note", content: "a field" }]);
    for (let length = 5; length < whole.length - 4; length += 9) {
      expect(await refusal(receiveUpload(requestOf(whole.slice(0, length)), limits))).toBe("upload.truncated");
    }
  });

  test("no file, no body, no multipart, no boundary", async () => {
    expect(await refusal(receive([{ name: "tenant_id", content: "acme" }]))).toBe("upload.no_file");
    expect(await refusal(receive([]))).toBe("upload.no_file");
    const bare = new Request("http://localhost/", {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=b" },
    });
    expect(await refusal(receiveUpload(bare, limits))).toBe("upload.no_file");
    expect(await refusal(receiveUpload(requestOf(bodyOf([good]), 99, "application/json"), limits))).toBe(
      "upload.not_multipart",
    );
    expect(await refusal(receiveUpload(requestOf(bodyOf([good]), 99, "multipart/form-data"), limits))).toBe(
      "upload.not_multipart",
    );
    const noBoundary = requestOf(bodyOf([good]), 99, "multipart/form-data; charset=utf-8");
    expect(await refusal(receiveUpload(noBoundary, limits))).toBe("upload.not_multipart");
  });

  test("too many files, too many fields, a field too long, a field twice", async () => {
    const files = ["1", "2", "3", "4"].map((filename) => ({ filename, content: "x" }));
    expect(await refusal(receive(files))).toBe("upload.too_many_files");
    const fields = Array.from({ length: 21 }, (_, i) => ({ name: `f${i}`, content: "x" }));
    expect(await refusal(receive([good, ...fields]))).toBe("upload.too_many_fields");
    expect(await refusal(receive([{ name: "f", content: "x".repeat(9000) }, good]))).toBe("upload.too_many_fields");
    const twice = { name: "tenant_id", content: "acme" };
    expect(await refusal(receive([twice, good, twice]))).toBe("upload.duplicate_field");
  });

  test("an empty file, an empty name, a name twice", async () => {
    expect(await refusal(receive([good, { filename: "e.md", content: "" }]))).toBe("upload.empty_file");
    expect(await refusal(receive([good, { filename: "", content: "x" }]))).toBe("upload.bad_name");
    expect(await refusal(receive([{ type: "application/octet-stream", content: "x" }]))).toBe("upload.bad_name");
    // The same name in two Unicode forms is the same name.
    expect(
      await refusal(
        receive([
          { filename: "u\u0308.md", content: "1" },
          { filename: "\u00fc.md", content: "2" },
        ]),
      ),
    ).toBe("upload.duplicate_name");
  });

  test("a part that the parser would pass over in silence", async () => {
    const body = new Uint8Array(
      Buffer.concat([Buffer.from("--b\r\nContent-Type: text/plain\r\n\r\nlost\r\n"), bodyOf([good])]),
    );
    expect(await refusal(receiveUpload(requestOf(body), limits))).toBe("upload.malformed");
  });

  test("a body that breaks off with an error", async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(bodyOf([{ filename: "a.md", content: "x".repeat(1000) }]).slice(0, 500));
      },
      pull: (controller) => controller.error(new Error("connection closed")),
    });
    const request = new Request("http://localhost/", {
      method: "POST",
      body,
      headers: { "content-type": "multipart/form-data; boundary=b" },
    });
    expect(await refusal(receiveUpload(request, limits))).toBe("upload.truncated");
  });

  test("a spool folder that cannot be written", async () => {
    fs.writeFileSync(limits.spoolDir, "a file in the way");
    const error = await receive([good]).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "upload.spool_failed", fate: "transient" });
    fs.rmSync(limits.spoolDir);
  });
});

describe("over a real connection", () => {
  test("a client that goes away in the middle leaves nothing", async () => {
    const settled = Promise.withResolvers<unknown>();
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        settled.resolve(await refusal(receiveUpload(request, limits)));
        return new Response();
      },
    });
    const socket = connect(server.port!, "127.0.0.1", () => {
      socket.write(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n",
      );
      socket.write(bodyOf([{ filename: "a.md", content: "x".repeat(20_000) }]).slice(0, 10_000));
      // The first bytes are in the spool when the connection ends.
      const look = setInterval(() => {
        if (spooled().length === 0) return;
        clearInterval(look);
        socket.destroy();
      }, 5);
    });
    expect(await settled.promise).toBe("upload.truncated");
    await server.stop(true);
  });

  test("a large upload needs little memory", async () => {
    const script = path.join(temp, "server.ts");
    const source = path.resolve(import.meta.dir, "../../src/http/receive_upload.ts");
    fs.writeFileSync(
      script,
      `import { receiveUpload } from ${JSON.stringify(source)};
       let peak = 0;
       setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 5);
       const server = Bun.serve({ port: 0, hostname: "127.0.0.1", maxRequestBodySize: 1e9, async fetch(request) {
         const idle = process.memoryUsage.rss();
         const limit = { spoolDir: ${JSON.stringify(path.join(temp, "large"))}, maxFileBytes: 1e9, maxFiles: 1, maxTotalBytes: 1e9 };
         const { files } = await receiveUpload(request, limit);
         return Response.json({ size: files[0].size, grown: peak - idle });
       } });
       console.log(server.url.href);`,
    );
    const server = Bun.spawn([process.execPath, script], { stdout: "pipe" });
    try {
      const { value } = await server.stdout.getReader().read();
      const url = new TextDecoder().decode(value).trim();
      const file = path.join(temp, "large.bin");
      const size = 192 * 1024 * 1024;
      fs.writeFileSync(file, "");
      fs.truncateSync(file, size);
      const form = new FormData();
      form.set("file", Bun.file(file), "large.bin");
      const answer = (await (await fetch(url, { method: "POST", body: form })).json()) as {
        size: number;
        grown: number;
      };
      expect(answer.size).toBe(size);
      expect(answer.grown).toBeLessThan(64 * 1024 * 1024);
    } finally {
      server.kill();
      await server.exited;
    }
  }, 30_000);
});

describe("file names", () => {
  test("good ones stay, in NFC, and Windows paths give their last segment", () => {
    expect(uploadName("report (final) v2.pdf")).toBe("report (final) v2.pdf");
    expect(uploadName("Zu\u0308rich.md")).toBe("Z\u00fcrich.md");
    expect(uploadName("C:\\Users\\me\\plan.docx")).toBe("plan.docx");
    expect(uploadName("guide/intro.md")).toBe("guide/intro.md");
    expect(uploadName("مستند.pdf")).toBe("مستند.pdf");
    expect(uploadName(`${"x".repeat(252)}.md`)).toHaveLength(255);
  });

  test("hostile ones are refused", () => {
    const bidi = "invoice\u202efdp.exe";
    const bad = [
      "",
      "  ",
      ".",
      "..",
      "../x.md",
      "a/../b.md",
      "..\\..\\x.md",
      "a\\..\\b.md",
      "/etc/passwd",
      "a//b.md",
      "a/",
      "a\\",
    ];
    for (const name of [
      ...bad,
      "nul\0.md",
      "line\n.md",
      "\u0085.md",
      bidi,
      "\ud800.md",
      "\ufffd.md",
      "x".repeat(256),
      undefined,
    ]) {
      expect(() => uploadName(name)).toThrow(expect.objectContaining({ code: "upload.bad_name" }));
    }
  });

  test("no refused name reaches an error's text unescaped", () => {
    try {
      uploadName("evil\u202e\u0007\n.md");
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toMatch(/[\u202e\u0007\n]/);
    }
  });
});

test("old leftovers are cleaned, running uploads and foreign files are not", async () => {
  const dir = path.join(temp, "leftovers");
  fs.mkdirSync(dir);
  for (const name of ["upload-old", "upload-new", "notes.txt"]) fs.writeFileSync(path.join(dir, name), "x");
  const before = new Date(Date.now() - 7_200_000);
  for (const name of ["upload-old", "notes.txt"]) fs.utimesSync(path.join(dir, name), before, before);
  expect(await cleanSpool(dir, 3_600_000)).toBe(1);
  expect(fs.readdirSync(dir).sort()).toEqual(["notes.txt", "upload-new"]);
  expect(await cleanSpool(path.join(temp, "missing"), 1)).toBe(0);
});
