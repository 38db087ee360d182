import { describe, expect, test } from "bun:test";
import { detectLanguage } from "../../src/index/language.ts";

const SENTENCES: [string, string, string][] = [
  ["en", "english", "The operator keeps every version of a document, so that nothing is lost when somebody edits it."],
  ["de", "german", "Die Datenbank speichert jede Fassung eines Dokuments, damit bei Änderungen nichts verloren geht."],
  ["fr", "french", "La base de données conserve chaque version d'un document afin que rien ne soit perdu."],
  ["es", "spanish", "La base de datos guarda cada versión de un documento para que no se pierda nada."],
  ["it", "italian", "La banca dati conserva ogni versione di un documento, così che niente vada perduto."],
  ["nl", "dutch", "De gegevensbank bewaart elke versie van een document, zodat er niets verloren gaat."],
  ["ru", "russian", "База данных хранит каждую версию документа, чтобы ничего не потерялось."],
  ["pl", "simple", "Baza danych przechowuje każdą wersję dokumentu, aby nic nie zostało utracone."],
  ["zh", "simple", "数据库保存文档的每一个版本，这样编辑之后不会丢失任何内容。"],
  ["ja", "simple", "データベースは文書のすべての版を保存します。"],
  ["ko", "simple", "데이터베이스는 문서의 모든 버전을 저장하므로 아무것도 잃어버리지 않습니다."],
  ["hi", "hindi", "यह डेटाबेस दस्तावेज़ का हर संस्करण सुरक्षित रखता है ताकि कुछ भी न खोए।"],
  ["ne", "nepali", "यो प्रणालीले कागजातको हरेक संस्करण राख्छ। यसमा धेरै काम गर्न पनि सकिन्छ र यो राम्रो छ।"],
  [
    "ga",
    "irish",
    "Tá gach leagan den cháipéis sa bhunachar agus níl aon rud caillte, ach bhí sé deacair é a dhéanamh.",
  ],
  ["yi", "yiddish", "די דאַטנבאַזע האַלט יעדע ווערסיע פֿון אַ דאָקומענט, אַזוי אַז גאָרנישט ווערט פֿאַרלוירן."],
];

describe("detectLanguage", () => {
  for (const [language, ftsConfig, sentence] of SENTENCES) {
    test(`reads ${language} and takes the configuration ${ftsConfig}`, () => {
      expect(detectLanguage(sentence)).toEqual({ language, ftsConfig });
    });
  }

  test("looks past code, URLs and markup", () => {
    const code =
      "```python\nfor the_item in the_list: print(the_item)  # this is the english comment of the code\n```\n";
    const markdown = `${code.repeat(20)}\n[Die Seite](https://example.com/the/english/path) beschreibt, wie man \`the_function\` aufruft und was sie zurückgibt.\n`;
    expect(detectLanguage(markdown).language).toBe("de");
  });

  test("is not misled by a title page in another language or by a few foreign letters", () => {
    const english = SENTENCES[0]![2];
    const notice = "Tous droits réservés. Service à la clientèle du gouvernement du Canada, ressources naturelles. ";
    expect(detectLanguage(`${notice.repeat(3)}\n\n${`${english}\n\n`.repeat(200)}`).language).toBe("en");
    expect(detectLanguage(`${english} Tokyo is written 東京 or とうきょう.`).language).toBe("en");
    expect(
      detectLanguage("Hyper-Connected 초연결 네트워킹 Edge Computing 엣지컴퓨팅 그린 블록체인 스마트시티").language,
    ).toBe("ko");
  });

  test("trusts the text more than the declaration, and the declaration where there is hardly text", () => {
    expect(detectLanguage(SENTENCES[1]![2], "en-US").language).toBe("de");
    expect(detectLanguage("Übersicht", "de-DE")).toEqual({ language: "de", ftsConfig: "german" });
    expect(detectLanguage("| 1 | 2 |", "nb-NO")).toEqual({ language: "no", ftsConfig: "norwegian" });
    expect(detectLanguage("12 34", "fre").language).toBe("fr");
  });

  test("is unsure where nothing tells", () => {
    for (const declared of [undefined, null, "", "und", "x-klingon", "not a tag"]) {
      expect(detectLanguage("123 456", declared)).toEqual({ language: "und", ftsConfig: "simple" });
    }
  });
});
