import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { convertHtml, convertHtmlText } from "../../src/convert/html.ts";

const PAGE = `<!doctype html><html lang="de_AT"><head><title> The
 title </title><meta name="author" content="Jane"><meta name="keywords" content="a, b; c">
<meta property="article:published_time" content="2024-05-01T10:00:00Z"><base href="https://ex.org/docs/"></head>
<body><nav><a href="/">Home</a></nav><h1>Heading</h1><p>Text <a href="page.html">link</a></p></body></html>`;

test("a page gives its content whole and says what its head says", () => {
  const page = convertHtmlText(PAGE, DEFAULT_LIMITS);
  expect(page.markdown).toBe("[Home](https://ex.org/)\n\n# Heading\n\nText [link](https://ex.org/docs/page.html)");
  expect(page.title).toBe("The title");
  expect(page.language).toBe("de-AT");
  expect(page.metadata).toEqual({ author: "Jane", tags: ["a", "b", "c"], created: "2024-05-01T10:00:00Z" });
});

test("without a title the first heading is one", () => {
  expect(convertHtmlText("<p>a</p><h2>Found <i>it</i></h2>", DEFAULT_LIMITS).title).toBe("Found it");
});

test("bytes are read in the charset that the page declares", async () => {
  const bytes = Buffer.from('<meta charset="windows-1252"><p>caf\xe9</p>', "latin1");
  const page = await convertHtml(bytes, DEFAULT_LIMITS);
  expect(page.markdown).toBe("café");
  expect(page.metadata.charset).toBe("windows-1252");
});

test("an empty file and an endless page are refused", async () => {
  await expect(convertHtml(new Uint8Array(), DEFAULT_LIMITS)).rejects.toMatchObject({ code: "convert.empty" });
  await expect(
    convertHtml(Buffer.from(`<p>${"a".repeat(100)}`), { ...DEFAULT_LIMITS, markdownCharsMax: 99 }),
  ).rejects.toMatchObject({
    code: "convert.too_large",
  });
});
