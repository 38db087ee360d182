import { describe, expect, test } from "bun:test";
import { sentenceStarts } from "../../src/chunk/sentences.ts";

function sentences(text: string): string[] {
  const starts = [0, ...sentenceStarts(text, 0, text.length)];
  return starts.map((start, index) => text.slice(start, starts[index + 1] ?? text.length).trim());
}

describe("sentenceStarts", () => {
  test("finds the ends that readers see, quotes and emphasis included", () => {
    expect(sentences('One ends. "Two!" Three (also)? **Four.** Five…  Six')).toEqual([
      "One ends.",
      '"Two!"',
      "Three (also)?",
      "**Four.**",
      "Five…",
      "Six",
    ]);
  });

  test("does not end at abbreviations, initials, ordinals, file names or numbers", () => {
    for (const text of [
      "Ask Dr. Miller, e.g. about Fig. 3.",
      "J. R. R. Tolkien wrote it.",
      "Das gilt z.B. Am 24. Dezember bzw. Silvester.",
      "Open config. json next to v1.2.3 now.",
    ]) {
      expect(sentences(text)).toHaveLength(1);
    }
  });

  test("does not end within a code span", () => {
    expect(sentences("Run `a. B! C?` first. Then ``x ` y. Z`` again.")).toEqual([
      "Run `a. B! C?` first.",
      "Then ``x ` y. Z`` again.",
    ]);
  });

  test("needs no blank after CJK ends and knows other scripts", () => {
    expect(sentences("第一句。第二句！「第三句。」第四句")).toEqual(["第一句。", "第二句！", "「第三句。」", "第四句"]);
    expect(sentences("पहला वाक्य। दूसरा वाक्य।")).toHaveLength(2);
    expect(sentences("هل هذا سؤال؟ نعم.")).toHaveLength(2);
  });

  test("ends at hard line breaks, not at soft ones", () => {
    expect(sentences("Street 1\\\nTown  \nCountry\nsame line")).toEqual(["Street 1\\", "Town", "Country\nsame line"]);
  });

  test("takes linear time on unclosed backticks", () => {
    const text = Array.from({ length: 400 }, (_, index) => "`".repeat(index + 1)).join(" a. B ");
    const started = performance.now();
    sentenceStarts(text, 0, text.length);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
