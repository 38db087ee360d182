import { describe, expect, test } from "bun:test";
import MarkdownIt from "markdown-it";
import { normaliseMarkdown } from "../../src/markdown/normalise.ts";

const normal = (markdown: string) => normaliseMarkdown(markdown).markdown;
const codes = (markdown: string) => normaliseMarkdown(markdown).warnings.map(({ code, count }) => `${code} ${count}`);

describe("characters", () => {
  test("are composed, without marks, controls and lone surrogates", () => {
    expect(normal("\ufeffcafe\u0301 a\0b\x07c\ud800d \x1b[31mred\x1b[0m")).toBe("café abc\ufffdd red\n");
    expect(codes("a\0b\x07")).toEqual(["control_characters_removed 2"]);
  });
  test("line ends are LF, also inside code", () => {
    expect(normal("a\r\nb\rc\n\n```\r\nx\r\n```\r\n")).toBe("a\nb\nc\n\n```\nx\n```\n");
  });
  test("that override the direction of text are removed with a warning, those that isolate it stay", () => {
    expect(normal("a\u202eb\u2067c\u2069")).toBe("ab\u2067c\u2069\n");
    expect(codes("a\u202eb")).toEqual(["bidi_overrides_removed 1"]);
  });
  test("a flood of combining marks costs no quadratic time", () => {
    const started = performance.now();
    expect(normal("e\u0301\u0323".padEnd(200_000, "\u0301\u0323")).length).toBeGreaterThan(190_000);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("blanks", () => {
  test("at line ends go, but a hard break stays one", () => {
    expect(normal("# H  \n\nline one   \nline two  \n\n- item  \n- item\t\n")).toBe(
      "# H\n\nline one  \nline two\n\n- item\n- item\n",
    );
  });
  test("runs of blank lines fold to one, at the ends to none", () => {
    expect(normal("\n\n \na\n\n\n  \n\nb\n\n\n")).toBe("a\n\nb\n");
  });
  test.each([
    ["fenced code", "```js\na  \n\n\n\n\tb \n```\n"],
    ["a fence in a list", "- x\n\n  ~~~\n  a  \n\n\n  b\n  ~~~\n"],
    ["a fence in a quote", "> ```\n> a  \n>\n>\n> b\n> ```\n"],
    ["a longer fence with a shorter one inside", "````\n```\n\n\n\n```  \n````\n"],
    ["indented code", "text\n\n    a  \n\n\n    b\n"],
    ["preformatted HTML", "<pre>\na  \n\n\n\nb\n</pre>\n"],
  ])("of %s stay", (_, markdown) => {
    expect(normal(markdown)).toBe(markdown);
  });
  test("a blank document is empty, not one blank line", () => {
    expect([normal(""), normal(" \n\n\t")]).toEqual(["", ""]);
  });
});

test("a thematic break at the start cannot pass for front matter", () => {
  expect(normal("---\ntitle: x\n---\n")).toBe("***\ntitle: x\n---\n");
});

describe("active content is made inert", () => {
  test.each([
    ["[x](javascript:alert(1)) y", "[x](unsafe:javascript:alert(1)) y"],
    ["[x](<JavaScript:a b> 't')", "[x](<unsafe:JavaScript:a b> 't')"],
    ["[x](java&#115;cript&colon;a)", "[x](unsafe:java&#115;cript&colon;a)"],
    ["[x](javascript\\:a)", "[x](unsafe:javascript\\:a)"],
    ["[x]: vbscript:a", "[x]: unsafe:vbscript:a"],
    ["<javascript:a>", "<unsafe:javascript:a>"],
    ["![i](data:image/png;base64,AAAA) y", "![i](unsafe:data:image/png) y"],
    ["<img src=x onerror=alert(1)>", "<img src=x data-onerror=alert(1)>"],
    ["a <b/onclick='x'>b</b>", "a <b/data-onclick='x'>b</b>"],
    ['<a href=" java\tscript:a">', '<a href="unsafe:java\tscript:a">'],
    ['<img title=">" onerror=a>', '<img title=">" data-onerror=a>'],
    ["<div\n<img onerror=a", "<div\n&lt;img data-onerror=a"],
    ["> <img\n> onerror=a>", "> <img\n> data-onerror=a>"],
    ["a <script>b</script>", "a &lt;script>b&lt;/script>"],
    ["a <iframe srcdoc='<script>a</script>'>", "a <iframe data-srcdoc='&lt;script>a&lt;/script>'>"],
    ["|a|\n|-|\n|`|<img onerror=a>|`|", "|a|\n|-|\n|`|<img data-onerror=a>|`|"],
    ["x\n\n<script>\nalert(1)\n</script>\n\ny", "x\n\ny"],
  ])("%s", (markdown, inert) => {
    expect(normal(markdown)).toBe(`${inert}\n`);
  });
  test.each([
    "`<img onerror=a>` and ``[x](javascript:a) ` ``",
    "```html\n<script>alert(1)</script>\n```",
    "    <img onerror=a>",
    "[x](https://a.b/javascript:c?data=d)",
    '<img alt="Data: an overview" src="a.png">',
    "Learn JavaScript: the good parts, once = one",
    '1 < 2 and <b class="c">d</b>, data: none',
  ])("but not %s", (markdown) => {
    expect(normaliseMarkdown(markdown)).toEqual({ markdown: `${markdown}\n`, warnings: [] });
  });
  test("and counted", () => {
    expect(codes("[a](javascript:a) [b](javascript:b) <b onclick=x>")).toEqual([
      "active_link_disarmed 2",
      "event_handlers_disarmed 1",
    ]);
  });
});

/** Pieces that are likely to interact. */
const PIECES = [
  ..."\n\t`|<>\"'=*_\\",
  "a",
  "b c",
  " ",
  "  ",
  "    ",
  "\n\n\n",
  "  \n",
  "```\n",
  "````js\n",
  "~~~\n",
  "- ",
  "1. ",
  "> ",
  "# ",
  "---\n",
  "***\n",
  "|a|b|\n|-|-|\n",
  "<script>",
  "</script>",
  "<script src=x>\n\nalert(1)\n",
  '<div onclick="x">',
  "<img src=x onerror=alert(1)>",
  "<pre>\n",
  "</pre>",
  "<!--",
  "-->",
  "[x](javascript:alert(1))",
  "[x](<javascript:a b>)",
  "[y]: javascript:x\n",
  "<javascript:foo>",
  "![i](data:image/png;base64,AAAA)",
  "\u202e",
  "\ufeff",
  "\0",
  "\r\n",
  "\r",
  "e\u0301",
  "\ud800",
  "\f",
  "<a href='java&#115;cript:x'>",
  '<a href="java\nscript:x">',
  "<a ",
  "<b\n",
  "<textarea>",
  "<iframe srcdoc='<script>'>",
  "[^1]: foo\n",
  "<style>\n",
  "</style>\n",
  "\x1b[31m",
];

test("random documents: idempotent, canonical, and nothing live in what a renderer makes of them", () => {
  const renderer = new MarkdownIt({ html: true });
  renderer.validateLink = () => true;
  let seed = 42;
  const random = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
  for (let round = 0; round < 1500; round++) {
    const markdown = Array.from({ length: 1 + random(30) }, () => PIECES[random(PIECES.length)]).join("");
    const once = normal(markdown);
    expect({ markdown, twice: normal(once) }).toEqual({ markdown, twice: once });
    expect(once).not.toMatch(/[\0\r\f\ufeff\u202e\x1b]|^\n|\n\n$/);
    expect(once.normalize("NFC").toWellFormed()).toBe(once);
    const html = renderer.render(once);
    const live =
      /<script[\s>/]|<[a-z]+(?:\s[^<>"']*)?[\s"'/]on[a-z]+=|<[a-z][^<>"']*\s(?:href|src)=["']?\s*(?:javascript|data):/i.exec(
        html,
      )?.[0];
    expect({ markdown, live }).toEqual({ markdown, live: undefined });
  }
});

test("documents larger than one piece come out as small ones do", () => {
  const part =
    "# Head  \n\n\n\npara one  \nline <b onclick=a>b</b>\n\n```\ncode  \n\n\n\ncode\n```\n\n- a\n\n\n- b\n\n";
  const clean = normal(part);
  const times = Math.ceil(1_300_000 / part.length);
  expect(normal(part.repeat(times))).toBe(`${`${clean}\n`.repeat(times).trimEnd()}\n`);
  const code = `\`\`\`\n${"x  \n\n\n\n".repeat(150_000)}\`\`\`\n`;
  expect(normal(`a  \n\n\n\n${code}`)).toBe(`a\n\n${code}`);
});

test("time grows with the length only", () => {
  for (const piece of [
    "<a ",
    '<a b="',
    "](",
    "](javascript:",
    "=a",
    "<script>\n",
    "<div>\n<script>",
    "- a  \n",
    "> <a\n",
    " onon",
    '="\t',
    "`a``b```",
  ]) {
    const started = performance.now();
    normal(`${piece.repeat(30_000)} javascript:`);
    expect({ piece, slow: performance.now() - started > 3000 }).toEqual({ piece, slow: false });
  }
});

test("looking for something active takes linear time where there is nothing", () => {
  for (const piece of ["[a](", "![a](", "[a]:", "=a(", "[a](<b"]) {
    const started = performance.now();
    normal(piece.repeat(40_000));
    expect({ piece, slow: performance.now() - started > 3000 }).toEqual({ piece, slow: false });
  }
});
