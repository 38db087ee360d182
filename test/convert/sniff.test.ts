import { describe, expect, test } from "bun:test";
import type { Format } from "../../src/convert/converted.ts";
import { guessLane, sniffFormat } from "../../src/convert/sniff.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const format = (content: string, name = "", mediaType?: string) => sniffFormat(bytes(content), name, mediaType);
const plain = (name: Format) => ({ format: name, warnings: [] });
const mismatch = (name: string) => ({ format: name, warnings: [{ code: "type_mismatch" }] });

/** A stored zip of empty entries: sniffing reads nothing but names. */
function zip(...names: string[]): string {
  const le = (value: number, size: number) =>
    Array.from({ length: size }, (_, at) => String.fromCharCode((value >> (8 * at)) & 255)).join("");
  const local = names.map((name) => `PK\x03\x04${le(0, 22)}${le(name.length, 2)}${le(0, 2)}${name}`).join("");
  const central = names.map((name) => `PK\x01\x02${le(0, 24)}${le(name.length, 2)}${le(0, 16)}${name}`).join("");
  return `${local}${central}PK\x05\x06${le(0, 4)}${le(names.length, 2).repeat(2)}${le(central.length, 4)}${le(local.length, 4)}${le(0, 2)}`;
}

const ole = (stream: string) =>
  `\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1${"\0".repeat(500)}${[...stream].map((char) => `${char}\0`).join("")}`;

describe("content decides before the name", () => {
  test("a pdf is one under any name", () => {
    expect(format("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\0\0\0\0", "report")).toEqual(plain("pdf"));
    expect(format("junk\n%PDF-1.7\n", "report.pdf")).toEqual(plain("pdf"));
    expect(format("%PDF-1.4\n\0", "notes.md")).toMatchObject(mismatch("pdf"));
  });
  test("a text that speaks of pdf is none", () => {
    expect(format("# The format\n\nA file starts with %PDF-1.7 and goes on.\n", "format.md")).toEqual(
      plain("markdown"),
    );
  });
  test("an HTML error page named .pdf or .docx is HTML", () => {
    expect(format("<!DOCTYPE html><title>404</title>", "paper.pdf")).toMatchObject(mismatch("html"));
    expect(format("\n<!-- saved -->\n<html><body>", "paper.docx")).toMatchObject(mismatch("html"));
  });
  test("plain text named .pdf is text", () => {
    expect(format("Hello there", "paper.pdf")).toMatchObject(mismatch("text"));
  });
});

describe("a zip archive is what it holds", () => {
  const types = "[Content_Types].xml";
  test("a Word document, also without the right name", () => {
    expect(format(zip(types, "word/document.xml"), "x.bin")).toEqual(plain("docx"));
    expect(format(zip(types, "word/document.xml"))).toEqual(plain("docx"));
  });
  test("a Word document whose end was cut off", () => {
    expect(format(zip(types, "word/document.xml").slice(0, 90), "x.docx")).toEqual(plain("docx"));
  });
  test.each([
    [zip(types, "xl/workbook.xml"), "Excel"],
    [zip(types, "ppt/presentation.xml"), "PowerPoint"],
    [`PK\x03\x04${"\0".repeat(26)}mimetypeapplication/vnd.oasis.opendocument.text`, "OpenDocument text"],
    [`PK\x03\x04${"\0".repeat(26)}mimetypeapplication/epub+zip`, "EPUB"],
    [zip("a.txt"), "zip archive"],
  ])("anything else is refused by its name (%#)", (content, name) => {
    expect(format(content, "x.zip")).toMatchObject({
      code: "convert.unsupported_type",
      unsupported: expect.stringContaining(name),
    });
  });
});

test("old and encrypted Office files are told apart", () => {
  expect(format(ole("EncryptedPackage"), "x.docx")).toMatchObject({ code: "convert.encrypted" });
  expect(format(ole("WordDocument"), "x.doc")).toMatchObject({
    code: "convert.unsupported_type",
    unsupported: "an old Word document (.doc)",
  });
});

test.each([
  ["\x89PNG\r\n\x1a\n\0\0", "a PNG image"],
  ["\xff\xd8\xff\xe0\0", "a JPEG image"],
  ["\x7fELF\x02\x01\0\0", "a Linux executable"],
  ["MZ\x90\0\x03\0\0\0", "a Windows executable"],
  ["\x1f\x8b\x08\0", "a gzip archive"],
  ["ID3\x03\0\0\0\0\0", "an MP3 sound"],
  ["{\\rtf1\\ansi hello}", "a Rich Text document (.rtf)"],
  ["MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n", "a web archive (MHTML)"],
  ["\x01\x02\x03\0\0\0unknown", "a binary file of unknown type"],
])("binary content is refused by its name: %#", (content, unsupported) => {
  expect(format(content, "upload.md")).toEqual({ unsupported, code: "convert.unsupported_type" });
});

test("texts that start like a binary format are texts", () => {
  expect(format("BM is short for benchmark.", "a.txt")).toEqual(plain("text"));
  expect(format("MZ stands for Mark Zbikowski.", "a.md")).toEqual(plain("markdown"));
});

test("UTF-16 is no binary file, and one stray NUL makes none", () => {
  expect(sniffFormat(new Uint8Array(Buffer.from("\ufeffHello there", "utf16le")), "a.txt")).toEqual({
    format: "text",
    warnings: [],
  });
  expect(sniffFormat(new Uint8Array(Buffer.from("Hello there, no mark", "utf16le")), "a.txt")).toEqual({
    format: "text",
    warnings: [],
  });
  expect(format(`${"some words ".repeat(100)}\0`, "a.md")).toEqual(plain("markdown"));
});

test("texts go by extension, then media type, then looks", () => {
  expect(format("# Not a heading", "a.txt")).toEqual(plain("text"));
  expect(format("plain words", "a.MDX")).toEqual(plain("markdown"));
  expect(format("plain words", "README", "text/markdown; charset=utf-8")).toEqual(plain("markdown"));
  expect(format("# Title\n\n- one\n- [two](b.md)\n", "README")).toEqual(plain("markdown"));
  expect(format("Dear all,\n\n- one thing\n", "README")).toEqual(plain("text"));
  expect(format("<div>a fragment</div>", "page")).toEqual(plain("html"));
  expect(format("just words", "page.html")).toEqual(plain("html"));
  expect(format('<p align="center">logo</p>\n\n# Project\n', "README.md")).toEqual(plain("markdown"));
  expect(format("<div>{{ x }}</div>", "Widget.vue")).toEqual(plain("text"));
});

test("Confluence storage format is known by its elements", () => {
  const page = '<p>Hi</p><ac:structured-macro ac:name="info"><ac:rich-text-body/></ac:structured-macro>';
  expect(format(page, "page.xhtml")).toEqual(plain("confluence"));
  expect(format("<p>Hi</p>", "page", "application/vnd.confluence.storage+xml")).toEqual(plain("confluence"));
  expect(format("<p>Hi</p>", "page.storage.xhtml")).toEqual(plain("confluence"));
  expect(format("Use `<ac:image>` for images.", "macros.md")).toEqual(plain("markdown"));
});

test("an empty file is refused as such", () => {
  expect(format("", "a.md")).toMatchObject({ code: "convert.empty" });
});

test("the lane is guessed by name alone", () => {
  expect(["a.pdf", "B.DOCX", "c.md", "d"].map((name) => guessLane(name))).toEqual([
    "isolated",
    "isolated",
    "inline",
    "inline",
  ]);
  expect(guessLane("blob", "application/pdf")).toBe("isolated");
});
