/**
 * What users do meanwhile: files of a folder are written, changed and deleted, syncs are asked for, files are uploaded.
 * Everything that the service acknowledged is remembered. A request that got no answer is sent again as it was, as any
 * client would.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { docxOf, p } from "../convert/docx_writer.ts";
import type { Random } from "./random.ts";
import type { Report } from "./report.ts";

const REQUEST_MS = 10_000;
const WORDS =
  "order invoice stock price ledger parcel harbour winter engine market garden letter bridge copper signal".split(" ");

export const sha256 = (bytes: string | Uint8Array): string =>
  new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

export interface LoadOptions {
  root: string;
  random: Random;
  report: Report;
  /** Addresses of the processes that serve now. */
  urls: () => string[];
  token: string;
  tenantId: string;
  files: number;
  /** Between two syncs and between two uploads. */
  syncMs: number;
  uploadMs: number;
}

export class Load {
  /** Contents of the folder by path. */
  readonly files = new Map<string, Uint8Array>();
  /** SHA-256 of every acknowledged upload by name, and the job that it became. */
  readonly uploads = new Map<string, { sha256: string; jobId: string }>();
  /** Names that were sent at least once. */
  readonly sent = new Set<string>();
  readonly syncs: string[] = [];
  readonly failures: string[] = [];
  private stopping = new AbortController();
  private running: Promise<unknown> = Promise.resolve();
  private serial = 0;

  constructor(private readonly options: LoadOptions) {
    mkdirSync(options.root, { recursive: true });
    for (let i = 0; i < options.files; i++) this.write(this.newPath());
  }

  start(): void {
    this.running = Promise.all([
      this.every(this.options.syncMs, async () => {
        this.edit();
        const jobId = await this.sync();
        if (jobId) this.syncs.push(jobId);
      }),
      this.every(this.options.uploadMs, () => this.upload()),
    ]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Asks for a sync of the folder; null when nobody acknowledged it in time. */
  async sync(): Promise<string | null> {
    const { tenantId } = this.options;
    const answer = await this.call("/v1/ingest/sources/sync", () => ({
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tenant_id: tenantId, source_types: ["FILE_CATALOG_OBJECT"], confirm_deletions: true }),
    }));
    return answer;
  }

  /** Makes the folder a connection. */
  async connect(): Promise<void> {
    const { root, token, tenantId, urls } = this.options;
    const answer = await fetch(`${urls()[0]}/v1/connections`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({
        tenant_id: tenantId,
        source_type: "FILE_CATALOG_OBJECT",
        name: "tree",
        config: { kind: "directory", root },
      }),
    });
    if (answer.status !== 201) throw new Error(`the connection was refused: ${await answer.text()}`);
  }

  /**
   * `found`: SHA-256 of the bytes of each document by its external reference. Each file and each acknowledged upload must
   * have one, of exactly the bytes that were there last.
   */
  compare(found: Map<string, string>): string[] {
    const failures: string[] = [];
    const left = new Map(found);
    const expect = (ref: string, checksum: string, what: string): void => {
      const is = left.get(ref);
      if (is === undefined) failures.push(`${what} is lost: ${ref}`);
      else if (is !== checksum) failures.push(`${what} is not what it was last: ${ref}`);
      left.delete(ref);
    };
    for (const [path, bytes] of this.files) expect(`file://${this.options.root}/${path}`, sha256(bytes), "a file");
    for (const [name, upload] of this.uploads) expect(`upload://${name}`, upload.sha256, "an acknowledged upload");
    for (const ref of left.keys())
      if (!this.sent.has(ref.replace("upload://", ""))) failures.push(`a document of nothing that is there: ${ref}`);
    return failures.length > 8 ? [...failures.slice(0, 8), `… and ${failures.length - 8} more of that kind`] : failures;
  }

  /** Changes a good part of the folder, adds some files and deletes some. */
  private edit(): void {
    const { random } = this.options;
    for (const path of random.shuffled([...this.files.keys()]).slice(0, Math.ceil(this.files.size / 4)))
      this.write(path);
    for (let i = random.between(0, 4); i > 0; i--) this.write(this.newPath());
    for (const path of random.shuffled([...this.files.keys()]).slice(0, random.between(0, 3))) {
      rmSync(join(this.options.root, path));
      this.files.delete(path);
    }
  }

  private newPath(): string {
    const { random } = this.options;
    const extension = random.pick(["md", "md", "md", "md", "txt", "html", "docx"]);
    const path = `part-${random.between(0, 5)}/file-${this.serial++}.${extension}`;
    mkdirSync(join(this.options.root, path, ".."), { recursive: true });
    return path;
  }

  private write(path: string): void {
    const bytes = this.content(path);
    writeFileSync(join(this.options.root, path), bytes);
    this.files.set(path, bytes);
  }

  /** A few paragraphs, most of them shared with other files, and links to some of these. */
  private content(name: string): Uint8Array {
    const { random } = this.options;
    const words = (count: number): string => Array.from({ length: count }, () => random.pick(WORDS)).join(" ");
    const paragraphs = Array.from({ length: random.between(2, 8) }, (_, i) =>
      i % 3 === 0 ? WORDS.join(" ") : words(40),
    );
    paragraphs.push(`Serial ${this.serial++} of ${name}.`);
    if (name.endsWith(".docx")) return docxOf({ body: paragraphs.map((text) => p(text)).join("") });
    const others = random.shuffled([...this.files.keys()]).slice(0, 3);
    const links = others.map((other) => `[${other}](../${other})`);
    const text = [`# ${name}`, ...paragraphs.flatMap((part, i) => [`## Part ${i}`, part]), ...links].join("\n\n");
    return new TextEncoder().encode(
      name.endsWith(".html") ? `<h1>${name}</h1><p>${paragraphs.join("</p><p>")}</p>` : text,
    );
  }

  private async upload(): Promise<void> {
    const name = `upload-${this.serial++}.md`;
    const bytes = this.content(name);
    const jobId = await this.call("/v1/ingest/files/upload", () => {
      if (this.sent.has(name)) this.options.report.resentUploads++;
      this.sent.add(name);
      const body = new FormData();
      body.set("tenant_id", this.options.tenantId);
      body.set("file", new Blob([bytes as Uint8Array<ArrayBuffer>]), name);
      return { headers: {}, body };
    });
    if (jobId) this.uploads.set(name, { sha256: sha256(bytes), jobId });
  }

  /** Sends a request until somebody acknowledges it or the load ends; a refusal is a failure. */
  private async call(
    path: string,
    request: () => { headers: Record<string, string>; body: string | FormData },
  ): Promise<string | null> {
    const { urls, random, token } = this.options;
    for (let attempt = 0; attempt < 100; attempt++) {
      const url = random.pick(urls());
      if (url !== undefined)
        try {
          const { headers, body } = request();
          const answer = await fetch(url + path, {
            method: "POST",
            headers: { ...headers, authorization: `Bearer ${token}` },
            body,
            signal: AbortSignal.timeout(REQUEST_MS),
          });
          const json = (await answer.json()) as { job_id?: string; error?: { code: string; message: string } };
          if (answer.status === 202) return json.job_id!;
          if (answer.status < 500 && answer.status !== 409)
            this.failures.push(`${path} was answered ${answer.status}: ${json.error?.code} ${json.error?.message}`);
        } catch {
          // No answer, or half of one: nothing is known of what became of the request.
        }
      if (this.stopping.signal.aborted && attempt > 20) return null;
      await Bun.sleep(100);
    }
    return null;
  }

  private async every(ms: number, work: () => Promise<void>): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await work();
      await Bun.sleep(ms / 2 + this.options.random.between(0, ms));
    }
  }
}
