import { describe, expect, test } from "bun:test";
import { hasUnsegmentedScript, segmentForFts } from "../../src/index/segment.ts";

const words = (text: string): string[] => segmentForFts(text).trim().split(/\s+/);

describe("segmentForFts", () => {
  test("leaves text of scripts with blanks as it is", () => {
    for (const text of ["", "Plain text, naïve Привет שלום عربي हिन्दी 123", "emoji 👩‍👩‍👧 — “quotes”"]) {
      expect(hasUnsegmentedScript(text)).toBe(false);
      expect(segmentForFts(text)).toBe(text);
    }
  });

  test("writes runs of letters as overlapping pairs, single letters alone", () => {
    expect(words("全文検索")).toEqual(["全文", "文検", "検索"]);
    expect(words("字")).toEqual(["字"]);
    expect(words("한국어 검색")).toEqual(["한국", "국어", "검색"]);
    expect(words("ບໍລິການ")).toEqual(["ບໍລິ", "ລິກ", "ກາ", "ານ"]);
    expect(words("Postgres全文index、検索。")).toEqual(["Postgres", "全文", "index、", "検索", "。"]);
  });

  test("keeps vowel signs and tone marks with their letter and does not split surrogate pairs", () => {
    expect(words("ภาษาไทย").every((pair) => !/^\p{M}/u.test(pair))).toBe(true);
    expect(words("ပြည်").every((pair) => !/^\p{M}/u.test(pair))).toBe(true);
    expect(words("𠮷野家")).toEqual(["𠮷野", "野家"]);
  });

  test("lets a query of two letters or more find its place in a text cut the same way", () => {
    const text = new Set(words("系统会把每个文档转换为标准的格式并写入数据库"));
    for (const query of ["文档", "数据库", "标准的格式"]) {
      expect(words(query).every((pair) => text.has(pair))).toBe(true);
    }
    expect(words("格式库").every((pair) => text.has(pair))).toBe(false);
  });
});
