/** Finds the end of inline code spans, in which no Markdown means anything: link and sentence readers step over them. */

const BACKTICK = 96;

/**
 * The offset behind the code span that opens at `at` (a backtick), or behind that run of backticks when nothing before
 * `end` closes it. `unclosed` remembers run lengths that have no closer, so that a range is searched once per length;
 * use a new set for each range.
 */
export function afterCodeSpan(text: string, at: number, end: number, unclosed: Set<number>): number {
  let open = at;
  while (open < end && text.charCodeAt(open) === BACKTICK) open++;
  const length = open - at;
  if (unclosed.has(length)) return open;
  for (let scan = open; scan < end; scan++) {
    if (text.charCodeAt(scan) !== BACKTICK) continue;
    const run = scan;
    while (scan < end && text.charCodeAt(scan) === BACKTICK) scan++;
    if (scan - run === length) return scan;
  }
  unclosed.add(length);
  return open;
}
