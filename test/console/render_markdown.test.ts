import { expect, test } from "bun:test";
import { renderMarkdown } from "../../src/console/render_markdown.ts";

const none = new Map<string, string>();
const render = (markdown: string, targets: ReadonlyMap<string, string> = none) => renderMarkdown(markdown, targets);

test("raw HTML is shown and never becomes markup", () => {
  const html = render(
    `<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> <b onclick="alert(1)">b</b>\n\n<style>*{display:none}</style>`,
  );
  expect(html).not.toMatch(/<(?:script|img|b|style)\b/i);
  expect(html).toContain("&lt;script&gt;");
});

test("only http, https and mail are links; whatever else a target says, it leads nowhere", () => {
  for (const target of [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java&#10;script:alert(1)",
    "data:text/html,alert(1)",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/x",
    "/settings/tokens",
    "?status=all",
    "\\\\evil\\share",
  ]) {
    const html = render(`[a](<${target}>) and <x> ![b](<${target}>)`);
    expect(html).not.toContain("href");
    expect(html).not.toContain("src=");
    expect(html).toContain(">a</span>");
  }
  expect(render("[a](https://example.org/x?y=1&z=2)")).toContain(
    `<a href="https://example.org/x?y=1&amp;z=2" rel="noopener noreferrer nofollow">a</a>`,
  );
  expect(render("[m](mailto:a@example.org)")).toContain(`href="mailto:a@example.org"`);
});

test("attributes cannot be broken out of, by targets, titles or code", () => {
  const html = render(
    `[a](<https://example.org/"onmouseover="alert(1)> "t\\" onload=alert(1)")\n\n\`\`\`"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n\`\`\`\n\n![x"><script>](y "<script>")`,
  );
  expect(html).not.toMatch(/<script/i);
  expect(html).not.toMatch(/\s(?:onmouseover|onload)=/);
});

test("a link to another document of the corpus leads to its page, as it is written in the text", () => {
  const targets = new Map([["../policy for all.md#start", "0190a000-0000-7000-8000-000000000001"]]);
  expect(render("[p](<../policy for all.md#start>) [q](../other.md)", targets)).toBe(
    `<p><a href="/documents/0190a000-0000-7000-8000-000000000001">p</a> <span title="../other.md">q</span></p>\n`,
  );
});

test("links within the document find its headings, whose ids can be none of the page's", () => {
  const html = render("# Main\n\n## Main\n\n### Who is *on* duty?\n\n[up](#main) [who](#who-is-on-duty)");
  expect(html).toContain(`<h2 id="doc-main">`);
  expect(html).toContain(`<h3 id="doc-main-1">`);
  expect(html).toContain(`<a href="#doc-main">`);
  expect(html).toContain(`<a href="#doc-who-is-on-duty">`);
  expect(html).toMatch(/<h4 id="doc-who-is-on-duty">Who is <em>on<\/em> duty\?<\/h4>/);
});

test("tables keep their columns without a style attribute, which the page's policy forbids", () => {
  const html = render("| a | b | c |\n| :- | -: | :-: |\n| 1 | 2 | 3 |");
  expect(html).not.toContain("style=");
  expect(html).toContain(`<td class="right">2</td>`);
  expect(html).toContain(`<td class="center">3</td>`);
  expect(html).toContain(`role="region"`);
});

test("hostile nesting ends in time", () => {
  const startedAt = performance.now();
  render(`${"> ".repeat(5000)}x\n\n${"[".repeat(20_000)}\n\n${"*a ".repeat(20_000)}`);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});
