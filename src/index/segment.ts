/**
 * Makes text searchable whose script puts no blanks between words. Postgres' parser would take a whole Chinese or Thai
 * sentence for one word, so runs of such scripts become overlapping pairs of characters; a query cut the same way finds
 * them. Pairs need no dictionary, and adjacent pairs carry enough order to rank by.
 */

/**
 * Han, kana, Hangul, Thai, Lao, Myanmar, Khmer, Bopomofo, the iteration and length marks among them, and Han beyond
 * U+FFFF. Hangul is written with blanks, but its endings are glued to the words, which `simple` cannot strip.
 */
const UNSEGMENTED =
  "\\u0e01-\\u0e3a\\u0e40-\\u0e4e\\u0e81-\\u0ebd\\u0ec0-\\u0ecd\\u0edc-\\u0edf\\u1000-\\u103f\\u1050-\\u109f\\u1100-\\u11ff\\u1780-\\u17d3" +
  "\\u17dc\\u17dd\\u3005-\\u3007\\u3041-\\u3096\\u3099\\u309a\\u309d-\\u309f\\u30a1-\\u30fa\\u30fc-\\u30ff\\u3105-\\u312f\\u3131-\\u318e\\u31f0-\\u31ff" +
  "\\u3400-\\u4dbf\\u4e00-\\u9fff\\ua960-\\ua97c\\uac00-\\ud7a3\\uf900-\\ufaff\\uff66-\\uff9f\\u{20000}-\\u{323af}";

const ANY = new RegExp(`[${UNSEGMENTED}]`, "u");
const RUN = new RegExp(`[${UNSEGMENTED}]+`, "gu");

/** Vowel signs, tone marks and other characters that make one letter with the one before: they never begin a pair. */
const MARK = /^\p{M}|^[\uff9e\uff9f]/u;

/** Whether `segmentForFts` would change the text. */
export function hasUnsegmentedScript(text: string): boolean {
  return ANY.test(text);
}

/**
 * The text with every run of an unsegmented script written as overlapping pairs of letters between blanks
 * ("全文検索" → "全文 文検 検索"); a single letter stays alone. Other text is unchanged. Documents and queries both
 * must go through it.
 */
export function segmentForFts(text: string): string {
  if (!ANY.test(text)) return text;
  return text.replace(RUN, (run) => ` ${pairs(run).join(" ")} `);
}

function pairs(run: string): string[] {
  const letters: string[] = [];
  for (const char of run) {
    if (letters.length > 0 && MARK.test(char)) letters[letters.length - 1] += char;
    else letters.push(char);
  }
  if (letters.length === 1) return letters;
  const all: string[] = [];
  for (let at = 0; at + 1 < letters.length; at++) all.push(letters[at]! + letters[at + 1]!);
  return all;
}
