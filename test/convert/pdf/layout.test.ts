import { describe, expect, test } from "bun:test";
import { withAccents } from "../../../src/convert/pdf/accents.ts";
import { logicalOrder } from "../../../src/convert/pdf/bidi.ts";
import { regionsOf } from "../../../src/convert/pdf/columns.ts";
import { gridsOf } from "../../../src/convert/pdf/grid.ts";
import { seam } from "../../../src/convert/pdf/join.ts";
import { markerOf } from "../../../src/convert/pdf/markers.ts";
import { isoDate, plausibleTitle } from "../../../src/convert/pdf/metadata.ts";
import type { FontStyle, Glyph } from "../../../src/convert/pdf/page_content.ts";
import { chunksOf, textOf } from "../../../src/convert/pdf/rows.ts";
import { headingTags } from "../../../src/convert/pdf/tags.ts";
import { upright, wordsOf } from "../../../src/convert/pdf/words.ts";

const FONT: FontStyle = { name: "Test", bold: false, italic: false, mono: false, dingbats: false };

/** Glyphs of a text at 10 points, each 5 wide, from x on the baseline y. */
function glyphs(text: string, x: number, y: number, change: Partial<Glyph> = {}): Glyph[] {
  return [...text].map((character, index) => ({
    text: character,
    x: x + index * 5,
    y,
    width: 5,
    size: 10,
    font: FONT,
    quadrant: 0 as const,
    mark: -1,
    artifact: false,
    ...change,
  }));
}

const chunks = (...lines: [string, number, number][]) =>
  chunksOf(wordsOf(lines.flatMap(([text, x, y]) => glyphs(text, x, y))));
const texts = (region: ReturnType<typeof chunks>) => region.map((chunk) => textOf(chunk.words));

describe("words and rows", () => {
  test("letters that were painted one by one and out of order make one word", () => {
    const [a, b, c, d] = glyphs("weir", 50, 100);
    const [chunk] = chunksOf(wordsOf([c!, d!, a!, b!]));
    expect(textOf(chunk!.words)).toBe("weir");
  });

  test("letter-spaced text keeps its words together", () => {
    const spaced = [..."OLD"].map((letter, index) => glyphs(letter, 50 + index * 7, 100)[0]!);
    const second = [..."MILL"].map((letter, index) => glyphs(letter, 74 + index * 7, 100)[0]!);
    const [chunk] = chunksOf(wordsOf([...spaced, ...second]));
    expect(textOf(chunk!.words)).toBe("OLD MILL");
  });

  test("a superscript belongs to its row and to its word", () => {
    const [chunk] = chunksOf(wordsOf([...glyphs("area", 50, 100), ...glyphs("2", 70, 96, { size: 7, width: 3.5 })]));
    expect(textOf(chunk!.words)).toBe("area2");
  });

  test("Chinese and Japanese characters are not parted by loose setting", () => {
    const apart = [..."水位計"].map((character, index) => glyphs(character, 50 + index * 12, 100, { width: 10 })[0]!);
    expect(textOf(chunksOf(wordsOf(apart)).flatMap((chunk) => chunk.words))).toBe("水位計");
  });

  test("text that runs upwards is turned upright", () => {
    const rising = [..."weir"].map((text, index) => ({
      ...glyphs(text, 40, 300 - index * 5)[0]!,
      quadrant: 3 as const,
    }));
    expect(textOf(chunksOf(wordsOf(upright(rising, 3, 595, 842)))[0]!.words)).toBe("weir");
  });

  test("accents that are printed over letters join them", () => {
    const umlaut = [
      ...glyphs("M", 50, 100),
      ...glyphs("\u00a8", 55, 100),
      ...glyphs("o", 55, 100),
      ...glyphs("we", 60, 100),
    ];
    expect(
      withAccents(umlaut)
        .map((glyph) => glyph.text)
        .join(""),
    ).toBe("Möwe");
  });
});

describe("right-to-left text", () => {
  const shown = (text: string) => [...text].reverse();

  test("comes in the order of reading, numbers and Latin words as they are", () => {
    expect(logicalOrder([..."2024 ", ...shown("שלום")], true).join("")).toBe("שלום 2024");
    expect(logicalOrder([...shown("מים"), " ", ..."weir", " ", ...shown("ראשון")], true).join("")).toBe(
      "ראשון weir מים",
    );
  });

  test("a Hebrew word in an English line is turned alone", () => {
    expect(logicalOrder([..."the ", ...shown("שלום"), ..." gate"], false).join("")).toBe("the שלום gate");
  });
});

describe("columns", () => {
  const left = [
    "the river rises in the north and",
    "falls to the sea through seven",
    "weirs that the keepers hold open",
    "from the first thaw to the harvest",
  ];
  const right = [
    "in the dry months they are shut",
    "and the mills stand still for as",
    "long as the reservoirs have to be",
    "filled for the gardens of the town",
  ];

  test("prose on both sides of a gutter is read side by side", () => {
    const page = chunks(
      ["a title over the whole width of the page that crosses the gutter", 50, 60],
      ...left.map((text, index): [string, number, number] => [text, 50, 100 + index * 12]),
      ...right.map((text, index): [string, number, number] => [text, 250, 100 + index * 12]),
    );
    expect(regionsOf(page).map(texts)).toEqual([
      ["a title over the whole width of the page that crosses the gutter"],
      left,
      right,
    ]);
  });

  test("cells on the same baselines are not taken for columns", () => {
    const rows = ["Weir", "Mill", "Port", "Lock"].map((text, index): [string, number, number] => [
      text,
      50,
      100 + index * 12,
    ]);
    const values = ["3.20", "2.75", "1.10", "0.95"].map((text, index): [string, number, number] => [
      text,
      200,
      100 + index * 12,
    ]);
    expect(regionsOf(chunks(...rows, ...values))).toHaveLength(1);
  });
});

describe("grids", () => {
  const across = (y: number, x1 = 0, x2 = 100) => ({ x1, x2, y1: y, y2: y });
  const upright = (x: number, y1 = 0, y2 = 40) => ({ x1: x, x2: x, y1, y2 });

  test("lines that touch make cells; where one is missing, two cells are one", () => {
    const [grid] = gridsOf([across(0), across(20), across(40), upright(0), upright(50, 20, 40), upright(100)]);
    expect(grid?.xs).toEqual([0, 50, 100]);
    expect(grid?.ys).toEqual([0, 20, 40]);
    expect(grid?.owner).toEqual([0, 0, 2, 3]);
  });

  test("lines that do not touch make none", () => {
    expect(gridsOf([across(0), across(20), upright(200), upright(300)])).toEqual([]);
  });
});

describe("seams of lines", () => {
  const vocabulary = { words: new Set(["measurement", "wellbeing"]), compounds: new Set(["level-headed"]) };

  test("a hyphen goes or stays as the document writes the word elsewhere", () => {
    expect(seam("a measure-", "ment of", vocabulary)).toEqual({ cut: 1, glue: "" });
    expect(seam("a level-", "headed keeper", vocabulary)).toEqual({ cut: 0, glue: "" });
    expect(seam("the self-", "made man", vocabulary)).toEqual({ cut: 0, glue: "" });
    expect(seam("Anglo-", "Saxon", vocabulary)).toEqual({ cut: 0, glue: "" });
    expect(seam("soft\u00ad", "ened", vocabulary)).toEqual({ cut: 1, glue: "" });
  });

  test("lines are joined by a blank, but not in Chinese", () => {
    expect(seam("the weir", "is open", vocabulary).glue).toBe(" ");
    expect(seam("水位", "計測", vocabulary).glue).toBe("");
  });
});

describe("markers", () => {
  test("bullets and numbers are told from words and figures", () => {
    expect(markerOf("• gauge")).toMatchObject({ ordered: false, length: 2 });
    expect(markerOf("\uf0b7 gauge")).toMatchObject({ ordered: false });
    expect(markerOf("12. gauge")).toMatchObject({ ordered: true, number: 12 });
    expect(markerOf("(iv) gauge")).toMatchObject({ ordered: true, number: 4 });
    expect(markerOf("b) gauge")).toMatchObject({ ordered: true, number: 2 });
    for (const text of ["-5 degrees", "3.20 metres", "1984", "open gate", "A. Weir wrote"]) {
      expect([text, markerOf(text)]).toEqual([text, undefined]);
    }
  });
});

describe("metadata", () => {
  test("dates are ISO 8601 as exact as they were stated, or nothing", () => {
    expect(isoDate("D:20240229081500+01'00'")).toBe("2024-02-29T08:15:00+01:00");
    expect(isoDate("D:20240229081500Z")).toBe("2024-02-29T08:15:00Z");
    expect(isoDate("D:2024")).toBe("2024-01-01");
    expect(isoDate("yesterday")).toBeNull();
    expect(isoDate("D:20241399")).toBeNull();
  });

  test("titles that programs fill in are none", () => {
    for (const title of [
      "Microsoft Word - a.doc",
      "untitled",
      "report_final.indd",
      "Book1",
      "?",
      "PowerPoint Presentation",
    ]) {
      expect([title, plausibleTitle(title)]).toEqual([title, false]);
    }
    expect(plausibleTitle("Keepers of the weir")).toBe(true);
  });
});

test("tagged headings are found however deep their contents are nested", () => {
  const content = (id: number) => ({ type: "content", id: `p7R_mc${id}` });
  const tree = {
    children: [
      {
        role: "Sect",
        children: [
          { role: "H2", children: [{ role: "Span", children: [content(3)] }] },
          { role: "P", children: [content(4)] },
        ],
      },
    ],
  };
  expect([...headingTags(tree)]).toEqual([[3, 2]]);
});
