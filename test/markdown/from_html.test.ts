import { describe, expect, test } from "bun:test";
import { htmlToMarkdown } from "../../src/markdown/from_html.ts";

const md = (html: string): string => htmlToMarkdown(html).markdown;

describe("lists", () => {
  test("keep depth, numbering, start numbers and tasks", () => {
    const html = `<ol start="3"><li>three<ul><li>a<ol><li value="7">seven</li></ol></li></ul></li><li>four</li></ol>
      <ul><li><input type="checkbox" checked> done</li><li><p><input type="checkbox"> open</p></li><li>☐ box</li></ul>`;
    expect(md(html)).toBe("3. three\n   - a\n     7. seven\n4. four\n\n- [x] done\n- [ ] open\n- [ ] box");
  });

  test("neighbours of one kind do not run together", () => {
    expect(md("<ol><li>a</ol><ol><li>b</ol><ul><li>c</ul><ul><li>d</ul>")).toBe("1. a\n\n1) b\n\n- c\n\n* d");
  });

  test("a list directly inside a list belongs to the item before it", () => {
    expect(md("<ul><li>a</li><ul><li>b</li></ul></ul>")).toBe("- a\n  - b");
  });

  test("items with several blocks keep them inside", () => {
    expect(md("<ol><li><p>a</p><pre>x\n\n y</pre></li></ol>")).toBe("1. a\n\n   ```\n   x\n\n    y\n   ```");
  });
});

describe("code", () => {
  test.each([
    ['<pre><code class="language-ts">a\n\n\tb  c</code></pre>', "```ts\na\n\n\tb  c\n```"],
    ['<pre class="brush: java; gutter: false">x</pre>', "```java\nx\n```"],
    ['<pre data-language="SQL">x</pre>', "```sql\nx\n```"],
    [
      '<div class="highlight-python"><div class="highlight"><pre><span>i</span>f</pre></div></div>',
      "```python\nif\n```",
    ],
    ['<pre class="sourceCode bash"><code class="sourceCode bash">ls</code></pre>', "```bash\nls\n```"],
    ["<pre>a<br>b</pre>", "```\na\nb\n```"],
  ])("%s keeps every byte and its language", (html, expected) => {
    expect(md(html)).toBe(expected);
  });

  test("line numbers beside a listing are left out", () => {
    const html = '<table><tr><td class="gutter"><pre>1\n2</pre></td><td class="code"><pre>a\nb</pre></td></tr></table>';
    expect(md(html)).toBe("```\na\nb\n```");
  });
});

describe("tables", () => {
  test("flatten what stands in a cell to one line", () => {
    const html = `<table><caption>Cap</caption><tr><th>A<th>B</tr>
      <tr><td><p>p|1</p><p>p2</p><td><ul><li>x<li>y</ul><h3>h</h3><pre>l1\nl2</pre><table><tr><td>n1<td>n2</table></td></tr></table>`;
    expect(md(html)).toBe(
      "Cap\n\n| A | B |\n| --- | --- |\n| p\\|1<br>p2 | - x<br>- y<br>**h**<br>`l1`<br>`l2`<br>n1 n2 |",
    );
  });

  test("layout tables are no tables", () => {
    expect(md('<table role="presentation"><tr><td><h2>T</h2><p>x</p></td></tr></table>')).toBe("## T\n\nx");
  });
});

describe("inline", () => {
  test("emphasis that would not be understood keeps its meaning", () => {
    expect(md("<p><b>Note:</b>text <b> spaced </b>out <i>a</i><b>.b</b></p>")).toBe(
      "**Note**:text **spaced** out *a*<strong>.b</strong>",
    );
  });

  test("text that looks like markup stays text", () => {
    expect(md("<p>1. <span>x</span></p><p># y</p><p><span>-</span> z</p><p>a<br>---</p>")).toBe(
      "1\\. x\n\n\\# y\n\n\\- z\n\na\\\n\\---",
    );
  });

  test("links that would run something keep their text only", () => {
    const { markdown, warnings } = htmlToMarkdown(
      '<a href=" java\nscript:alert(1)">a</a> <a href="data:text/html,x">b</a> <a href="VBScript:x">c</a> <a href="https://x.y/(z)">d [e]</a>',
    );
    expect(markdown).toBe("a b c [d \\[e\\]](https://x.y/\\(z\\))");
    expect(warnings).toEqual([expect.objectContaining({ code: "link_target_dropped", count: 3 })]);
  });

  test("the bytes of images in the page become a name", () => {
    expect(md('<img alt="A * B" src="data:image/png;base64,AAAA"><img src=a.png title=T>')).toBe(
      '![A * B](image-1.png)![](a.png "T")',
    );
  });

  test("sub, sup, del, kbd and line breaks are kept", () => {
    expect(md("<p>H<sub>2</sub>O x<sup>2</sup> <del>old</del> <kbd>Ctrl</kbd><br>next<br><br>new</p>")).toBe(
      "H<sub>2</sub>O x<sup>2</sup> ~~old~~ `Ctrl`\\\nnext\n\nnew",
    );
  });
});

test("blocks in inline elements keep both", () => {
  expect(md('<b style="font-weight:normal"><p>a</p><a href="u"><h2>H</h2><p>t</p></a></b>')).toBe(
    "a\n\n## [H](u)\n\n[t](u)",
  );
});

test("quotes, definitions, details and figures keep their text", () => {
  const html =
    "<blockquote><p>q</p><ul><li>i</ul></blockquote><dl><dt>T<dd>d</dl><details><summary>S</summary>body</details><figure><img src=f.png alt=x><figcaption>c</figcaption></figure>";
  expect(md(html)).toBe("> q\n>\n> - i\n\n**T**\n\nd\n\n**S**\n\nbody\n\n![x](f.png)\n\nc");
});

test("footnotes are found by their links to and fro", () => {
  const html = `<p>x<sup id="r1"><a href="#n1">[1]</a></sup>, <a href="#s">see</a></p><h2 id="s"><a href="#toc">Sec</a></h2>
    <section class="footnotes"><hr><ol><li id="n1"><p>Note.</p><p>More. <a href="#r1">↩</a></p></li></ol></section>`;
  expect(md(html)).toBe("x[^1], [see](#s)\n\n## [Sec](#toc)\n\n[^1]: Note.\n\n    More.");
});

test("what a reader does not see is left out", () => {
  const html =
    "<style>a</style><p>a<script>b</script><template>c</template><noscript>d</noscript><span hidden>e</span><i style='display: none'>f</i></p><h2>T<a class=headerlink href='#t'>¶</a></h2><table><tr><td></td></tr></table>";
  expect(md(html)).toBe("a\n\n## T");
});

describe("hostile pages", () => {
  const cases: [string, string][] = [
    ["nested boxes", "<div>".repeat(200_000)],
    ["nested lists", "<ul><li>a".repeat(5000)],
    ["nested quotes", "<blockquote>a".repeat(5000)],
    ["nested tables", "<table><tr><td>".repeat(5000)],
    ["open fonts", Array.from({ length: 5000 }, (_, index) => `<p><font size=${index}>a`).join("")],
    ["a tag of attributes", `<p ${Array.from({ length: 50_000 }, (_, index) => `a${index}="<"`).join(" ")}>a`],
    ["breaks", "<br>".repeat(50_000)],
    ["stars", `<p>${"*a_[".repeat(100_000)}`],
    ["one id", `${"<a id=x href=#y>1</a>".repeat(10_000)}<p id=y>${"<a href=#x>b</a>".repeat(10_000)}`],
  ];
  test.each(cases)("%s take neither the stack nor long", (_name, html) => {
    const started = performance.now();
    htmlToMarkdown(html);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  test("deep structure is flattened with a warning and its text stays", () => {
    const { markdown, warnings } = htmlToMarkdown(`${"<div><b>".repeat(3000)}deep`);
    expect(markdown).toContain("deep");
    expect(warnings.map((warning) => warning.code)).toEqual(["nesting_flattened"]);
  });
});
