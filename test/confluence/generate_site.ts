/**
 * A site of any size from a seed: spaces of unequal size with page trees, titles that repeat across spaces, links and
 * includes between pages, attachments of the kinds a wiki holds, comments, labels, a few archived and trashed pages.
 */
import { zipOf } from "../convert/zip_writer.ts";
import type { Lazy, Page } from "./contents.ts";
import { Site } from "./site.ts";
import {
  chance,
  escapeXml,
  heading,
  pick,
  type Random,
  randomFrom,
  sentence,
  storageBody,
  type Target,
} from "./storage_bodies.ts";

export interface GenerateOptions {
  spaces: number;
  pages: number;
  attachments: number;
  seed: number;
  /** Blog posts beside the pages; none when left out. */
  blogPosts?: number;
  /** Footer and inline comments; none when left out. */
  comments?: number;
  /** Of the pages, so many are archived, and so many trashed. */
  archived?: number;
  trashed?: number;
  deployment?: "cloud" | "datacenter";
  /** The clock at the end; contents were made in the year before. */
  now?: string;
  timeZone?: string;
}

const YEAR = 365 * 24 * 3_600_000;

/** Keys are S1, S2, …; users user-1 to user-12. */
export function generateSite(options: GenerateOptions): Site {
  const random = randomFrom(options.seed);
  const site = new Site({
    ...(options.now ? { now: options.now } : {}),
    ...(options.timeZone ? { timeZone: options.timeZone } : {}),
  });
  const end = site.now;
  for (let i = 1; i <= 12; i++)
    site.addUser({
      id: options.deployment === "datacenter" ? `ff80808${i}` : `712020:user-${i}`,
      username: `user${i}`,
      displayName: `User Number ${i}`,
      email: `user${i}@example.com`,
    });
  site.now = end - YEAR;
  const keys = Array.from(
    { length: options.spaces },
    (_, i) => site.addSpace({ key: `S${i + 1}`, name: `Space ${i + 1} ${heading(random)}` }).key,
  );
  const step = Math.floor(YEAR / (options.pages + options.attachments + 2));
  const pages = growTrees(site, random, options, keys, step);
  growFiles(site, random, options, pages, step);
  for (let i = 0; i < (options.comments ?? 0); i++) {
    const inline = chance(random, 0.3);
    site.comment(pick(random, pages).id, {
      body: `<p>Comment c${i} ${sentence(random)}</p>`,
      location: inline ? "inline" : "footer",
      selection: inline ? "marked phrase" : "",
    });
  }
  // From the end of the list, where pages have no children.
  const leaves = pages.filter((page) => site.childrenOf(page.id).length === 0 && page.parentId !== null).toReversed();
  for (const page of leaves.slice(0, options.archived ?? 0)) site.archive(page.id);
  for (const page of leaves.slice(options.archived ?? 0, (options.archived ?? 0) + (options.trashed ?? 0)))
    site.trash(page.id);
  site.now = end;
  return site;
}

function growTrees(site: Site, random: Random, options: GenerateOptions, keys: string[], step: number): Page[] {
  const users = [...site.users.keys()];
  const files = new Map<string, string[]>();
  const perSpace = new Map<string, Page[]>(keys.map((key) => [key, []]));
  const targets: Target[] = [];
  const all: Page[] = [];
  const total = options.pages + (options.blogPosts ?? 0);
  for (let i = 0; i < total; i++) {
    site.now += step;
    // The first space is the largest; each gets its home page first.
    const key = i < keys.length ? keys[i]! : keys[Math.floor(random() ** 2 * keys.length)]!;
    const siblings = perSpace.get(key)!;
    const kind = i >= options.pages ? "blogpost" : "page";
    const parent =
      siblings.length === 0 || kind === "blogpost" ? null : siblings[Math.floor(random() ** 3 * siblings.length)]!.id;
    const title =
      siblings.length === 0
        ? `${key} home`
        : chance(random, 0.05)
          ? `Notes ${siblings.length}`
          : `${heading(random)} ${siblings.length}`;
    const links =
      targets.length > 0 ? Array.from({ length: Math.floor(random() * 3) }, () => pick(random, targets)) : [];
    const includes = targets.length > 0 && chance(random, 0.03) ? [pick(random, targets)] : [];
    const plan = {
      seed: options.seed * 7919 + i,
      deployment: options.deployment ?? ("cloud" as const),
      spaceKey: key,
      userIds: users,
      links,
      includes,
    };
    const labels = chance(random, 0.3) ? [pick(random, ["runbook", "draft", "policy", "meeting-notes"])] : [];
    const page: Page = site.addPage({
      space: key,
      title,
      kind,
      parent,
      labels,
      by: pick(random, users),
      body: () => storageBody({ ...plan, marker: `m${page.id}e`, files: filesOf(site, page.id, files) }),
    });
    if (kind === "page") siblings.push(page);
    targets.push({ id: page.id, title, spaceKey: key });
    all.push(page);
  }
  return all;
}

/** The first files of a page, as they were when it was first read. */
function filesOf(site: Site, pageId: string, known: Map<string, string[]>): string[] {
  let names = known.get(pageId);
  if (!names)
    known.set(
      pageId,
      (names = site
        .attachmentsOf(pageId)
        .slice(0, 2)
        .map((file) => file.title)),
    );
  return names;
}

const MEDIA: Record<string, string> = {
  txt: "text/plain",
  md: "text/markdown",
  html: "text/html",
  pdf: "application/pdf",
  png: "image/png",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
};
const KINDS = ["txt", "md", "html", "pdf", "docx", "png", "md", "txt"];

function growFiles(site: Site, random: Random, options: GenerateOptions, pages: Page[], step: number): void {
  const users = [...site.users.keys()];
  for (let i = 0; i < options.attachments; i++) {
    site.now += step;
    const kind = pick(random, KINDS);
    const stem = `${heading(random)} ${i}`;
    // Macs upload decomposed names, and not every browser knows the type.
    const name = chance(random, 0.03) ? `Übersicht ${i}.${kind}`.normalize("NFD") : `${stem}.${kind}`;
    const mediaType = chance(random, 0.1) ? "application/octet-stream" : MEDIA[kind]!;
    const text = `File f${i}x. ${sentence(random)} ${sentence(random)}`;
    site.attach(pick(random, pages).id, {
      name,
      mediaType,
      bytes: fileBytes(kind, stem, text),
      by: pick(random, users),
    });
  }
}

/** A file of this kind with this text in it. */
export function fileBytes(kind: string, title: string, text: string): Lazy<Uint8Array> {
  const utf8 = (content: string) => new TextEncoder().encode(content);
  switch (kind) {
    case "md":
      return () => utf8(`# ${title}\n\n${text}\n\n- one\n- two\n`);
    case "html":
      return () =>
        utf8(
          `<!DOCTYPE html><html><head><title>${escapeXml(title)}</title></head><body><h1>${escapeXml(title)}</h1><p>${escapeXml(text)}</p></body></html>`,
        );
    case "pdf":
      return () => utf8(pdfOf(text));
    case "docx":
      return () => docxOf(title, text);
    case "png":
      return () =>
        Buffer.from(
          "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==",
          "base64",
        );
    default:
      return () => utf8(`${title}\n\n${text}\n`);
  }
}

/** One page of Helvetica; Latin letters only. */
function pdfOf(text: string): string {
  const lines = text.replace(/[()\\]/g, "\\$&").match(/.{1,80}(\s|$)/g) ?? [];
  const content = `BT /F1 11 Tf 50 780 Td 14 TL ${lines.map((line) => `(${line.trim()}) Tj T*`).join(" ")} ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let pdf = "%PDF-1.4\n";
  const offsets = objects.map((object, i) => {
    const offset = pdf.length;
    pdf += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  return `${pdf}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${pdf.length}\n%%EOF\n`;
}

function docxOf(title: string, text: string): Uint8Array {
  const paragraph = (content: string, style = "") =>
    `<w:p>${style && `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>`}<w:r><w:t xml:space="preserve">${escapeXml(content)}</w:t></w:r></w:p>`;
  const office = "http://schemas.openxmlformats.org";
  return zipOf({
    "[Content_Types].xml": `<?xml version="1.0" encoding="UTF-8"?><Types xmlns="${office}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
    "_rels/.rels": `<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="${office}/package/2006/relationships"><Relationship Id="rId1" Type="${office}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    "word/document.xml": `<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="${office}/wordprocessingml/2006/main"><w:body>${paragraph(title, "Heading1")}${paragraph(text)}</w:body></w:document>`,
  });
}
