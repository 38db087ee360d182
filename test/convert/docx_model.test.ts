/** What we hand mammoth is what its own reader would have made: this fails when a release of mammoth changes its model. */
import { expect, test } from "bun:test";
import mammoth from "mammoth";
import { runMammoth } from "../../src/convert/docx/mammoth_run.ts";
import {
  type Block,
  bookmark,
  hyperlink,
  LINE_BREAK,
  type Look,
  note,
  noteReference,
  PLAIN,
  paragraphOf,
  type RunContent,
  runOf,
  TAB,
  tableCell,
  tableOf,
  tableRow,
  textOfRun,
} from "../../src/convert/docx/model.ts";
import { docxOf, p, r, style } from "./docx_writer.ts";

function run(content: string | RunContent, look: Partial<Look> = {}): ReturnType<typeof runOf> {
  const made = runOf({ ...PLAIN, ...look });
  made.children.push(typeof content === "string" ? textOfRun(content) : content);
  return made;
}

const cell = (text: string, span = 1) => tableCell([paragraphOf([run(text)])], span);

function model(): Block[] {
  const [address, place] = [hyperlink({ url: "https://a.example/x y" }), hyperlink({ anchor: "there" })];
  address.children.push(run("out"));
  place.children.push(run("in"));
  const long = cell("long");
  long.rowSpan = 2;
  return [
    paragraphOf([run("Top")], "H1"),
    paragraphOf([run("b", { bold: true }), run("i", { italic: true }), run("s", { strike: true })]),
    paragraphOf([run("2", { position: "subscript" }), run("3", { position: "superscript" }), run("c", { code: true })]),
    paragraphOf([run(TAB), run(LINE_BREAK), bookmark("there"), run("one\ntwo")]),
    paragraphOf([address, place, run(noteReference("footnote", "1"))]),
    tableOf([tableRow([cell("h", 2)], true), tableRow([long, cell("x")], false), tableRow([cell("y")], false)]),
  ];
}

const tc = (content: string, properties = ""): string => `<w:tc><w:tcPr>${properties}</w:tcPr>${p(content)}</w:tc>`;
const plain = (content: string): string => `<w:p>${content}</w:p>`;

const WRITTEN = docxOf({
  styles: style("H1", "H1") + style("Code", "Code", "", "character"),
  footnotes: `<w:footnote w:id="1">${p("note")}</w:footnote>`,
  relations: { away: ["hyperlink", "https://a.example/x y"] },
  body: [
    p("Top", '<w:pStyle w:val="H1"/>'),
    plain(r("b", "<w:b/>") + r("i", "<w:i/>") + r("s", "<w:strike/>")),
    plain(
      r("2", '<w:vertAlign w:val="subscript"/>') +
        r("3", '<w:vertAlign w:val="superscript"/>') +
        r("c", '<w:rStyle w:val="Code"/>'),
    ),
    plain(`<w:r><w:tab/></w:r><w:r><w:br/></w:r><w:bookmarkStart w:name="there"/>${r("one\r\ntwo")}`),
    plain(
      `<w:hyperlink r:id="away">${r("out")}</w:hyperlink><w:hyperlink w:anchor="there">${r("in")}</w:hyperlink><w:r><w:footnoteReference w:id="1"/></w:r>`,
    ),
    `<w:tbl><w:tr><w:trPr><w:tblHeader/></w:trPr>${tc("h", '<w:gridSpan w:val="2"/>')}</w:tr>`,
    `<w:tr>${tc("long", '<w:vMerge w:val="restart"/>')}${tc("x")}</w:tr><w:tr>${tc("", "<w:vMerge/>")}${tc("y")}</w:tr></w:tbl>`,
  ].join(""),
});

interface ReadByMammoth {
  children: unknown[];
  notes: { resolve(reference: unknown): unknown };
}

test("mammoth's reader makes the same model of the same document", async () => {
  let read: ReadByMammoth | undefined;
  await mammoth.convertToHtml(
    { buffer: Buffer.from(WRITTEN) },
    {
      transformDocument: (document: ReadByMammoth) => {
        read = document;
        return document;
      },
    },
  );
  expect(read!.children).toStrictEqual(model());
  expect(read!.notes.resolve(noteReference("footnote", "1"))).toStrictEqual(
    note("footnote", "1", [paragraphOf([run("note")])]),
  );
});

test("mammoth converts the model, and says what symbols show", async () => {
  const symbol = (char: string) => ({ font: "Wingdings", char, text: textOfRun("") });
  const [known, unknown] = [symbol("F0FC"), symbol("FFFF")];
  const { html, messages } = await runMammoth({
    blocks: [...model(), paragraphOf([run(known.text), run(unknown.text)])],
    notes: [note("footnote", "1", [paragraphOf([run("note")])])],
    symbols: [known, symbol("F0FC"), unknown],
    styles: new Set(["H1", "Code"]),
  });
  for (const part of [
    "<h1>Top</h1><p><strong>b</strong><em>i</em><s>s</s></p><p><sub>2</sub><sup>3</sup><code>c</code></p>",
    '<p><a href="https://a.example/x y">out</a><a href="#there">in</a><sup><a href="#footnote-1"',
    '<table><thead><tr><th colspan="2"><p>h</p></th></tr></thead><tbody><tr><td rowspan="2">',
    "<p>✓</p>",
    '<li id="footnote-1"><p>note <a href="#footnote-ref-1">↑</a></p></li>',
  ])
    expect(html).toContain(part);
  expect(messages).toHaveLength(1);
  expect(messages[0]).toContain("FFFF");
});
