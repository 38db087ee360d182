import { expect, test } from "bun:test";
import { ftsText } from "../../src/index/words.ts";

test("words are separated as people read them, not as Postgres' parser would", () => {
  expect(ftsText("either/or, List<String> & a < b > c — don't").words.join(" ")).toBe(
    "either or list string a b c don t",
  );
  expect(ftsText("ÄPFEL Straße ＦＵＬＬ ﬁnd").words.join(" ")).toBe("äpfel straße full find");
});

test("names are kept whole beside their words", () => {
  expect(ftsText("get_user_id in src/embed/hash.ts since v1.2.3").names).toEqual([
    "get_user_id",
    "src/embed/hash.ts",
    "hash.ts",
    "v1.2.3",
  ]);
  expect(ftsText("see CVE-2024-1234 and 0x80070005, well-known std::vector in C++ and C#").names).toEqual([
    "cve-2024-1234",
    "std::vector",
    "c++",
    "c#",
    "cve",
  ]);
  expect(ftsText("mail ops@example.com about https://wiki.example.com/x").names).toContain("ops@example.com");
});

test("camelCase is found by its whole and by its parts", () => {
  expect(ftsText("parseHTTPHeader").words.join(" ")).toBe("parsehttpheader parse http header");
});

test("acronyms survive as names, since IT and US are stop words otherwise", () => {
  expect(ftsText("Ask IT in the US office").names).toEqual(["it", "us"]);
});

test("scripts without blanks are segmented, and the words are counted", () => {
  expect(ftsText("全文検索").words.join(" ")).toBe("全文 文検 検索");
  expect(ftsText("one two three")).toMatchObject({ count: 3 });
});

test("overlong words and texts are bounded", () => {
  expect(ftsText(`${"x".repeat(300)} word`).words.join(" ")).toBe("word");
  expect(ftsText("word ".repeat(100_000)).words.length).toBeLessThanOrEqual(65_536);
  expect(ftsText(`${"a_".repeat(200)}b`).names).toEqual([]);
});

test("texts that are all ASCII are read as any other text is", () => {
  const alphabet = [
    "a",
    "B",
    "c",
    "DE",
    "fG",
    "9",
    " ",
    " ",
    ".",
    "_",
    "-",
    "/",
    "\\",
    ":",
    "::",
    "->",
    "@",
    "#",
    "+",
    "++",
    "(",
    "\n",
    "get_user_id",
    "CVE-2024-1",
    "C++",
    "C#",
    "IT",
    "HTTPServer",
  ];
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 3000; round++) {
    const text = Array.from(
      { length: 1 + Math.floor(random() * 12) },
      () => alphabet[Math.floor(random() * alphabet.length)],
    ).join("");
    // One character beyond ASCII, apart from the rest, sends the text through the general reader.
    const general = ftsText(`${text} é`);
    const fast = ftsText(text);
    expect({ text, words: fast.words.join(" "), names: fast.names.toSorted() }).toEqual({
      text,
      words: general.words.slice(0, -1).join(" "),
      names: general.names.toSorted(),
    });
  }
});
