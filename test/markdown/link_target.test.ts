import { describe, expect, test } from "bun:test";
import { resolveLinkTarget } from "../../src/markdown/link_target.ts";

const base = { externalRef: "file:///root/docs/a b.md" };

describe("resolveLinkTarget", () => {
  test("tells external links, mail and other schemes apart", () => {
    expect(resolveLinkTarget("https://x.y/z#a", base)).toEqual({ kind: "external", url: "https://x.y/z#a" });
    expect(resolveLinkTarget("//x.y/z", base)).toEqual({ kind: "external", url: "https://x.y/z" });
    expect(resolveLinkTarget("MAILTO:a@b.c", base)).toEqual({ kind: "mail", url: "MAILTO:a@b.c" });
    for (const href of ["tel:123", "javascript:x()", "data:image/png;base64,AA", "C:\\a.md", ""]) {
      expect(resolveLinkTarget(href, base).kind).toBe("other");
    }
  });

  test("resolves relative paths, decoded, with their anchor", () => {
    expect(resolveLinkTarget("../b%20c.md#s%C3%A4c", base)).toEqual({
      kind: "relative",
      targetRef: "file:///root/b c.md",
      candidates: ["file:///root/b c.md"],
      anchor: "säc",
    });
    expect(resolveLinkTarget("./x/../y.png?raw=1", base).targetRef).toBe("file:///root/docs/y.png");
    expect(resolveLinkTarget("../../../../z.md", base).targetRef).toBe("file:///z.md");
    expect(resolveLinkTarget("y.md", { externalRef: "s3://bucket/p/q/x.md" }).targetRef).toBe("s3://bucket/p/q/y.md");
    expect(resolveLinkTarget("../../../y.md", { externalRef: "s3://bucket/x.md" }).targetRef).toBe("s3://bucket/y.md");
  });

  test("keeps anchors and queries of the document itself", () => {
    expect(resolveLinkTarget("#top", base)).toEqual({ kind: "anchor", anchor: "top" });
    expect(resolveLinkTarget("?plain=1#top", base)).toMatchObject({ targetRef: base.externalRef, anchor: "top" });
  });

  test("offers the files that a folder, a page name or an .html target may stand for", () => {
    const candidates = (href: string) =>
      resolveLinkTarget(href, base).candidates!.map((ref) => ref.replace("file:///root/", ""));
    expect(candidates("foo/")).toEqual(["docs/foo/index.md", "docs/foo/README.md", "docs/foo.md"]);
    expect(candidates("./")).toEqual(["docs/index.md", "docs/README.md", "docs.md"]);
    expect(candidates("v7.4")).toEqual(["docs/v7.4.md", "docs/v7.4/index.md", "docs/v7.4/README.md", "docs/v7.4"]);
    expect(candidates("x.html")).toEqual(["docs/x.html", "docs/x.md"]);
  });

  test("looks for the root of the site where the link's first folder is on the way, then around the document", () => {
    expect(resolveLinkTarget("/docs/x.md", base).candidates).toEqual([
      "file:///root/docs/x.md",
      "file:///root/docs/docs/x.md",
      "file:///docs/x.md",
    ]);
    expect(resolveLinkTarget("/images/x.png", base).targetRef).toBe("file:///root/docs/images/x.png");
    expect(resolveLinkTarget("/a/b/c", { externalRef: `file:///${"d/".repeat(50)}x.md` }).candidates).toHaveLength(24);
  });

  test("looks for the root of a site nowhere above the tree of the source", () => {
    const inTree = { externalRef: "file:///srv/docs/en/guide/a.md", treeRef: "file:///srv/docs/" };
    const candidates = (href: string) => resolveLinkTarget(href, inTree).candidates;
    expect(candidates("/x.md")).toEqual([
      "file:///srv/docs/en/guide/x.md",
      "file:///srv/docs/en/x.md",
      "file:///srv/docs/x.md",
    ]);
    expect(candidates("/srv/x.md")).not.toContain("file:///srv/x.md");
    expect(candidates("../../../x.md")).toEqual(["file:///srv/x.md"]);
  });

  test("takes a link that names the source's own scheme and root for a target in it", () => {
    expect(resolveLinkTarget("s3://bucket/k/y.md#z", { externalRef: "s3://bucket/x.md" })).toMatchObject({
      kind: "relative",
      targetRef: "s3://bucket/k/y.md",
      anchor: "z",
    });
    expect(resolveLinkTarget("s3://other/k/y.md", { externalRef: "s3://bucket/x.md" }).kind).toBe("other");
  });

  test("never throws, whatever it is given", () => {
    expect(resolveLinkTarget("100%.md#%E0%A4%A", base)).toMatchObject({
      targetRef: "file:///root/docs/100%.md",
      anchor: "%E0%A4%A",
    });
    for (const href of ["%", "#%", "///", "\\\\server\\x", "a\u0000b", "??##", ":", "http:", " \n "]) {
      for (const externalRef of [base.externalRef, "s3://bucket/", "page:12", ""]) {
        expect(() => resolveLinkTarget(href, { externalRef })).not.toThrow();
      }
    }
    expect(resolveLinkTarget("x.md", { externalRef: "12345" })).toEqual({ kind: "relative" });
  });
});
