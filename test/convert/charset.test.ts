import { describe, expect, test } from "bun:test";
import { declaredCharset, decodeText } from "../../src/convert/charset.ts";
import { encode } from "./encode.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("a text without a declared charset is read right in", () => {
  const samples: [string, string[]][] = [
    ["Die Größe der Datei überschreitet die zulässige Länge.", ["windows-1252", "macintosh", "utf-16le", "utf-16be"]],
    ["L’été dernier, nous avons été à la plage : ça dépend du cœur.", ["windows-1252", "iso-8859-15:’->'"]],
    ["It’s a “quoted” text – with dashes…", ["windows-1252"]],
    ["mañana", ["windows-1252"]],
    ["Nie można znaleźć pliku, sprawdź ścieżkę i spróbuj ponownie.", ["windows-1250", "iso-8859-2"]],
    ["Příliš žluťoučký kůň úpěl ďábelské ódy.", ["windows-1250", "iso-8859-2"]],
    ["Dosya bulunamadı, lütfen yolu kontrol edip yeniden deneyin.", ["windows-1254"]],
    ["Įvadas į žinių sistemą. Šiandien graži diena, viskas gerai.", ["windows-1257"]],
    [
      "Файл не найден, проверьте путь и попробуйте ещё раз.",
      ["windows-1251", "koi8-r", "iso-8859-5", "ibm866", "utf-16le"],
    ],
    ["Привет", ["windows-1251", "koi8-r", "iso-8859-5", "ibm866"]],
    ["Файл не знайдено, перевірте шлях і спробуйте ще раз.", ["windows-1251", "koi8-u"]],
    ["Το αρχείο δεν βρέθηκε, ελέγξτε τη διαδρομή.", ["windows-1253", "iso-8859-7"]],
    ["הקובץ לא נמצא, בדוק את הנתיב ונסה שוב.", ["windows-1255", "iso-8859-8"]],
    ["لم يتم العثور على الملف", ["windows-1256", "iso-8859-6"]],
    ["ไม่พบไฟล์ โปรดตรวจสอบเส้นทาง", ["windows-874"]],
    ["找不到文件，请检查路径后重试。", ["gb18030", "utf-16le", "utf-16be"]],
    ["找不到檔案，請檢查路徑後再試一次。", ["big5"]],
    ["ファイルが見つかりません。パスを確認してください。", ["shift_jis", "euc-jp", "utf-16le"]],
    ["파일을 찾을 수 없습니다. 경로를 확인하십시오.", ["euc-kr", "utf-16be"]],
  ];
  for (const [sample, charsets] of samples) {
    for (const entry of charsets) {
      const [charset, change] = entry.split(":") as [string, string?];
      const text = change ? sample.replaceAll(change[0]!, change.at(-1)!) : sample;
      test(`${charset}: ${text.slice(0, 24)}`, () => {
        expect(decodeText(encode(text, charset)).text).toBe(text);
        const embedded = `# Notes\n\nSome English text comes first here.\n\n${text}\n`;
        expect(decodeText(encode(embedded, charset)).text).toBe(embedded);
      });
    }
  }
});

test("a late passage decides as much as an early one", () => {
  const text = `${"Plain English line.\n".repeat(20_000)}Файл не найден, проверьте путь.\n`;
  expect(decodeText(encode(text, "windows-1251"))).toMatchObject({ text, charset: "windows-1251" });
});

test("valid UTF-8 is certain, with and without its mark", () => {
  expect(decodeText(utf8("naïve — 日本"))).toEqual({
    text: "naïve — 日本",
    charset: "utf-8",
    confidence: 1,
    warnings: [],
  });
  expect(decodeText(utf8("\ufeffabc")).text).toBe("abc");
});

test("a few bad bytes in UTF-8 are replaced and counted, not taken for another charset", () => {
  const bytes = new Uint8Array([...utf8("Größe überall, größer"), 0xff, ...utf8(" und "), 0xc3, ...utf8(" länger")]);
  const { charset, text, warnings } = decodeText(bytes);
  expect(charset).toBe("utf-8");
  expect(text).toContain("größer\ufffd und \ufffd länger");
  expect(warnings).toMatchObject([{ code: "undecodable_bytes", count: 2 }]);
});

test("byte order marks decide over everything", () => {
  for (const charset of ["utf-16le", "utf-16be"])
    expect(decodeText(encode("\ufeffhé", charset))).toMatchObject({ text: "hé", charset });
  const utf32 = new Uint8Array([0xff, 0xfe, 0, 0, 0x41, 0, 0, 0, 0x00, 0xf6, 0x01, 0]);
  expect(decodeText(utf32)).toMatchObject({ text: "A\u{1f600}", charset: "utf-32le" });
});

test("ISO-2022-JP, which is valid UTF-8 too, is known by its escapes", () => {
  const bytes = new Uint8Array([0x1b, 0x24, 0x42, 0x24, 0x33, 0x24, 0x73, 0x1b, 0x28, 0x42]);
  expect(decodeText(bytes)).toMatchObject({ text: "こん", charset: "iso-2022-jp" });
});

test("a declared charset is believed unless the bytes are UTF-8 or do not fit", () => {
  expect(decodeText(encode("ř", "iso-8859-2"), "ISO-8859-2").text).toBe("ř");
  expect(decodeText(utf8("ř"), "iso-8859-2").text).toBe("ř");
  expect(decodeText(encode("Привет, как дела сегодня", "windows-1251"), "no-such-charset").charset).toBe(
    "windows-1251",
  );
  expect(decodeText(encode("Привет, как дела сегодня", "windows-1251"), "euc-jp").charset).toBe("windows-1251");
});

test("an HTML document's own declaration is found in its head", () => {
  expect(declaredCharset(utf8('<html><head><meta charset="Shift_JIS">'))).toBe("Shift_JIS");
  expect(declaredCharset(utf8('<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">'))).toBe("koi8-r");
  expect(declaredCharset(utf8('<?xml version="1.0" encoding="windows-1250"?><html/>'))).toBe("windows-1250");
  expect(declaredCharset(utf8("<p>charset=koi8-r</p>"))).toBeUndefined();
});

test("a guess on little evidence says that it is one", () => {
  expect(decodeText(new Uint8Array([0x61, 0xe9])).warnings).toMatchObject([{ code: "charset_guessed" }]);
});
