import { describe, expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { convertDocx } from "../../src/convert/docx.ts";
import { type DocxParts, docxOf, item, level, p, r, style } from "./docx_writer.ts";

const convert = (parts: DocxParts) => convertDocx(docxOf(parts), DEFAULT_LIMITS);
const md = async (parts: DocxParts): Promise<string> => (await convert(parts)).markdown;
const styled = (id: string): string => `<w:pStyle w:val="${id}"/>`;

describe("paragraphs", () => {
  test("headings come from localized names, base styles and outline levels of styles", async () => {
    const styles = [
      style("berschrift1", "heading 1"),
      style("T2", "Überschrift 2"),
      style("Chapter", "Company Chapter", '<w:basedOn w:val="berschrift1"/>'),
      style("Out", "Own", '<w:pPr><w:outlineLvl w:val="2"/></w:pPr>'),
    ].join("");
    const body =
      p("One", styled("berschrift1")) +
      p("Two", styled("T2")) +
      p("Chap", styled("Chapter")) +
      p("Three", styled("Out")) +
      p("phone", '<w:outlineLvl w:val="0"/>');
    expect(await md({ body, styles })).toBe("# One\n\n## Two\n\n# Chap\n\n### Three\n\nphone");
  });

  test("a title at the start is the document's heading and title", async () => {
    const styles = style("Titel", "Title");
    const converted = await convert({ body: p("My Doc", styled("Titel")) + p("x"), styles });
    expect(converted.title).toBe("My Doc");
    expect(converted.markdown).toBe("# My Doc\n\nx");
  });

  test("code styles become code with every blank, monospaced runs become code spans", async () => {
    const styles = style("HTMLPreformatted", "HTML Preformatted");
    const mono = '<w:rFonts w:ascii="Courier New"/>';
    const body =
      p("if a &lt; b:", styled("HTMLPreformatted")) +
      p("    *c*  d", styled("HTMLPreformatted")) +
      p(r("Call ") + r("f(_x)", mono) + r(" now"));
    expect(await md({ body, styles })).toBe("```\nif a < b:\n    *c*  d\n```\n\nCall `f(_x)` now");
  });

  test("a body set in a monospaced font is no code", async () => {
    const styles =
      '<w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Courier New"/></w:rPr></w:rPrDefault></w:docDefaults>';
    expect(await md({ body: p(r("letter", '<w:rFonts w:ascii="Courier New"/>')), styles })).toBe("letter");
  });

  test("looks of runs survive splitting, character styles count", async () => {
    const styles = style("Strong", "Strong", "<w:rPr><w:b/></w:rPr>", "character");
    const body = p(
      r("a", "<w:b/>") +
        r("b ", '<w:rStyle w:val="Strong"/>') +
        r("c", "<w:i/>") +
        r("2", '<w:vertAlign w:val="superscript"/>') +
        r("d", "<w:strike/>"),
    );
    expect(await md({ body, styles })).toBe("**ab** *c*<sup>2</sup>~~d~~");
  });
});

describe("lists", () => {
  const numbering =
    `<w:abstractNum w:abstractNumId="0">${level(0, "decimal")}${level(1, "lowerLetter")}${level(2, "bullet")}</w:abstractNum>` +
    `<w:abstractNum w:abstractNumId="1">${level(0, "bullet", '<w:pStyle w:val="LB"/>')}</w:abstractNum>` +
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>' +
    '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>' +
    '<w:num w:numId="3"><w:abstractNumId w:val="1"/></w:num>';

  test("nest by level, go on counting after an interruption, restart by override", async () => {
    const body =
      p("a", item(1)) +
      p("b", item(1, 1)) +
      p("c", item(1, 2)) +
      p("d", item(1)) +
      p("text") +
      p("e", item(1)) +
      p("f", item(2)) +
      p("g", item(2));
    expect(await md({ body, numbering })).toBe("1. a\n   1. b\n      - c\n2. d\n\ntext\n\n3. e\n\n7) f\n8) g");
  });

  test("paragraphs indented like the item's text go on with it", async () => {
    const body = p("a", item(1)) + p("more", '<w:ind w:left="720"/>') + p("b", item(1)) + p("apart");
    expect(await md({ body, numbering })).toBe("1. a\n\n   more\n\n2. b\n\napart");
  });

  test("a style may bring the list along, and a paragraph may leave it", async () => {
    const styles = style("LB", "List Bullet", '<w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr>');
    const body = p("a", styled("LB")) + p("b", `${styled("LB")}<w:numPr><w:numId w:val="0"/></w:numPr>`);
    expect(await md({ body, numbering, styles })).toBe("- a\n\nb");
  });

  test("check boxes make tasks", async () => {
    const box = (checked: number) =>
      `<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="${checked}"/></w14:checkbox></w:sdtPr><w:sdtContent>${r("?")}</w:sdtContent></w:sdt>`;
    const body = p(box(1) + r(" done"), item(3)) + p(box(0) + r(" open"), item(3));
    expect(await md({ body, numbering })).toBe("- [x] done\n- [ ] open");
  });
});

describe("tables", () => {
  const tc = (text: string, properties = ""): string => `<w:tc><w:tcPr>${properties}</w:tcPr>${p(text)}</w:tc>`;

  test("keep the column of every cell through spans, wrappers and left-out cells", async () => {
    const body = `<w:tbl><w:tblPr><w:tblLook w:firstRow="1"/><w:tblCaption w:val="Cap"/></w:tblPr>
      <w:tr>${tc("A", '<w:gridSpan w:val="2"/>')}${tc("B", '<w:vMerge w:val="restart"/>')}</w:tr>
      <w:sdt><w:sdtContent><w:tr><w:sdt><w:sdtContent>${tc("1")}</w:sdtContent></w:sdt>${tc("2")}${tc("", "<w:vMerge/>")}</w:tr></w:sdtContent></w:sdt>
      <w:tr><w:trPr><w:gridBefore w:val="1"/></w:trPr>${tc("x")}${tc("y")}</w:tr>
      <w:tr><w:trPr><w:del/></w:trPr>${tc("gone")}</w:tr></w:tbl>`;
    expect(await md({ body })).toBe("Cap\n\n| A |  | B |\n| --- | --- | --- |\n| 1 | 2 |  |\n|  | x | y |");
  });
});

describe("links and notes", () => {
  const field = (instruction: string, content: string): string =>
    `<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>${instruction}</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>${content}<w:r><w:fldChar w:fldCharType="end"/></w:r>`;

  test("links come from relationships, fields and bookmarks", async () => {
    const styles = style("H", "heading 1");
    const body =
      p(
        `<w:hyperlink r:id="rId1" w:anchor="f">${r("rel")}</w:hyperlink>${r(" ")}${field(' HYPERLINK "https://b.c/(x)" \\o "tip" ', r("field"))}`,
      ) +
      p(`<w:fldSimple w:instr='HYPERLINK \\l "mark"'>${r("inside")}</w:fldSimple>${field(" PAGE ", r(" 7"))}`) +
      `<w:p><w:pPr>${styled("H")}</w:pPr><w:bookmarkStart w:id="1" w:name="mark"/>${r("The Section")}</w:p>`;
    const relations: DocxParts["relations"] = { rId1: ["hyperlink", "https://a.b/p"] };
    expect(await md({ body, styles, relations })).toBe(
      "[rel](https://a.b/p#f) [field](https://b.c/\\(x\\))\n\n[inside](#the-section) 7\n\n# The Section",
    );
  });

  test("a field that spans paragraphs links in both", async () => {
    const whole = field('HYPERLINK "https://x.y"', `${r("one")}</w:p><w:p>${r("two")}`);
    expect(await md({ body: `<w:p>${whole}${r(" after")}</w:p>` })).toBe(
      "[one](https://x.y)\n\n[two](https://x.y) after",
    );
  });

  test("a field that never ends hides nothing behind its paragraph", async () => {
    const body =
      p('<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>') + p("text");
    expect(await md({ body })).toBe("text");
  });

  test("footnotes and endnotes keep their texts, references to nothing vanish", async () => {
    const note = (kind: string, id: number, text: string): string => `<w:${kind} w:id="${id}">${p(text)}</w:${kind}>`;
    const body = p(
      `${r("a")}<w:r><w:footnoteReference w:id="1"/></w:r>${r("b")}<w:r><w:endnoteReference w:id="1"/><w:footnoteReference w:id="9"/></w:r>`,
    );
    const footnotes = `<w:footnote w:type="separator" w:id="0">${p("-")}</w:footnote>${note("footnote", 1, "Foot")}`;
    expect(await md({ body, footnotes, endnotes: note("endnote", 1, "End") })).toBe(
      "a[^1]b[^2]\n\n[^1]: Foot\n\n[^2]: End",
    );
  });
});

describe("what a reader sees", () => {
  test("insertions stay, deletions, moved-away and hidden text go, a deleted paragraph mark joins", async () => {
    const body =
      p(
        `${r("a")}<w:ins>${r("b")}</w:ins><w:del><w:r><w:delText>c</w:delText></w:r></w:del><w:moveFrom>${r("d")}</w:moveFrom><w:moveTo>${r("e")}</w:moveTo>${r("f", "<w:vanish/>")}`,
      ) +
      p("first ", "<w:rPr><w:del/></w:rPr>") +
      p("second");
    expect(await md({ body })).toBe("abe\n\nfirst second");
  });

  test("text boxes are read once, in the newer of two forms", async () => {
    const box = (text: string): string => `<w:txbxContent>${p(text)}</w:txbxContent>`;
    const body = p(
      `${r("host")}<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:anchor><a:graphic><a:graphicData><wps:wsp><wps:txbx>${box("boxed")}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>${box("boxed")}</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r>`,
    );
    expect(await md({ body })).toBe("host\n\nboxed");
  });

  test("pictures keep their text and the name of their file, external ones their address", async () => {
    const picture = (attribute: string, alt: string): string =>
      `<w:r><w:drawing><wp:inline><wp:docPr id="1" name="P" descr="${alt}"/><a:graphic><a:graphicData><a:blip ${attribute}/></a:graphicData></a:graphic></wp:inline></w:drawing></w:r>`;
    const relations: DocxParts["relations"] = {
      i1: ["image", "media/pic [1].png"],
      i2: ["image", "https://never.fetched/x.png"],
    };
    const body = p(picture('r:embed="i1"', "A * B")) + p(picture('r:link="i2"', "far"));
    expect(await md({ body, relations })).toBe("![A * B](media/pic%20[1].png)\n\n![far](https://never.fetched/x.png)");
  });

  test("formulas are written as TeX", async () => {
    const t = (text: string): string => `<m:r><m:t>${text}</m:t></m:r>`;
    const body = p(
      `<m:oMath>${t("E=")}<m:f><m:num>${t("α")}</m:num><m:den><m:sSup><m:e>${t("x")}</m:e><m:sup>${t("2")}</m:sup></m:sSup></m:den></m:f></m:oMath>`,
    );
    expect(await md({ body })).toBe("`E=\\frac{\\alpha}{x^{2}}`");
  });

  test("tabs, breaks, symbols and readings of characters are shown", async () => {
    const run = (content: string): string => `<w:r>${content}</w:r>`;
    const body =
      p(run('<w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:sym w:font="Symbol" w:char="F061"/>')) +
      p(run(`<w:ruby><w:rt>${r("kan")}</w:rt><w:rubyBase>${r("漢")}</w:rubyBase></w:ruby>`)) +
      p(run('<w:rPr><w:rFonts w:ascii="Wingdings"/></w:rPr><w:t>\uf0fc</w:t>'));
    expect(await md({ body })).toBe("a b\\\ncα\n\n漢(kan)\n\n✓");
  });

  test("embedded HTML is read", async () => {
    const files = { "word/chunk.html": "<html><body><h2>In</h2><p>side</p></body></html>" };
    const relations: DocxParts["relations"] = { c1: ["aFChunk", "chunk.html"] };
    expect(await md({ body: `${p("a")}<w:altChunk r:id="c1"/>`, relations, files })).toBe("a\n\n## In\n\nside");
  });
});

test("strict documents are read like transitional ones", async () => {
  const document =
    '<x:document xmlns:x="http://purl.oclc.org/ooxml/wordprocessingml/main"><x:body><x:p><x:pPr><x:pStyle x:val="Heading2"/></x:pPr><x:r><x:t>S</x:t></x:r></x:p></x:body></x:document>';
  expect(await md({ body: "", files: { "word/document.xml": document } })).toBe("## S");
});

test("core properties become metadata, titles that programs make up do not count", async () => {
  const core =
    "<dc:title>Microsoft Word - Doc1</dc:title><dc:creator>Jane</dc:creator><cp:keywords>a; b</cp:keywords><dcterms:created>2024-05-01T10:00:00Z</dcterms:created><dc:language>fr-CA</dc:language>";
  const converted = await convert({ body: p("x"), core });
  expect(converted.title).toBeNull();
  expect(converted.language).toBe("fr-CA");
  expect(converted.metadata).toEqual({ author: "Jane", created: "2024-05-01T10:00:00Z", tags: ["a", "b"] });
});

test("a damaged part that the text can do without gives a warning", async () => {
  const converted = await convert({ body: p("x"), files: { "word/styles.xml": "<w:styles" } });
  expect(converted.markdown).toBe("x");
  expect(converted.warnings).toEqual([expect.objectContaining({ code: "part_damaged" })]);
});

describe("bad files", () => {
  const refused = (bytes: Uint8Array, limits = {}) =>
    convertDocx(bytes, { ...DEFAULT_LIMITS, ...limits }).then(
      () => "converted",
      (error) => error.code,
    );
  const small = { body: p("x") };
  const ole = (stream: string): Uint8Array =>
    Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600), Buffer.from(stream, "utf16le")]);

  test.each([
    ["nothing at all", new Uint8Array(), "convert.empty"],
    ["no container", Buffer.from("<html>"), "convert.malformed"],
    ["a password", ole("EncryptedPackage"), "convert.encrypted"],
    ["the old format", ole("WordDocument"), "convert.unsupported_type"],
    ["encrypted entries", docxOf(small, { encrypted: true }), "convert.encrypted"],
    ["a cut container", docxOf(small).subarray(0, 300), "convert.malformed"],
    ["broken XML", docxOf({ body: "<w:p><w:r>" }), "convert.malformed"],
    [
      "entities",
      docxOf({ body: "", files: { "word/document.xml": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>' } }),
      "convert.malformed",
    ],
    ["another kind of document", docxOf({ body: "", files: { "word/document.xml": "<a/>" } }), "convert.malformed"],
  ])("%s is refused with its code", async (_name, bytes, code) => {
    expect(await refused(bytes)).toBe(code);
  });

  test("what inflates beyond the limit is refused whatever its header says", async () => {
    const bytes = docxOf({ body: p("a".repeat(3_000_000)) }, { declaredSize: 10 });
    expect(await refused(bytes, { inflatedBytesMax: 1_000_000 })).toBe("convert.too_large");
    expect(await refused(bytes)).toBe("converted");
  });

  test("too many entries, too deep nesting and too much Markdown are refused", async () => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`x/${index}`, ""]));
    expect(await refused(docxOf({ ...small, files }), { archiveEntriesMax: 20 })).toBe("convert.too_large");
    const nested = `${"<w:tbl><w:tr><w:tc>".repeat(1000)}${p("x")}${"</w:tc></w:tr></w:tbl>".repeat(1000)}`;
    expect(await refused(docxOf({ body: nested }))).toBe("convert.too_large");
    expect(await refused(docxOf({ body: p("abcdef") }), { markdownCharsMax: 5 })).toBe("convert.too_large");
  });
});
