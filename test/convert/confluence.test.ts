import { describe, expect, test } from "bun:test";
import type { ConfluenceContext } from "../../src/convert/confluence/context.ts";
import { convertConfluence, convertConfluenceText } from "../../src/convert/confluence.ts";
import { DEFAULT_LIMITS } from "../../src/convert/converted.ts";
import { PermanentError } from "../../src/errors.ts";

const markdown = (storage: string, context?: ConfluenceContext): string =>
  convertConfluenceText(storage, context).markdown;
const macro = (name: string, parameters: Record<string, string>, body = ""): string =>
  `<ac:structured-macro ac:name="${name}">${Object.entries(parameters)
    .map(([key, value]) => `<ac:parameter ac:name="${key}">${value}</ac:parameter>`)
    .join("")}${body}</ac:structured-macro>`;
const rich = (content: string): string => `<ac:rich-text-body>${content}</ac:rich-text-body>`;
const plain = (content: string): string => `<ac:plain-text-body><![CDATA[${content}]]></ac:plain-text-body>`;

/** Name, storage format, Markdown. */
const GOLDEN: readonly (readonly [string, string, string])[] = [
  [
    "headings, marks and HTML entities",
    "<h1>A &amp; B</h1><p>caf&eacute; <em>x</em>&nbsp;&mdash; <strong>y</strong></p><h3>C</h3>",
    "# A & B\n\ncafé *x*\u00a0— **y**\n\n### C",
  ],
  [
    "nested and mixed lists",
    "<ul><li>a<ol><li>b</li></ol></li><li><p>c</p></li><ul><li>d</li></ul></ul>",
    "- a\n  1. b\n- c\n  - d",
  ],
  [
    "tasks with their state, nested ones too, without ids",
    "<ac:task-list><ac:task><ac:task-id>1</ac:task-id><ac:task-status>complete</ac:task-status><ac:task-body>done</ac:task-body></ac:task>" +
      "<ac:task-list><ac:task><ac:task-status>incomplete</ac:task-status><ac:task-body><span>open</span></ac:task-body></ac:task></ac:task-list></ac:task-list>",
    "- [x] done\n  - [ ] open",
  ],
  [
    "tables with spans, a header column and lists in cells",
    '<table><tbody><tr><th>A</th><th colspan="2">B</th></tr><tr><th rowspan="2">c</th><td>1</td><td><ul><li>x</li><li>y</li></ul></td></tr><tr><td>2</td><td>3|4</td></tr></tbody></table>',
    "| A | B |  |\n| --- | --- | --- |\n| **c** | 1 | - x<br>- y |\n|  | 2 | 3\\|4 |",
  ],
  [
    "code with language, title and every byte",
    macro("code", { language: "js", title: "a.js" }, plain("if (a < b) {\n\tx = `&amp;`;\n}")),
    "**a.js**\n\n```js\nif (a < b) {\n\tx = `&amp;`;\n}\n```",
  ],
  [
    "CDATA sections that were split at their end mark",
    macro("noformat", {}, "<ac:plain-text-body> <![CDATA[a]]]]><![CDATA[>b]]> </ac:plain-text-body>"),
    "```\na]]>b\n```",
  ],
  [
    "panels with kind and title",
    macro("warning", { title: "Mind" }, rich("<p>the <em>gap</em></p>")) + macro("panel", {}, rich("<p>x</p>")),
    "> [!CAUTION]\n>\n> **Mind**\n>\n> the *gap*\n\n> x",
  ],
  [
    "panels in table cells",
    `<table><tr><td>${macro("info", {}, rich("<p>x</p>"))}</td></tr></table>`,
    "|  |\n| --- |\n| x |",
  ],
  [
    "expand keeps the structure of its body",
    macro("expand", { title: "More" }, rich("<h2>H</h2><ul><li>x</li></ul>")),
    "**More**\n\n## H\n\n- x",
  ],
  [
    "status, dates and emoticons in running text",
    `<p>is${macro("status", { title: "DONE", colour: "Green" })}on <time datetime="2024-02-29" /> <ac:emoticon ac:name="tick" /><ac:emoticon ac:name="blue-star" ac:emoji-id="1f61c" ac:emoji-fallback=":x:" /></p>`,
    "is **DONE** on 2024-02-29 ✅😜",
  ],
  [
    "images with caption, alternative text and address",
    '<ac:image ac:alt="Plan"><ri:attachment ri:filename="a b.png" /><ac:caption><p>Fig. 1</p></ac:caption></ac:image><p><ac:image><ri:url ri:value="https://x.org/y.png" /></ac:image></p>',
    "![Plan](a%20b.png)\n\nFig. 1\n\n![](https://x.org/y.png)",
  ],
  [
    "links to pages, anchors, attachments, addresses and spaces",
    '<p><ac:link><ri:page ri:space-key="DOC" ri:content-title="A &amp; B" /></ac:link> <ac:link ac:anchor="s 1"><ac:link-body>see <b>s</b></ac:link-body></ac:link> <ac:link><ri:attachment ri:filename="r#1.pdf" /></ac:link> <ac:link><ri:url ri:value="https://x.org" /><ac:plain-text-link-body><![CDATA[x]]></ac:plain-text-link-body></ac:link></p>',
    "[A & B](confluence:page?space=DOC&title=A%20%26%20B) [see **s**](#s%201) [r#1.pdf](r%231.pdf) [x](https://x.org)",
  ],
  [
    "layouts and columns in reading order",
    `<ac:layout><ac:layout-section><ac:layout-cell><p>1</p></ac:layout-cell><ac:layout-cell><p>2</p></ac:layout-cell></ac:layout-section></ac:layout>${macro("section", {}, rich(macro("column", {}, rich("3")) + macro("column", {}, rich("4"))))}`,
    "1\n\n2\n\n3\n\n4",
  ],
  [
    "formulas by their source",
    `<p>${macro("mathinline", { body: "--uriencoded--a%5E2" })}</p>${macro("mathblock", {}, plain("\\frac{1}{2}"))}`,
    "`a^2`\n\n```latex\n\\frac{1}{2}\n```",
  ],
  [
    "editor extensions once",
    '<ac:adf-extension><ac:adf-node type="panel"><ac:adf-attribute key="panel-type">note</ac:adf-attribute><ac:adf-content><p>n</p></ac:adf-content></ac:adf-node><ac:adf-fallback><p>old</p></ac:adf-fallback></ac:adf-extension>' +
      '<ac:adf-extension><ac:adf-node type="x"><ac:adf-attribute key="k">v</ac:adf-attribute></ac:adf-node><ac:adf-fallback><p>shown</p></ac:adf-fallback></ac:adf-extension>',
    "> [!IMPORTANT]\n>\n> n\n\nshown",
  ],
  [
    "inline comments and unknown elements are transparent, placeholders and anchors invisible",
    `<p>a<ac:inline-comment-marker ac:ref="1">b</ac:inline-comment-marker>c <ac:placeholder>type here</ac:placeholder><x:y>d</x:y>${macro("anchor", { "": "top" })}</p>`,
    "abc d",
  ],
  [
    "unknown macros keep their body, tabs their names",
    macro("mystery", { secret: "p" }, rich("<p>body</p>")) +
      macro("tab-pane", { name: "Tab 1" }, rich("<p>t</p>")) +
      macro("plantuml", {}, plain("A -> B")),
    "body\n\n**Tab 1**\n\nt\n\n```plantuml\nA -> B\n```",
  ],
  [
    "dynamic macros leave a placeholder each",
    `${macro("toc", {})}${macro("children", { all: "true" })}<p>see ${macro("jira", { jqlQuery: "project = X" })}</p>${macro("drawio", { diagramName: "Net" })}`,
    "[table of contents]\n\n[child pages]\n\nsee [macro: jira project = X]\n\n[diagram: Net]",
  ],
  ["a Jira issue by its key", `<p>fixes ${macro("jira", { server: "J", key: "AB-1" })}.</p>`, "fixes AB-1."],
  [
    "files shown in the page as links",
    macro("view-file", { name: '<ri:attachment ri:filename="r.pdf" />' }),
    "[r.pdf](r.pdf)",
  ],
  [
    "HTML that somebody wrote into the page, without its scripts",
    macro("html", {}, plain("<div>seen<script>if (a<b) run()</script></div>")),
    "seen",
  ],
];

describe("storage format becomes Markdown:", () => {
  for (const [name, storage, expected] of GOLDEN) test(name, () => expect(markdown(storage)).toBe(expected));
});

/** Damaged markup and the text that must still be there. */
const DAMAGED: readonly (readonly [string, string, string])[] = [
  ["bare & and <", "<p>AT&T a<b & c < d && &bogus; <3</p>", "AT&T a\\<b & c < d && \\&bogus; <3"],
  [
    "missing end tags",
    "<p>a<p>b<ul><li>c<li>d</ul><table><tr><td>e<td>f<tr><td>g",
    "a\n\nb\n\n- c\n- d\n\n|  |  |\n| --- | --- |\n| e | f |\n| g |  |",
  ],
  ["crossed and stray end tags", "<p><b>a <i>b</b> c</i></td></p><p>d</p>", "**a *b*** c\n\nd"],
  [
    "a code body that never ends",
    '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[x]]</ac:plain-text-body></ac:structured-macro><p>after</p>',
    "```\nx]]\n```\n\nafter",
  ],
  [
    "void elements and upper-case names",
    '<P>a<BR>b<IMG SRC="x.png"></P><HR><H2>c</H2>',
    "a\\\nb![](x.png)\n\n---\n\n## c",
  ],
  [
    "a quote that is never closed before another attribute",
    '<p><ac:image ac:alt="Plan ac:width="9"><ri:attachment ri:filename="a.png" /></ac:image></p>',
    "![Plan](a.png)",
  ],
  ["a quote that is never closed", '<p>a <a href="x>b</a> "c" <i class="y">d</i></p>', 'a [b](x) "c" *d*'],
  ["an end in the middle of a tag", "<p>a</p><ac:image ac:al", "a"],
  ["byte order mark and control characters", "\ufeff<p>a\u0000\u0008b</p>", "ab"],
  [
    "a resource that is never closed",
    '<p><ac:link><ri:page ri:content-title="T"><ac:link-body>x</ac:link-body></ac:link> y</p>',
    "[x](confluence:page?title=T) y",
  ],
  [
    "text in the wrong place of a macro",
    '<ac:structured-macro ac:name="info">lost?<br><p>b</p></ac:structured-macro>',
    "> [!NOTE]\n>\n> lost?\n>\n> b",
  ],
  ["a processing instruction without end", "<p>a <? b</p><p>c</p>", "a \\<? b\n\nc"],
];

describe("damaged markup loses no text:", () => {
  for (const [name, storage, expected] of DAMAGED) test(name, () => expect(markdown(storage)).toBe(expected));

  test("a warning says that the structure is a best guess", () => {
    expect(convertConfluenceText("<p>a").warnings.map(({ code }) => code)).toEqual(["markup_repaired"]);
    expect(convertConfluenceText("<p>a</p>").warnings).toEqual([]);
  });
});

describe("what the page refers to", () => {
  const page =
    '<p><ac:link><ri:page ri:content-title="Home" /></ac:link> <ac:link><ri:content-entity ri:content-id="7" /></ac:link> <ac:link><ri:user ri:account-id="u1" /></ac:link> <a href="/x">x</a> ' +
    `<ac:image><ri:attachment ri:filename="a.png" /></ac:image> <ac:image><ri:attachment ri:filename="b.png"><ri:page ri:content-title="Other" /></ri:attachment></ac:image></p>${macro("include", { "": '<ac:link><ri:page ri:content-title="Part" /></ac:link>' })}`;

  test("is reported, each thing once and in order", () => {
    expect(convertConfluenceText(page + page).references).toEqual({
      pages: [
        { title: "Home", kind: "link" },
        { contentId: "7", kind: "link" },
        { title: "Part", kind: "include" },
      ],
      attachments: ["a.png"],
      users: ["u1"],
    });
  });

  test("shows as placeholders as long as nobody resolves it", () => {
    expect(markdown(page)).toBe(
      "[Home](confluence:page?title=Home) [7](confluence:page?id=7) @unknown user [x](/x) ![a.png](a.png) ![b.png](b.png)\n\n[include: [Part](confluence:page?title=Part)]",
    );
  });

  test("is resolved by the context", () => {
    const context: ConfluenceContext = {
      baseUrl: "https://c.org/wiki/",
      spaceKey: "S",
      userName: (user) => (user === "u1" ? "Ada Lovelace" : null),
      pageUrl: (ref) => (ref.title === "Home" ? "https://c.org/home" : null),
      pageTitle: (ref) => (ref.contentId === "7" ? "Seven" : null),
      attachmentUrl: (name, ref) => `https://c.org/d/${ref?.title ?? "own"}/${name}`,
      include: (ref) =>
        ref.title === "Part" ? { storage: "<h2>P</h2><p>text</p>", title: "Part", url: "https://c.org/part" } : null,
    };
    expect(markdown(page, context)).toBe(
      "[Home](https://c.org/home) [Seven](https://c.org/wiki/pages/viewpage.action?pageId=7) @Ada Lovelace [x](https://c.org/x) ![a.png](https://c.org/d/own/a.png) ![b.png](https://c.org/d/Other/b.png)\n\n*Included from [Part](https://c.org/part)*\n\n## P\n\ntext",
    );
  });
});

describe("included pages", () => {
  const include = (title: string, kind = "include"): string =>
    macro(kind, { "": `<ac:link><ri:page ri:content-title="${title}" /></ac:link>` });

  test("that include each other are cut where the circle closes", () => {
    const pages: Record<string, string> = { A: `a ${include("B")}`, B: `b ${include("A")}` };
    const result = convertConfluenceText(include("A"), {
      include: ({ title }) => ({ storage: pages[title!]!, title: title! }),
    });
    expect(result.markdown.match(/\b[ab]\b/g)).toEqual(["a", "b"]);
    expect(result.warnings.map(({ code }) => code)).toContain("include_cycle");
  });

  test("that branch without end are bounded by the limit of the result", () => {
    const storage = Array.from({ length: 10 }, (_, at) => include(`p${at}`)).join("");
    const limits = { ...DEFAULT_LIMITS, markdownCharsMax: 200_000 };
    let reads = 0;
    const context: ConfluenceContext = {
      include: ({ title }) => {
        reads++;
        return { storage: storage.replaceAll('"p', `"${title}p`) };
      },
    };
    expect(convertConfluenceText(storage, context, limits).warnings.map(({ code }) => code)).toContain(
      "include_too_large",
    );
    expect(reads).toBeLessThan(2000);
  });

  test("give only the excerpt where an excerpt is wanted, even a hidden one", () => {
    const storage = `<p>no</p>${macro("excerpt", { hidden: "true" }, rich("<p>yes</p>"))}`;
    const result = markdown(include("P", "excerpt-include"), { include: () => ({ storage, url: "https://c.org/p" }) });
    expect(result).toBe("*Included from [P](https://c.org/p)*\n\nyes");
    expect(markdown(storage)).toBe("no");
  });

  test("may be finished Markdown, which keeps its place in lists and panels", () => {
    const context: ConfluenceContext = { include: () => ({ markdown: "- x\n\n      y\n", url: "https://c.org/p" }) };
    expect(markdown(macro("panel", {}, rich(include("P"))), context)).toBe(
      "> *Included from [P](https://c.org/p)*\n>\n> - x\n>\n>       y",
    );
    expect(markdown(`<table><tr><td>${include("P")}</td></tr></table>`, context)).toContain("<br>- x y |");
  });
});

describe("pages as Confluence renders them", () => {
  test("give what their storage format would give", () => {
    const view = `<div class="toc-macro"><ul><li><a href="#a">A</a></li></ul></div>
<div class="confluence-information-macro confluence-information-macro-warning conf-macro output-block" data-macro-name="warning"><p class="title">Mind</p><span class="aui-icon confluence-information-macro-icon"> </span><div class="confluence-information-macro-body"><p>the gap</p></div></div>
<div class="panel conf-macro"><div class="panelHeader"><b>Head</b></div><div class="panelContent"><p>body</p></div></div>
<div class="code panel pdl conf-macro"><div class="codeHeader panelHeader pdl"><b>a.js</b></div><div class="codeContent panelContent pdl"><pre class="syntaxhighlighter-pre" data-syntaxhighlighter-params="brush: js; gutter: false" data-theme="Confluence">a &lt; b</pre></div></div>
<div class="expand-container"><div class="expand-control"><span class="expand-control-icon">&nbsp;</span><span class="expand-control-text">More</span></div><div class="expand-content" style="display: none"><p>inside</p></div></div>
<p><span class="status-macro aui-lozenge">DONE</span> <time datetime="2024-02-29" class="date-past">29 Feb 2024</time> <a class="confluence-userlink user-mention" href="/u">Ada</a> <img class="emoticon" data-emoticon-name="tick" alt="(tick)" src="/t.png"></p>
<ul class="inline-task-list"><li class="checked" data-inline-task-id="1">done</li><li data-inline-task-id="2">open</li></ul>
<div class="table-wrap"><table class="confluenceTable"><tbody><tr><th class="confluenceTh">A</th></tr><tr><td class="confluenceTd"><span class="confluence-embedded-file-wrapper"><img class="confluence-embedded-image" src="/thumb/1" data-linked-resource-default-alias="p.png"></span></td></tr></tbody></table></div>`;
    expect(markdown(view)).toBe(
      [
        "[table of contents]",
        "> [!CAUTION]\n>\n> **Mind**\n>\n> the gap",
        "> **Head**\n>\n> body",
        "**a.js**",
        "```js\na < b\n```",
        "**More**",
        "inside",
        "**DONE** 2024-02-29 @Ada ✅",
        "- [x] done\n- [ ] open",
        "| A |\n| --- |\n| ![p.png](p.png) |",
      ].join("\n\n"),
    );
  });
});

describe("hostile pages", () => {
  const N = 100_000;
  const cases: readonly (readonly [string, string])[] = [
    ["nested elements", "<div>".repeat(N) + "x" + "</div>".repeat(N)],
    ["elements that are never closed", "<b>x".repeat(N) + "</i>".repeat(N)],
    ["half tags with open quotes", "<a b=\"<c d='".repeat(N)],
    ["sections that are never closed", "<![CDATA[".repeat(N)],
    ["nested macros", macro("info", {}, "<ac:rich-text-body>").replace("</ac:structured-macro>", "").repeat(N) + "x"],
  ];
  for (const [name, storage] of cases) {
    test(`are read in time linear to their size: ${name}`, () => {
      const started = process.cpuUsage();
      convertConfluenceText(storage);
      expect(process.cpuUsage(started).user / 1e6).toBeLessThan(5);
    });
  }

  test("are refused when they give more Markdown than allowed", () => {
    const limits = { ...DEFAULT_LIMITS, markdownCharsMax: 10 };
    expect(() => convertConfluenceText("<p>eleven chars</p>", {}, limits)).toThrow(PermanentError);
  });

  test("may be no UTF-8 or blank", async () => {
    const bytes = new Uint8Array([
      ...new TextEncoder().encode("<p>a</p>"),
      0xff,
      ...new TextEncoder().encode("<p>b</p>"),
    ]);
    const result = await convertConfluence(bytes, DEFAULT_LIMITS);
    expect(result.markdown).toBe("a\n\n\ufffd\n\nb");
    expect(result.warnings.map(({ code }) => code)).toContain("undecodable_bytes");
    expect((await convertConfluence(new Uint8Array(), DEFAULT_LIMITS)).markdown).toBe("");
  });
});
