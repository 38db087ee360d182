import { expect, test } from "bun:test";
import { convertDocument } from "../../src/convert/convert.ts";
import { DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { plainText, titleFromName } from "../../src/convert/title.ts";
import { PermanentError } from "../../src/errors.ts";

const convert = (text: string, name: string, more = {}) =>
  convertDocument({ bytes: new TextEncoder().encode(text), name, ...more });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as PermanentError,
  );

test("Markdown keeps every byte of its code and its structure", async () => {
  const text =
    "# Title\n\n```js\nlet a;  \n\n\n\nlet b;\t\n```\n\n1. one\n   - [ ] task  \n     more\n\n| a | b |\n| - | - |\n| 1 | `x\\|y` |\n\n<details>x</details>\n";
  const { markdown, title, format } = await convert(text, "a.md");
  expect({ markdown, title, format }).toEqual({ markdown: text, title: "Title", format: "markdown" });
});

test("a title comes from front matter, then the first heading, then the file name", async () => {
  expect((await convert("---\ntitle: Front\n---\n# Head\n", "a.md")).title).toBe("Front");
  expect((await convert("```\n# code\n```\n\n## *Head* of [it](x.md) `now` #\n", "a.md")).title).toBe("Head of it now");
  expect((await convert("Head\n===\n", "a.md")).title).toBe("Head");
  expect((await convert("words\n", "docs/release-notes_2024-05.md")).title).toBe("release notes 2024-05");
});

test("titles are plain text", () => {
  expect(plainText("**Bold** _it_ snake_case \\* &amp; <b>x</b> ![logo](a.png) {#id}")).toBe(
    "Bold it snake_case * & x logo",
  );
  expect(titleFromName("/a/Q3%20Report.final.PDF")).toBe("Q3 Report.final");
  expect(titleFromName(".env")).toBe(".env");
});

test("what cannot be read is refused by its name", async () => {
  const error = await failure(convertDocument({ bytes: new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 0]), name: "a.md" }));
  expect(error).toBeInstanceOf(PermanentError);
  expect(error).toMatchObject({ code: "convert.unsupported_type", message: "a.md is a PNG image" });
  expect(await failure(convert("", "a.md"))).toMatchObject({ code: "convert.empty" });
});

test("more Markdown than allowed is refused", async () => {
  const error = await failure(
    convert("word ".repeat(100), "a.md", { limits: { ...DEFAULT_LIMITS, markdownCharsMax: 100 } }),
  );
  expect(error).toMatchObject({ code: "convert.too_large", details: { limit: "markdownCharsMax" } });
});

test("a given format goes before recognition", async () => {
  expect((await convert("# x", "a.txt", { format: "markdown" })).markdown).toBe("# x\n");
  expect((await convert("# x", "a.txt")).markdown).toBe("\\# x\n");
});

test("the same bytes give the same output", async () => {
  const text = "---\ntags: [b, a]\n---\nGrüße  \n<script>x</script>\n";
  expect(await convert(text, "a.md")).toEqual(await convert(text, "a.md"));
});
