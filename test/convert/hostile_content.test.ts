/** Hostile content through every converter: what comes out runs nothing when rendered, and nothing is fetched or read. */
import { expect, test } from "bun:test";
import domino from "@mixmark-io/domino";
import MarkdownIt from "markdown-it";
import { convertDocument } from "../../src/convert/convert.ts";
import { docxOf, p, r } from "./docx_writer.ts";
import { zipOf } from "./zip_writer.ts";

/** Elements and links as attackers write them, for browsers that forgive everything. */
const ELEMENTS = [
  "<script>alert(1)</script>",
  "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<script>alert(1)",
  "<script/x>alert(1)</script >",
  "<img src=x onerror=alert(1)>",
  "<img/src=x/onerror=alert(1)>",
  '<img src="x"onerror="alert(1)">',
  "<img src=x onerror\n=\nalert(1)>",
  '<img src=1 href=1 onerror="javascript:alert(1)"></img>',
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>",
  "<svg><animate xlink:href=#x attributeName=href values=javascript:alert(1) /><a id=x><text>x</text></a></svg>",
  "<math><maction actiontype=statusline xlink:href=javascript:alert(1)>x</maction></math>",
  "<body onload=alert(1)>",
  "<details open ontoggle=alert(1)>x</details>",
  "<input autofocus onfocus=alert(1)>",
  "<iframe src=javascript:alert(1)></iframe>",
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  "<object data=javascript:alert(1)></object>",
  "<embed src=javascript:alert(1)>",
  "<applet code=x></applet>",
  '<form action="javascript:alert(1)"><button formaction="javascript:alert(2)">x</button></form>',
  '<meta http-equiv="refresh" content="0;url=javascript:alert(1)">',
  "<base href=javascript:alert(1)//>",
  "<a href=javascript:alert(1)>x</a>",
  "<a href=' java\nscript:alert(1)'>x</a>",
  "<a href='jav&#x09;ascript:alert(1)'>x</a>",
  "<a href='&#106;&#97;vascript&colon;alert(1)'>x</a>",
  "<a href='\u0001javascript:alert(1)'>x</a>",
  "<a href=vbscript:msgbox(1)>x</a>",
  "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
  "<noembed><script>alert(1)</script></noembed>",
  "<xmp><script>alert(1)</script></xmp>",
  "<textarea><script>alert(1)</script></textarea><script>alert(2)</script>",
  "<!--><script>alert(1)</script>-->",
  "<![CDATA[<script>alert(1)</script>]]>",
  "<style><script>alert(1)</script></style><script>alert(2)</script>",
  "<title></title><script>alert(1)</script>",
  "<a b='>' onclick=alert(1)>x</a>",
];
const MARKDOWN = [
  "[x](javascript:alert(1))",
  "[x](<javascript:alert(1)>)",
  "[x]( java&#115;cript:alert(1) )",
  "[x](\\javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1) 'title')",
  "[x](javascript&colon;alert(1))",
  "[x][y]\n\n[y]: javascript:alert(1)",
  "[x][y]\n\n[y]:\n  javascript:alert(1)",
  "<javascript:alert(1)>",
  "![x](data:text/html,<script>alert(1)</script>)",
  "![x](vbscript:x)",
  "> <script>alert(1)\n> </script>",
  "- <img src=x\n  onerror=alert(1)>",
  "`<script>`<script>alert(1)</script>",
  "```\ncode\n```\n<script>alert(1)</script>",
  "\\`<script>alert(1)</script>\\`",
];

const renderer = new MarkdownIt({ html: true });
renderer.validateLink = () => true;

/** What would run if a trusting renderer showed this Markdown. */
function liveParts(markdown: string): string[] {
  const document = domino.createDocument(renderer.render(markdown)) as unknown as {
    getElementsByTagName(
      name: string,
    ): Iterable<{ tagName: string; attributes: Iterable<{ name: string; value: string }> }>;
  };
  const live: string[] = [];
  for (const element of Array.from(document.getElementsByTagName("*"))) {
    const tag = element.tagName.toLowerCase();
    if (/^(?:script|object|embed|applet|base)$/.test(tag)) live.push(`<${tag}>`);
    for (const { name, value } of Array.from(element.attributes)) {
      if (name.startsWith("data-")) continue;
      const address = value.replace(/[\0-\x20]+/g, "").replace(/^\d*;?url=/i, "");
      if (/^on|^srcdoc$/i.test(name)) live.push(`${tag} ${name}`);
      if (/^(?:javascript|vbscript|livescript|data):/i.test(address))
        live.push(`${tag} ${name}=${address.slice(0, 40)}`);
    }
  }
  return live;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const xml = (value: string): string =>
  value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;")
    .replace(/[\0-\x08]/g, "");
const TARGET = /(?:href|src|data|action)=(?:'([^']*)'|"([^"]*)"|(\S+?)>)/i;

/** The payload where each format would carry it. */
const CARRIERS: Record<string, (payload: string) => { name: string; bytes: Uint8Array }> = {
  html: (payload) => ({ name: "a.html", bytes: text(`<!doctype html><body><p>before</p>${payload}<p>after</p>`) }),
  markdown: (payload) => ({ name: "a.md", bytes: text(`before\n\n${payload}\n\nafter ${payload}\n\n- ${payload}\n`) }),
  text: (payload) => ({ name: "a.txt", bytes: text(`before\n${payload}\nafter`) }),
  "storage format": (payload) => ({ name: "a.storage.xhtml", bytes: text(`<p>before</p>${payload}<p>after</p>`) }),
  "macros of storage format": (payload) => ({
    name: "a.storage.xhtml",
    bytes: text(
      `<ac:structured-macro ac:name="html"><ac:plain-text-body><![CDATA[${payload}]]></ac:plain-text-body></ac:structured-macro>` +
        `<ac:link><ri:url ri:value="${xml(TARGET.exec(payload)?.slice(1).find(Boolean) ?? "javascript:alert(1)")}"/><ac:link-body>x</ac:link-body></ac:link>` +
        `<ac:structured-macro ac:name="markdown"><ac:plain-text-body><![CDATA[${payload}]]></ac:plain-text-body></ac:structured-macro>`,
    ),
  }),
  docx: (payload) => ({
    name: "a.docx",
    bytes: docxOf({
      body:
        p(xml(payload)) +
        p(`<w:hyperlink r:id="l1">${r(xml(payload))}</w:hyperlink>`) +
        p(
          `<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>HYPERLINK "javascript:alert(1)"</w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>${r("x")}<w:r><w:fldChar w:fldCharType="end"/></w:r>`,
        ) +
        '<w:altChunk r:id="c1"/>',
      relations: {
        l1: ["hyperlink", xml(TARGET.exec(payload)?.slice(1).find(Boolean) ?? "javascript:alert(1)")],
        c1: ["aFChunk", "chunk.html"],
      },
      files: { "word/chunk.html": `<html><body>${payload}</body></html>` },
    }),
  }),
};

for (const [format, carry] of Object.entries(CARRIERS))
  test(`nothing that comes out of ${format} runs where it is rendered`, async () => {
    for (const payload of [...ELEMENTS, ...MARKDOWN]) {
      const outcome = await convertDocument(carry(payload)).then(
        ({ markdown }) => ({ payload, live: liveParts(markdown), kept: /before|x/.test(markdown) }),
        (error: { code?: string }) => ({ payload, live: [], kept: String(error.code).startsWith("convert.") }),
      );
      expect(outcome).toEqual({ payload, live: [], kept: true });
    }
  });

test("no conversion asks the network or reads a file that the document names", async () => {
  let asked = 0;
  const fetch = () => {
    asked++;
    return new Response("SECRET-OF-ANOTHER");
  };
  const server = Bun.serve({ port: 0, fetch });
  const away = `http://127.0.0.1:${server.port}`;
  const secret = "file:///etc/hostname";
  const hostname = (
    await Bun.file("/etc/hostname")
      .text()
      .catch(() => "none")
  ).trim();
  const doctype = (uri: string) => `<!DOCTYPE d [<!ENTITY x SYSTEM "${uri}"><!ENTITY % p SYSTEM "${uri}/p"> %p;]>`;
  const external = (target: string) => ({
    body:
      p('<w:r><w:pict><v:shape><v:imagedata r:id="i1"/></v:shape></w:pict></w:r>') +
      p('<w:hyperlink r:id="h1"><w:r><w:t>link</w:t></w:r></w:hyperlink>') +
      '<w:altChunk r:id="c1"/><w:subDoc r:id="s1"/>',
    relations: {
      i1: ["image", target],
      h1: ["hyperlink", target],
      c1: ["aFChunk", target],
      s1: ["subDocument", target],
      t1: ["attachedTemplate", target],
    } as Record<string, [string, string]>,
  });
  const html = `<link rel=stylesheet href="${away}/a.css"><img src="${away}/a.png"><iframe src="${away}"></iframe><object data="${secret}"></object><p>text</p>`;
  const cases = [
    { name: "a.docx", bytes: docxOf(external(`${away}/x`)) },
    { name: "b.docx", bytes: docxOf(external(secret)) },
    ...[away, secret].flatMap((uri) => [
      {
        name: "c.docx",
        bytes: docxOf({
          body: p("x"),
          files: {
            "word/document.xml": `${doctype(uri)}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body></w:document>`,
          },
        }),
      },
      { name: "d.storage.xhtml", bytes: text(`${doctype(uri)}<p>&x;</p><p>text</p>`) },
      { name: "e.html", bytes: text(`${doctype(uri)}<p>&x;</p>${html}`) },
      { name: "f.storage.xhtml", bytes: text(`<ac:image><ri:url ri:value="${uri}"/></ac:image><p>text</p>`) },
      { name: "g.md", bytes: text(`![x](${uri}) <img src="${uri}"> [y]\n\n[y]: ${uri}\n`) },
    ]),
  ];
  for (const one of cases) {
    const made = await convertDocument(one).then(
      ({ markdown, title }) => `${title} ${markdown}`,
      (error: { code?: string }) => {
        expect(error.code).toStartWith("convert.");
        return "";
      },
    );
    expect(made).not.toContain("SECRET-OF-ANOTHER");
    if (hostname.length > 3) expect(made).not.toContain(hostname);
  }
  await Bun.sleep(50);
  expect(asked).toBe(0);
  await server.stop(true);
});

test("entries of an archive that point out of it are nothing but names", async () => {
  const inner = docxOf({ body: p("kept") });
  const names = [
    "../../../../tmp/sluice-slipped",
    "/tmp/sluice-slipped",
    "..\\..\\sluice-slipped",
    "word/../../sluice-slipped",
    "C:\\sluice-slipped",
  ];
  const files = Object.fromEntries(names.map((name) => [name, "slipped"]));
  const { markdown } = await convertDocument({ name: "a.docx", bytes: docxOf({ body: p("kept"), files }) });
  expect(markdown).toBe("kept\n");
  expect(await Bun.file("/tmp/sluice-slipped").exists()).toBe(false);
  // The main part itself, by such a name.
  const rels =
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="../../../../etc/passwd"/></Relationships>';
  const led = await convertDocument({
    name: "b.docx",
    bytes: zipOf({ "[Content_Types].xml": "<Types/>", "_rels/.rels": rels, inner }),
  }).catch((error: { code?: string }) => error.code);
  expect(led).toBe("convert.malformed");
});
