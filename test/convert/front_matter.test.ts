import { expect, test } from "bun:test";
import { splitFrontMatter } from "../../src/convert/front_matter.ts";
import { isoDate } from "../../src/convert/iso_date.ts";

test("YAML front matter becomes title, language and metadata", () => {
  const text =
    '---\ntitle: "Getting: started"\nlang: de\ntags: a, b\nauthor:\n  name: Ann\ndraft: false\ndate: 2024-05-01\nms.date: 06/10/2021\n---\n\n# Body\n';
  expect(splitFrontMatter(text)).toEqual({
    body: "# Body\n",
    title: "Getting: started",
    language: "de",
    metadata: { tags: ["a", "b"], author: { name: "Ann" }, draft: false, date: "2024-05-01", "ms.date": "2021-06-10" },
    warnings: [],
  });
});

test("TOML front matter too", () => {
  expect(splitFrontMatter('+++\ntitle = "T"\ntags = ["x"]\ndate = 2024-05-01T10:00:00Z\n+++\nBody')).toMatchObject({
    body: "Body",
    title: "T",
    metadata: { tags: ["x"], date: "2024-05-01T10:00:00Z" },
  });
});

test("a thematic break is no front matter", () => {
  for (const text of [
    "---\n\nSome words.\n\n---\n\nMore.\n",
    "---\nno end",
    "--- \n- a\n- b\n---\n",
    "# x\n---\ntitle: y\n---\n",
  ]) {
    expect(splitFrontMatter(text)).toMatchObject({ body: text, title: null, metadata: {}, warnings: [] });
  }
});

test("invalid front matter is kept as text, with a warning and what its lines say", () => {
  const found = splitFrontMatter("---\ntitle: Sluice: a story\nby: {{ me }}: x\n---\nBody\n");
  expect(found.title).toBe("Sluice: a story");
  expect(found.body).toBe("````yaml\ntitle: Sluice: a story\nby: {{ me }}: x\n````\n\nBody\n");
  expect(found.warnings).toMatchObject([{ code: "front_matter_invalid" }]);
});

test("empty front matter is just taken off", () => {
  expect(splitFrontMatter("---\n---\nBody\n")).toMatchObject({ body: "Body\n", metadata: {} });
  expect(splitFrontMatter("---\n# only a comment\n---\nBody\n").body).toBe("Body\n");
});

test("hostile front matter stays within bounds", () => {
  let bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (let level = 1; level < 9; level++) bomb += `a${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]\n`;
  for (const source of [
    bomb,
    "a: &x\n  b: *x\n",
    `a: ${"[".repeat(30_000)}`,
    `list: [${"1,".repeat(20_000)}]`,
    "__proto__: {polluted: 1}\nok: 1\n",
  ]) {
    const started = performance.now();
    const { metadata } = splitFrontMatter(`---\n${source}\n---\nBody\n`);
    expect(JSON.stringify(metadata).length).toBeLessThan(20_000);
    expect(performance.now() - started).toBeLessThan(1500);
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(splitFrontMatter(`---\ntitle: x\n${"k: v\n".repeat(20_000)}---\nBody\n`).title).toBeNull();
});

test("dates become ISO 8601 only where they are unambiguous", () => {
  expect(
    ["2024-5-1", "2024/05/01 9:30", "2024-05-01 09:30:00 +0200", "May 1, 2024", "1 May 2024"].map((text) =>
      isoDate(text),
    ),
  ).toEqual(["2024-05-01", "2024-05-01T09:30:00", "2024-05-01T09:30:00+02:00", "2024-05-01", "2024-05-01"]);
  expect(["05/01/2024", "2024-02-30", "soon", "12:30"].map((text) => isoDate(text))).toEqual([null, null, null, null]);
});
