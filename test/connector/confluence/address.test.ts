/** Which addresses a connection may name and reach, and which part of it names its content. */
import { describe, expect, test } from "bun:test";
import { readSettings } from "../../../src/connector/confluence/config.ts";
import { ConfluenceConnector } from "../../../src/connector/confluence/connector.ts";
import { linkRefs, titleAlias } from "../../../src/connector/confluence/refs.ts";
import { signal } from "./scripted_server.ts";

const settings = (config: Record<string, unknown>, secrets: Record<string, string> = {}) =>
  readSettings({ sourceType: "CONFLUENCE_PAGE", config: config as never, secrets }, { allowPrivateNetwork: false });

describe("addresses", () => {
  test.each([
    ["https://acme.atlassian.net", "https://acme.atlassian.net/wiki", "acme.atlassian.net", "cloud"],
    ["https://acme.atlassian.net/wiki/", "https://acme.atlassian.net/wiki", "acme.atlassian.net", "cloud"],
    [
      "https://ACME.atlassian.net/wiki/spaces/DOC/pages/1/Home",
      "https://acme.atlassian.net/wiki",
      "acme.atlassian.net",
      "cloud",
    ],
    ["https://wiki.example.com", "https://wiki.example.com", "wiki.example.com", null],
    [
      "https://example.com/confluence/display/DOC/Home",
      "https://example.com/confluence",
      "example.com/confluence",
      null,
    ],
    [
      "https://api.atlassian.com/ex/confluence/11111111-2222-3333-4444-555555555555",
      "https://api.atlassian.com/ex/confluence/11111111-2222-3333-4444-555555555555/wiki",
      "11111111-2222-3333-4444-555555555555",
      "cloud",
    ],
  ])("%s", (base_url, webBase, siteName, deployment) => {
    expect(settings({ base_url })).toMatchObject({ webBase, siteName, deployment });
  });

  test.each([
    [{ base_url: "ftp://wiki.example.com" }, "base_url"],
    [{ base_url: "https://user:secret@wiki.example.com" }, "base_url"],
    [{ base_url: "https://acme.atlassian.net", deployment: "datacenter" }, "deployment"],
    [{ base_url: "https://wiki.example.com", cql: "label = x) or (space = y" }, "cql"],
    [{ base_url: "https://wiki.example.com", cql: "type = page order by title" }, "cql"],
    [{ base_url: "https://wiki.example.com", page_ids: ["1 or 1 = 1"] }, "page_ids.0"],
    [{ base_url: "https://wiki.example.com", api_token: "secret" }, "api_token"],
    [{ base_url: "https://wiki.example.com", environment: true }, "environment"],
  ])("%j is refused by the name of its field", (config, field) => {
    expect(() => settings(config)).toThrow(
      expect.objectContaining({ code: "connector.bad_config", details: { field } }),
    );
  });
});

test("each kind of credential becomes its header", () => {
  const of = (config: object, secrets: Record<string, string>) =>
    settings({ base_url: "https://acme.atlassian.net", ...config }, secrets).authorization;
  const basic = (pair: string) => `Basic ${btoa(pair)}`;
  expect(of({ email: "a@b.c" }, { api_token: "t" })).toBe(basic("a@b.c:t"));
  expect(of({ auth: "scoped_token", email: "a@b.c" }, { api_token: "t" })).toBe(basic("a@b.c:t"));
  expect(of({ auth: "scoped_token" }, { api_token: "t" })).toBe("Bearer t");
  expect(of({}, { pat: "p" })).toBe("Bearer p");
  expect(of({ username: "u" }, { password: "w" })).toBe(basic("u:w"));
  expect(of({ auth: "api_token" }, { api_token: "t" })).toBeNull();
  expect(of({}, {})).toBeNull();
});

describe("private networks", () => {
  test("a connection cannot allow itself what the operator does not", async () => {
    const config = { base_url: "http://127.0.0.1:9", allow_private_network: true };
    const connector = new ConfluenceConnector({ sourceType: "CONFLUENCE_PAGE", config, secrets: { pat: "p" } }, {});
    const listing = connector.list({ signal });
    const read = async () => {
      for await (const _ of listing.pages);
    };
    await expect(read()).rejects.toMatchObject({ code: "connector.address_refused" });
  });
});

describe("links", () => {
  const at = "confluence://acme.atlassian.net/page/1";
  const page = (id: number) => [
    { sourceType: "CONFLUENCE_PAGE" as const, ref: `confluence://acme.atlassian.net/page/${id}` },
  ];
  const base = "https://acme.atlassian.net/wiki";
  test.each([
    [`${base}/spaces/DOC/pages/98445/A+title#anchor`, page(98445)],
    [`${base}/spaces/DOC/blog/2026/01/31/77/News`, page(77)],
    [`${base}/pages/viewpage.action?pageId=12`, page(12)],
    [`${base}/x/AwAW`, page(1441795)],
    [
      `${base}/pages/viewpage.action?spaceKey=doc&title=A%20%20title`,
      [{ sourceType: "CONFLUENCE_PAGE", ref: titleAlias("acme.atlassian.net", "DOC", "A title") }],
    ],
    [
      `${base}/display/DOC/A+title`,
      [{ sourceType: "CONFLUENCE_PAGE", ref: titleAlias("acme.atlassian.net", "DOC", "A title") }],
    ],
    [
      `${base}/download/attachments/12/a%20b.pdf?version=1`,
      [{ sourceType: "CONFLUENCE_ATTACHMENT", ref: "confluence://acme.atlassian.net/file/12/a b.pdf" }],
    ],
    ["confluence:page?id=5", page(5)],
    ["https://other.atlassian.net/wiki/spaces/DOC/pages/1/x", []],
    [`${base}/admin/users`, []],
    ["mailto:a@b.c", []],
    ["#here", []],
  ])("%s", (href, refs) => {
    expect(linkRefs(href, at)).toEqual(refs as never);
  });

  test("of a Data Center start behind its context path", () => {
    const from = "confluence://example.com/confluence/attachment/9";
    expect(linkRefs("https://example.com/confluence/pages/viewpage.action?pageId=3", from)).toEqual([
      { sourceType: "CONFLUENCE_PAGE", ref: "confluence://example.com/confluence/page/3" },
    ]);
    expect(linkRefs("https://example.com/pages/viewpage.action?pageId=3", from)).toEqual([]);
  });
});
