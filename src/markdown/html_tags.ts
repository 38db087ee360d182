/**
 * Finds the tags of an HTML text as the HTML standard's tokenizer does, in one pass: quoted values may hold `>`, comments
 * and scripts hold no tags, and a tag that never ends takes the rest of the page with it.
 */

export interface Tag {
  /** Lower case. */
  name: string;
  isEnd: boolean;
  start: number;
  /** Behind the `>`. */
  end: number;
  attributes: number;
}

/** Elements whose content is text up to their end tag. */
const RAW_TEXT: ReadonlySet<string> = new Set([
  "script",
  "style",
  "textarea",
  "title",
  "xmp",
  "iframe",
  "noembed",
  "noframes",
]);

export function* tagsOf(html: string): Generator<Tag> {
  let at = html.indexOf("<");
  while (at >= 0) {
    let next = at + 1;
    if (html.startsWith("<!--", at)) next = behind(html, "-->", at + 2);
    else if (isLetter(html.charCodeAt(at + 1)) || (html[at + 1] === "/" && isLetter(html.charCodeAt(at + 2)))) {
      const tag = readTag(html, at);
      if (tag === null) return;
      yield tag;
      next = !tag.isEnd && RAW_TEXT.has(tag.name) ? behindRawText(html, tag) : tag.end;
    }
    at = html.indexOf("<", next);
  }
}

function behind(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found < 0 ? html.length : found + mark.length;
}

function behindRawText(html: string, { name, end }: Tag): number {
  for (let at = html.indexOf("</", end); at >= 0; at = html.indexOf("</", at + 2)) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  }
  return html.length;
}

function readTag(html: string, start: number): Tag | null {
  const isEnd = html[start + 1] === "/";
  let at = start + (isEnd ? 2 : 1);
  const nameStart = at;
  while (at < html.length && !endsName(html.charCodeAt(at), false)) at++;
  const name = html.slice(nameStart, at).toLowerCase();
  for (let attributes = 0; at < html.length; attributes++) {
    while (at < html.length && (isBlank(html.charCodeAt(at)) || html[at] === "/")) at++;
    if (html[at] === ">") return { name, isEnd, start, end: at + 1, attributes };
    at++;
    while (at < html.length && !endsName(html.charCodeAt(at), true)) at++;
    let value = at;
    while (isBlank(html.charCodeAt(value))) value++;
    if (html[value] !== "=") continue;
    value++;
    while (isBlank(html.charCodeAt(value))) value++;
    const quote = html[value];
    if (quote === '"' || quote === "'") at = behind(html, quote, value + 1);
    else {
      at = value;
      while (at < html.length && !isBlank(html.charCodeAt(at)) && html[at] !== ">") at++;
    }
  }
  return null;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d || code === 0x0c;
}

function endsName(code: number, isAttribute: boolean): boolean {
  return isBlank(code) || code === 0x2f || code === 0x3e || (isAttribute && code === 0x3d);
}
