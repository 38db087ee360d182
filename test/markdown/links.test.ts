import { describe, expect, test } from "bun:test";
import { extractLinks, type Link } from "../../src/markdown/links.ts";

function found(markdown: string): [Link["type"], string, string][] {
  return extractLinks(markdown).map((link) => [link.type, link.href, link.text]);
}

describe("extractLinks", () => {
  test("finds inline links and images with title, escapes and entities resolved, and where they begin", () => {
    const markdown = `# See [*the* \`doc\`](a\\_b.md?x=1&amp;y=2 "A \\"title\\"") and ![alt](<my pic.png>)`;
    expect(extractLinks(markdown)).toEqual([
      { type: "link", href: "a_b.md?x=1&y=2", text: "the doc", title: 'A "title"', charStart: 6 },
      { type: "image", href: "my pic.png", text: "alt", charStart: markdown.indexOf("![") },
    ]);
  });

  test("finds links in lists, quotes, tables and over line ends", () => {
    const markdown = "> - [two\n>   lines](a(b)c)\n\n| [cell](t) | x |\n|---|---|\n| a | [in\\|side](u) |\n";
    expect(found(markdown)).toEqual([
      ["link", "a(b)c", "two lines"],
      ["link", "t", "cell"],
      ["link", "u", "in|side"],
    ]);
  });

  test("resolves references: full, collapsed, shortcut and of images", () => {
    const markdown =
      '[a][Ref One] [ref  ONE][] [ref one] ![pic][p] [none][x] [^1]\n\n[ref one]: /u "T"\n[p]: <p q.png>\n[^1]: /n\n';
    expect(found(markdown)).toEqual([
      ["reference", "/u", "a"],
      ["reference", "/u", "ref ONE"],
      ["reference", "/u", "ref one"],
      ["image", "p q.png", "pic"],
    ]);
  });

  test("finds an image within a link, but no link within a link", () => {
    expect(found("[![logo](l.png) home](/h) [a [b](c) d](e)")).toEqual([
      ["link", "/h", "logo home"],
      ["image", "l.png", "logo"],
      ["link", "c", "b"],
    ]);
  });

  test("finds autolinks and bare URLs without the punctuation of the sentence", () => {
    const markdown =
      "<https://a.b/c> <me@x.org> https://x.y/p_(q), (see http://z.w/). www.v.u/t; 参见https://k.l/m。好 [https://t.u](https://v.w)";
    expect(found(markdown)).toEqual([
      ["autolink", "https://a.b/c", "https://a.b/c"],
      ["autolink", "mailto:me@x.org", "me@x.org"],
      ["autolink", "https://x.y/p_(q)", "https://x.y/p_(q)"],
      ["autolink", "http://z.w/", "http://z.w/"],
      ["autolink", "http://www.v.u/t", "www.v.u/t"],
      ["autolink", "https://k.l/m", "https://k.l/m"],
      ["link", "https://v.w", "https://t.u"],
    ]);
  });

  test("reads anchors and images of raw HTML, in blocks and in text", () => {
    const markdown =
      '<div>\n<a class=x href="a?b=1&amp;c=2" title="T">the <b>A</b></a>\n<IMG alt=\'pic\' src=i.png />\n</div>\n\nText <a name="n"></a><a href=\'u\'>v</a>.\n';
    expect(extractLinks(markdown).map(({ charStart: _at, ...link }) => link)).toEqual([
      { type: "link", href: "a?b=1&c=2", text: "the A", title: "T" },
      { type: "image", href: "i.png", text: "pic" },
      { type: "link", href: "u", text: "v" },
    ]);
  });

  test("finds nothing in code, comments and escaped brackets", () => {
    const markdown =
      "`[a](b)` ``[c`](d)`` \\[e](f) <!-- [g](h) https://i.j --> x\n\n```\n[k](l)\n```\n\n    <https://m.n>\n\n<!-- <a href='o'> -->\n";
    expect(found(markdown)).toEqual([]);
  });

  test("takes linear time on hostile input", () => {
    const hostile = [
      "[".repeat(100_000),
      "[a](".repeat(25_000),
      `${"[".repeat(50_000)}x${"]".repeat(50_000)}\n\n[x]: /u`,
      "![](<".repeat(20_000),
      '<a b="'.repeat(16_000),
      `<a${" ".repeat(100_000)}x`,
      "http://".repeat(14_000),
      "[http://a]".repeat(20_000),
      "text a <!-- b\n\n".repeat(7_000),
      Array.from({ length: 440 }, (_, index) => "`".repeat(index + 1)).join(" "),
    ];
    for (const markdown of hostile) {
      const started = performance.now();
      extractLinks(markdown);
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });
});
