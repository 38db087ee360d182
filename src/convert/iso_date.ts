/**
 * Reads the dates that documents state of themselves into ISO 8601 without inventing anything: no time zone is assumed,
 * and a date whose order of day and month is unclear stays as it is.
 */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * A date in ISO 8601 (`2024-05-01`, `2024-05-01T10:00:00+02:00`), or null if the text is none.
 * @param american reads `05/01/2024` as May 1st, for sources that are known to write so.
 */
export function isoDate(text: string, american = false): string | null {
  const numeric =
    /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(
      text.trim(),
    );
  if (numeric) {
    const [, year, month, day, hour, minute, second, zone] = numeric;
    const date = calendarDate(Number(year), Number(month), Number(day));
    if (!date || hour === undefined) return date;
    if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 60) return null;
    const offset = zone ? zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, "$1:$2") : "";
    return `${date}T${hour.padStart(2, "0")}:${minute}:${second ?? "00"}${offset}`;
  }
  const slashed = american ? /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text.trim()) : null;
  if (slashed) return calendarDate(Number(slashed[3]), Number(slashed[1]), Number(slashed[2]));
  return namedMonth(text.trim());
}

/** `May 1, 2024`, `1 May 2024`. */
function namedMonth(text: string): string | null {
  const us = /^([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/i.exec(text);
  const eu = /^(\d{1,2})(?:st|nd|rd|th)?\.? ([a-z]{3,9})\.?,? (\d{4})$/i.exec(text);
  const [name, day, year] = us ? [us[1]!, us[2]!, us[3]!] : eu ? [eu[2]!, eu[1]!, eu[3]!] : ["", "", ""];
  const month = MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;
  return month > 0 ? calendarDate(Number(year), month, Number(day)) : null;
}

function calendarDate(year: number, month: number, day: number): string | null {
  const daysInMonth = [
    31,
    year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28,
    31,
    30,
    31,
    30,
    31,
    31,
    30,
    31,
    30,
    31,
  ];
  if (year < 1000 || month < 1 || month > 12 || day < 1 || day > daysInMonth[month - 1]!) return null;
  return `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}
