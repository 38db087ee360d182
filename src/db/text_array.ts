/**
 * Many long texts as one parameter. The driver looks through every character of an array's elements for quotes and
 * backslashes; joined by a control character that no normalised text holds, they go through untouched.
 */
const SEPARATOR = "\x1f";

/**
 * One or more texts, to be read in SQL as `(string_to_array($1, E'\\x1f'))[2:]`: the first element is always empty, since
 * Postgres makes an empty array of an empty text.
 */
export function joinTexts(texts: string[]): string {
  const clean = texts.map((text) => (text.includes(SEPARATOR) ? text.replaceAll(SEPARATOR, " ") : text));
  return SEPARATOR + clean.join(SEPARATOR);
}
