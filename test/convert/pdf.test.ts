import { describe, expect, test } from "bun:test";
import { type ConvertLimits, DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { convertPdf } from "../../src/convert/pdf.ts";
import { type FontName, Page, type PdfOptions, writePdf } from "./pdf/write_pdf.ts";

const PROSE = [
  "Sediment settles slowly in the lower basin and is carried",
  "away by the spring flood, which reaches the weir in April.",
  "The keepers write down its height each morning, and their",
  "books go back to the first years of the mill by the river.",
];

async function markdownOf(
  pages: readonly Page[],
  options: PdfOptions = {},
  limits: Partial<ConvertLimits> = {},
): Promise<string> {
  return (await convertPdf(writePdf(pages, options), { ...DEFAULT_LIMITS, ...limits })).markdown;
}

/** The code of the error with which a conversion is refused. */
async function refusal(bytes: Uint8Array, limits: Partial<ConvertLimits> = {}): Promise<unknown> {
  return await convertPdf(bytes, { ...DEFAULT_LIMITS, ...limits }).then(
    () => "converted",
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

describe("reading order", () => {
  const left = [
    "Rivers carry more than water to the",
    "sea: they carry the memory of every",
    "storm that fell on their valley, and",
    "of every field that was ploughed in",
  ];
  const right = [
    "spring. What the plough loosens, the",
    "rain takes, and what the rain takes",
    "is laid down again where the current",
    "grows tired, in the wide lower bends.",
  ];

  test("two columns are read one after the other and their sentence is joined", async () => {
    const page = new Page().text(60, 60, "Of rivers", { size: 20 }).lines(60, 100, left).lines(320, 100, right);
    const markdown = await markdownOf([page]);
    expect(markdown).toBe(`# Of rivers\n\n${[...left, ...right].join(" ")}\n`);
  });

  test("text that is painted in another order than it stands is read as it stands", async () => {
    const page = new Page();
    for (const [index, line] of [...PROSE.entries()].reverse()) page.text(60, 100 + index * 12, line);
    expect(await markdownOf([page])).toBe(`${PROSE.join(" ")}\n`);
  });

  test("a page that is shown turned is read upright", async () => {
    const page = new Page().lines(60, 100, PROSE);
    page.rotate = 90;
    expect(await markdownOf([page])).toBe(`${PROSE.join(" ")}\n`);
  });

  test("a sentence goes on over a page break", async () => {
    const first = new Page().lines(60, 740, PROSE.slice(0, 2));
    const second = new Page().lines(60, 60, ["and the keepers of the mill go on writing in their books."]);
    first.text(60, 764, "The water then stands as high as the door of the old mill");
    expect(await markdownOf([first, second])).toContain("old mill and the keepers");
  });
});

describe("structure", () => {
  test("sizes and weights make headings of different levels", async () => {
    const page = new Page()
      .text(60, 60, "Annual report", { size: 24 })
      .text(60, 110, "The weir", { size: 16 })
      .lines(60, 140, PROSE)
      .text(60, 210, "Repairs", { font: "Helvetica-Bold" })
      .lines(60, 230, PROSE)
      .text(60, 300, "The mill", { size: 16 })
      .lines(60, 330, PROSE);
    const headings = (await markdownOf([page])).match(/^#+ .*$/gm);
    expect(headings).toEqual(["# Annual report", "## The weir", "### Repairs", "## The mill"]);
  });

  test("bullets and numbers make lists, nested by their indent", async () => {
    const page = new Page()
      .lines(60, 60, PROSE)
      .text(60, 130, "\u2022 Gauge at the weir".replace("\u2022", "\x95"))
      .text(80, 145, "- read in the morning")
      .text(60, 160, "\x95 Gauge at the mill")
      .text(60, 200, "1. Open the sluice")
      .text(60, 215, "2. Wait for an hour");
    const markdown = await markdownOf([page]);
    expect(markdown).toContain("- Gauge at the weir\n  - read in the morning\n- Gauge at the mill");
    expect(markdown).toContain("1. Open the sluice\n2. Wait for an hour");
  });

  test("lines in a font of fixed width become code with their indents", async () => {
    const page = new Page()
      .lines(60, 60, PROSE)
      .text(60, 130, "if level > 3:", { font: "Courier" })
      .text(84, 142, "open(gate)", { font: "Courier" });
    expect(await markdownOf([page])).toContain("```\nif level > 3:\n    open(gate)\n```");
  });

  test("what looks like Markdown is shown as it is", async () => {
    const page = new Page().lines(60, 60, PROSE).text(60, 140, "# of gates *and* [locks](x)");
    expect(await markdownOf([page])).toContain("\\# of gates \\*and\\* [locks\\](x)");
  });

  test("links are kept, the others of their line are not touched", async () => {
    const page = new Page().text(60, 60, "See the gauge for today").link(94, 50, 30, 14, "https://gauge.example/");
    expect(await markdownOf([page])).toBe("See the [gauge](https://gauge.example/) for today\n");
  });
});

describe("tables", () => {
  const rows = [
    ["Station", "Level", "Trend"],
    ["Upper weir", "3.20", "rising"],
    ["Old mill", "2.75", "steady"],
    ["Harbour", "1.10", "falling"],
  ];
  const expected =
    "| Station | Level | Trend |\n| --- | --- | --- |\n| Upper weir | 3.20 | rising |\n| Old mill | 2.75 | steady |\n| Harbour | 1.10 | falling |";

  function cells(page: Page, font?: FontName): Page {
    for (const [row, texts] of rows.entries()) {
      for (const [column, text] of texts.entries())
        page.text(64 + column * 120, 200 + row * 20, text, font ? { font } : {});
    }
    return page;
  }

  test("ruling lines make a table", async () => {
    const page = cells(new Page().lines(60, 60, PROSE));
    for (let row = 0; row <= 4; row++) page.line(60, 186 + row * 20, 420, 186 + row * 20);
    for (let column = 0; column <= 3; column++) page.line(60 + column * 120, 186, 60 + column * 120, 266);
    expect(await markdownOf([page])).toContain(expected);
  });

  test("aligned columns make a table without lines", async () => {
    expect(await markdownOf([cells(new Page().lines(60, 60, PROSE))])).toContain(expected);
  });

  test("the lines of a formula are no table", async () => {
    const page = new Page()
      .lines(60, 60, PROSE)
      .text(100, 150, "a")
      .text(140, 150, "b")
      .text(100, 158, "=")
      .text(140, 158, "+")
      .text(100, 166, "c")
      .text(140, 166, "d");
    expect(await markdownOf([page])).not.toContain("|");
  });

  test("lists side by side are read one after the other", async () => {
    const page = new Page();
    for (const [row, [left, right]] of [
      ["Gauge", "Boat"],
      ["Rope", "Lamp"],
      ["Chain", "Horn"],
    ].entries()) {
      page.text(60, 100 + row * 14, `\x95 ${left}`).text(260, 100 + row * 14, `\x95 ${right}`);
    }
    expect(await markdownOf([page])).toBe("- Gauge\n- Rope\n- Chain\n- Boat\n- Lamp\n- Horn\n");
  });

  test("a table of contents keeps titles and page numbers apart", async () => {
    const titles = ["The weir", "The mill by the river", "The harbour"];
    const page = new Page();
    for (const [row, title] of titles.entries())
      page.text(60, 100 + row * 14, `${title} ${". ".repeat(30 - title.length)} ${row * 7 + 3}`);
    expect(await markdownOf([page])).toContain(
      "| The weir | 3 |\n| The mill by the river | 10 |\n| The harbour | 17 |",
    );
  });

  test("a cell that covers two columns leaves the second empty", async () => {
    const page = new Page()
      .text(64, 100, "Measured in April")
      .text(304, 100, "By")
      .text(64, 120, "3.20")
      .text(184, 120, "2.75")
      .text(304, 120, "Jo");
    for (const y of [86, 106, 126]) page.line(60, y, 420, y);
    for (const x of [60, 300, 420]) page.line(x, 86, x, 126);
    page.line(180, 106, 180, 126);
    expect(await markdownOf([page])).toBe("| Measured in April |  | By |\n| --- | --- | --- |\n| 3.20 | 2.75 | Jo |\n");
  });

  test("a frame around text is no table", async () => {
    const page = new Page()
      .lines(70, 100, PROSE)
      .line(60, 80, 500, 80)
      .line(60, 160, 500, 160)
      .line(60, 80, 60, 160)
      .line(500, 80, 500, 160);
    expect(await markdownOf([page])).toBe(`${PROSE.join(" ")}\n`);
  });
});

describe("text", () => {
  test("hyphens of line breaks go, those of compounds stay", async () => {
    const page = new Page().lines(60, 60, [
      "The measurement of the level-headed keeper was a meas-",
      "urement of the water, and every other such level-",
      "headed note was kept as well by those who came later.",
    ]);
    expect(await markdownOf([page])).toBe(
      "The measurement of the level-headed keeper was a measurement of the water, and every other such level-headed note was kept as well by those who came later.\n",
    );
  });

  test("running headers and page numbers go, once the first has told its text", async () => {
    const pages = [1, 2, 3, 4].map((number) =>
      new Page()
        .text(60, 30, "Keepers of the weir", { size: 8 })
        .lines(60, 100 + number * 7, PROSE)
        .text(290, 820, `${number + 6}`, { size: 8 }),
    );
    const markdown = await markdownOf(pages);
    expect(markdown.match(/Keepers of the weir/g)).toHaveLength(1);
    expect(markdown).not.toMatch(/^\d+$/m);
    expect(markdown.match(/Sediment/g)).toHaveLength(4);
  });

  test("the invisible text of a scan is read", async () => {
    expect(await markdownOf([new Page().text(60, 60, "Read by a machine", { mode: 3 })])).toBe("Read by a machine\n");
  });

  test("bold made by printing twice is read once", async () => {
    const page = new Page().text(60, 60, "Danger").text(60.4, 60, "Danger");
    expect(await markdownOf([page])).toBe("Danger\n");
  });

  test("the value of a field without an appearance is read", async () => {
    expect(await markdownOf([new Page().text(60, 60, "Name:").field(100, 50, 120, 14, "name", "Ada Weir")])).toContain(
      "Ada Weir",
    );
  });
});

describe("limits and damage", () => {
  const page = () => new Page().lines(60, 60, PROSE);

  test("a file that needs a password is refused, one that opens without is read", async () => {
    expect(await refusal(writePdf([page()], { encrypt: { user: "secret", owner: "owner" } }))).toBe(
      "convert.encrypted",
    );
    expect(await markdownOf([page()], { encrypt: { user: "", owner: "owner" } })).toBe(`${PROSE.join(" ")}\n`);
  });

  test("what is no PDF, and what is left of one, is refused as malformed", async () => {
    expect(await refusal(new TextEncoder().encode("<html><body>Please log in</body></html>"))).toBe(
      "convert.malformed",
    );
    expect(await refusal(new TextEncoder().encode("%PDF-1.4\nnothing else"))).toBe("convert.malformed");
    expect(await refusal(new Uint8Array())).toBe("convert.empty");
  });

  test("wrong offsets are repaired", async () => {
    const bytes = Buffer.concat([Buffer.from("junk that a mail gateway put here\n"), Buffer.from(writePdf([page()]))]);
    const { markdown } = await convertPdf(new Uint8Array(bytes), DEFAULT_LIMITS);
    expect(markdown).toBe(`${PROSE.join(" ")}\n`);
  });

  test("too many pages and too much text are refused", async () => {
    expect(await refusal(writePdf([page(), page(), page()]), { pagesMax: 2 })).toBe("convert.too_large");
    expect(await refusal(writePdf([page()]), { markdownCharsMax: 100 })).toBe("convert.too_large");
  });

  test("a stream that inflates too far is refused before it is read", async () => {
    const bomb = new Page();
    bomb.content = "q Q\n".repeat(2_000_000);
    expect(await refusal(writePdf([bomb], { compress: true }), { inflatedBytesMax: 1_000_000 })).toBe(
      "convert.too_large",
    );
  });

  test("pages without text are named in a warning and nothing fails", async () => {
    const { markdown, warnings } = await convertPdf(writePdf([new Page(), page(), new Page()]), DEFAULT_LIMITS);
    expect(markdown).toBe(`${PROSE.join(" ")}\n`);
    expect(warnings).toEqual([
      { code: "page_without_text", message: "Pages 1, 3: no text, perhaps scanned.", count: 2 },
    ]);
  });
});

describe("metadata", () => {
  test("title, author, dates and pages are read", async () => {
    const info = { Title: "Keepers of the weir", Author: "Ada Weir", CreationDate: "D:20240229081500+01'00'" };
    const converted = await convertPdf(writePdf([new Page().text(60, 60, "Text")], { info }), DEFAULT_LIMITS);
    expect(converted.title).toBe("Keepers of the weir");
    expect(converted.metadata).toEqual({ pages: 1, author: "Ada Weir", created: "2024-02-29T08:15:00+01:00" });
  });

  test("a title that a program made up gives way to the heading", async () => {
    const page = new Page().text(60, 60, "Of rivers", { size: 20 }).lines(60, 100, PROSE);
    const converted = await convertPdf(
      writePdf([page], { info: { Title: "Microsoft Word - rivers_final.doc" } }),
      DEFAULT_LIMITS,
    );
    expect(converted.title).toBe("Of rivers");
  });
});
