/**
 * Decides in which language a document is written and which text-search configuration of Postgres stems it. What the
 * text shows outweighs what the document declares, since authoring programs declare the language of their own user
 * interface; the declaration decides where the text is too short or too mixed to tell.
 */

export interface DocumentLanguage {
  /** ISO 639-1, "und" when unsure. */
  language: string;
  /** Name of a configuration that every supported Postgres has; "simple" does not stem. */
  ftsConfig: string;
}

/**
 * Languages that Postgres 14 and later all stem. Estonian is left out: only Postgres 18 has it, and an unknown
 * configuration would fail the whole statement.
 */
const FTS_CONFIGS: Record<string, string> = {
  ar: "arabic",
  ca: "catalan",
  da: "danish",
  de: "german",
  el: "greek",
  en: "english",
  es: "spanish",
  eu: "basque",
  fi: "finnish",
  fr: "french",
  ga: "irish",
  hi: "hindi",
  hu: "hungarian",
  hy: "armenian",
  id: "indonesian",
  it: "italian",
  lt: "lithuanian",
  ne: "nepali",
  nl: "dutch",
  no: "norwegian",
  pt: "portuguese",
  ro: "romanian",
  ru: "russian",
  sr: "serbian",
  sv: "swedish",
  ta: "tamil",
  tr: "turkish",
  yi: "yiddish",
};

/** Other codes for the same languages: three letters, old ones, the written forms of Norwegian. */
const SAME_LANGUAGE: Record<string, string> = {
  nb: "no",
  nn: "no",
  in: "id",
  iw: "he",
  ji: "yi",
  eng: "en",
  deu: "de",
  ger: "de",
  fra: "fr",
  fre: "fr",
  spa: "es",
  ita: "it",
  por: "pt",
  nld: "nl",
  dut: "nl",
  rus: "ru",
  zho: "zh",
  chi: "zh",
  jpn: "ja",
  kor: "ko",
};

/** The detector's time grows with the text, its accuracy hardly does beyond this. */
const SAMPLE_CHARS_MAX = 600;
/** Source read to fill the sample: a document may begin with pages of code. */
const SOURCE_CHARS_MAX = 48_000;
/** With fewer letters a declaration is better evidence than the text. */
const LETTERS_MIN = 40;

type Model = typeof import("./language_model.ts");
let model: Model | undefined;

/** Loaded at first use, and at once: `detectLanguage` is called where nothing can be awaited. */
function loadModel(): Model {
  model ??= require("./language_model.ts") as Model;
  return model;
}

/**
 * Language of a document from its Markdown (code, URLs and markup are left out) and from what it declares (BCP 47).
 * Takes about 0.1 ms.
 */
export function detectLanguage(markdown: string, declared?: string | null): DocumentLanguage {
  const sample = proseSample(markdown);
  const stated = primarySubtag(declared);
  const letters = sample.match(/\p{L}/gu)?.length ?? 0;
  const read = letters === 0 ? null : readLanguage(sample, letters);
  const trusted = letters >= LETTERS_MIN || !stated;
  const language = (trusted ? read : null) ?? stated ?? read ?? "und";
  return { language, ftsConfig: FTS_CONFIGS[language] ?? "simple" };
}

function readLanguage(sample: string, letters: number): string | null {
  const byRule = languageByRule(sample, letters);
  if (byRule) return byRule;
  const result = loadModel().detector.detect(sample);
  if (!result.language || !result.isReliable()) return null;
  return SAME_LANGUAGE[result.language] ?? result.language;
}

/** Scripts that tell at once, with the share of letters that they must have; Japanese has Han among its kana. */
const SCRIPTS: [language: string, script: RegExp, shareMin: number][] = [
  ["ja", /[\u3041-\u3096\u30a1-\u30fa]/g, 0.1],
  ["ko", /[\uac00-\ud7a3]/g, 0.3],
  ["zh", /[\u3400-\u9fff]/g, 0.3],
  ["th", /[\u0e01-\u0e2e]/g, 0.3],
  ["he", /[\u05d0-\u05f2]/g, 0.3],
];
const YIDDISH = /[\u05f0-\u05f2]|\u05d0[\u05b7\u05b8]/;
const NEPALI_WORDS = /(?<![\p{L}\p{M}])(?:छ|छन्|हुन्छ|गर्न|पनि|लागि)(?![\p{L}\p{M}])/gu;
const IRISH_WORDS = /(?<!\p{L})(?:agus|bhí|tá|níl|sé|atá|leis|ach)(?!\p{L})/giu;

/** Words that no other language has in such numbers. Most documents are English: they never load the model (44 MB). */
const ENGLISH_WORDS = /\b(?:the|and|of|to|that|with|this|you|are|from|which|when|your|can|use|has|not)\b/gi;

/** What the script tells, plain English, and the three languages that Postgres stems but the detector does not know. */
function languageByRule(sample: string, letters: number): string | null {
  if (/[^\u0000-\u024f]/.test(sample)) {
    for (const [language, script, shareMin] of SCRIPTS) {
      if ((sample.match(script)?.length ?? 0) < Math.max(1, letters * shareMin)) continue;
      return language === "he" && YIDDISH.test(sample) ? "yi" : language;
    }
    if (/[\u0900-\u097f]/.test(sample) && share(sample, NEPALI_WORDS) > 0.02) return "ne";
  }
  if (/\bthe\b/i.test(sample) && share(sample, ENGLISH_WORDS) > 0.12) return "en";
  return sample.includes("agus") && share(sample, IRISH_WORDS) > 0.06 ? "ga" : null;
}

/** Matches per word. */
function share(sample: string, pattern: RegExp): number {
  const found = sample.match(pattern)?.length ?? 0;
  return found < 2 ? 0 : found / sample.split(/\s+/).length;
}

function primarySubtag(tag: string | null | undefined): string | null {
  const primary = /^\s*([a-zA-Z]{2,3})(?![a-zA-Z])/.exec(tag ?? "")?.[1]?.toLowerCase();
  if (!primary || primary === "und" || primary === "mul" || primary === "zxx") return null;
  const known = SAME_LANGUAGE[primary] ?? primary;
  return known.length === 2 ? known : null;
}

/**
 * Prose from the beginning of the Markdown and, if it is long, from its middle: title pages and notices are often in
 * another language than the text, or in several.
 */
function proseSample(markdown: string): string {
  const most = Math.floor(SAMPLE_CHARS_MAX * 0.7);
  const middle = Math.floor(markdown.length / 2);
  if (middle < 4 * SAMPLE_CHARS_MAX) return readProse(markdown, 0, SAMPLE_CHARS_MAX);
  const fences = markdown.slice(0, middle).match(/^ {0,3}(?:```|~~~)/gm)?.length ?? 0;
  const inside = fences % 2 === 0 ? -1 : markdown.slice(middle).search(/^ {0,3}(?:```|~~~)/m);
  const text = readProse(markdown, inside < 0 ? middle : markdown.indexOf("\n", middle + inside), most);
  return readProse(markdown, 0, SAMPLE_CHARS_MAX - text.length) + text;
}

/** Up to `charsMax` characters of prose from `from` on. */
function readProse(markdown: string, from: number, charsMax: number): string {
  let prose = "";
  let fence = "";
  const limit = Math.min(markdown.length, from + SOURCE_CHARS_MAX);
  for (let start = from; start < limit && prose.length < charsMax; ) {
    let end = markdown.indexOf("\n", start);
    if (end < 0 || end > start + SAMPLE_CHARS_MAX) end = Math.min(markdown.length, start + SAMPLE_CHARS_MAX);
    const line = markdown.slice(start, end);
    start = end + 1;
    const mark = /^[\s>]*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence) {
      if (mark?.startsWith(fence)) fence = "";
    } else if (mark) fence = mark;
    else if (!/^(?: {4}|\t|\s*$|\s*<!--|\s*\|?[\s|:-]+$)/.test(line)) prose += `${proseOf(line)} `;
  }
  return prose.slice(0, charsMax);
}

function proseOf(line: string): string {
  let text = line;
  if (/[`<\]]/.test(text)) {
    text = text
      .replace(/`[^`]{0,400}`/g, " ")
      .replace(/\]\([^()\s]{0,400}[^()]{0,100}\)|\]\[[^\]]{0,100}\]/g, " ")
      .replace(/<[^<>]{1,400}>/g, " ");
  }
  // A word with a slash, an underscore or the like is a path, a name or a URL.
  if (/[_/\\@=]/.test(text)) text = text.replace(/[^\s_/\\@=]*[_/\\@=]\S*/g, " ");
  return text.replace(/[^\p{L}\p{M}\p{N}.,;:!?'’-]+/gu, " ").trim();
}
