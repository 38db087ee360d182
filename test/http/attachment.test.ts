import { describe, expect, test } from "bun:test";
import { attachment, fileNameOf } from "../../src/http/attachment.ts";

describe("the name of a download", () => {
  test.each([
    ["upload://guide/Ein%20Name.md", "t", "Ein%20Name.md"],
    ["file:///srv/a%20b.md", "t", "a b.md"],
    ["file:///srv/a%ZZ.md", "t", "a%ZZ.md"],
    ["s3://bucket/x/y.pdf", "t", "y.pdf"],
    ["confluence://site/123/", "t", "123"],
    ["", "The title", "The title"],
  ])("of %p is %p, else the title", (ref, title, name) => {
    expect(fileNameOf(ref, title)).toBe(name);
  });

  test.each([
    [
      'a"; filename=evil.html',
      "attachment; filename=\"a_; filename=evil.html\"; filename*=UTF-8''a_%3B%20filename%3Devil.html",
    ],
    ["a\r\nSet-Cookie: x=1", "attachment; filename=\"a__Set-Cookie_ x=1\"; filename*=UTF-8''a__Set-Cookie_%20x%3D1"],
    ["../../etc/passwd", "attachment; filename=\"_.._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"],
    ["\u202egpj.exe", "attachment; filename=\"_gpj.exe\"; filename*=UTF-8''_gpj.exe"],
    ["日本語.md", "attachment; filename=\"___.md\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E.md"],
    ["…", "attachment; filename=\"_\"; filename*=UTF-8''%E2%80%A6"],
    ["...", "attachment; filename=\"document\"; filename*=UTF-8''document"],
  ])("%p cannot break out of its header", (name, header) => {
    expect(attachment(name)).toBe(header);
  });

  test("a long name keeps its extension and no half of a character", () => {
    const header = attachment(`${"😀".repeat(200)}.pdf`);
    expect(header).toContain(".pdf");
    expect(decodeURIComponent(header.split("''")[1]!).isWellFormed()).toBe(true);
    expect(header.length).toBeLessThan(1200);
  });
});
