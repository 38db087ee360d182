/**
 * Makes active content in Markdown inert: scripts, event handlers, and links whose scheme runs code or carries a whole
 * file. It must fail safe where browsers are lenient and Markdown parsers differ, so HTML blocks are read as a browser
 * would read them; in inline text code spans are left alone. Every change gives a text in which there is nothing left
 * to change, and never adds or removes a line end outside of a removed script.
 */

/** Where the caller counts what was disarmed. */
export interface Counter {
  add(code: string, message: string, count?: number): void;
}

/** Cheap over-approximation: false means that disarming would not change the text. */
export function mayBeActive(text: string): boolean {
  return ACTIVE_HINT.test(text) || HIDDEN_SCHEME.test(text);
}

const ACTIVE_HINT =
  /<\/?script|(?:script|mocha|data)\s*:|srcdoc|[\s/"']on[a-z]+\s*=|<\/?(?:object|embed|applet|base|plaintext|noembed|noframes|xmp)[\s/>]/i;

/**
 * An address that hides letters by entities or escapes, or an attribute value with a tab or line end in it. No bracket
 * stands before the colon of a scheme, so none is passed: without that, each of many `](` would read to the end of the text.
 */
const HIDDEN_SCHEME =
  /(?:\]\(|\]:|=)[\s<"']*[^\s<>"'=()[\]]*(?:&(?:#|colon;|tab;|newline;|shy;)|\\:)|=["'][^"']*[\t\n]/i;

const BAD_SCHEMES = ["javascript:", "vbscript:", "livescript:", "jscript:", "mocha:", "data:"];
const BAD_SCHEME = new RegExp(`^(?:${BAD_SCHEMES.join("|")})`);
const EMBEDDED_DATA = /^data:(?=[a-z0-9.+-]+\/|[;,])/;

/** What a browser makes of an address: entities and escapes resolved, blanks and controls dropped. */
function plainAddress(address: string): string {
  return address
    .replace(/&#x([0-9a-f]{1,6});?/gi, (_, hex: string) => point(Number.parseInt(hex, 16)))
    .replace(/&#(\d{1,7});?/g, (_, decimal: string) => point(Number(decimal)))
    .replace(/&(?:tab|newline|shy|zwnj|zerowidthspace);/gi, "")
    .replace(/&colon;/gi, ":")
    .replace(/\\(?=[!-/:-@[-`{-~])/g, "")
    .replace(/[\0-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028\u2029]+/g, "")
    .toLowerCase();
}

function point(code: number): string {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
}

/**
 * The address in a form that does nothing, or null if it is harmless. The prefix keeps it readable; the content of a
 * `data:` address is dropped, for it may be megabytes of base64 that no reader sees.
 */
function inertAddress(address: string, counter: Counter): string | null {
  const plain = plainAddress(address);
  if (!BAD_SCHEME.test(plain)) return null;
  if (plain.startsWith("data:")) {
    if (!EMBEDDED_DATA.test(plain)) return null;
    counter.add("embedded_data_removed", "The content of data: addresses was removed.");
    return `unsafe:data:${/^data:([a-z0-9.+/-]{0,60})/.exec(plain)![1]}`;
  }
  counter.add("active_link_disarmed", "Links that run code were made inert.");
  return `unsafe:${address.trim()}`;
}

/** Unclosed tags that one text may have before it counts as an attempt to cost time; then all of them become text. */
const UNCLOSED_MAX = 200;

const STOP = /\\[\s\S]|`+|<|\](?:\(|:)/g;

/** Disarms inline Markdown: tags, autolinks, link targets and definitions outside of code spans. */
export function disarmInline(text: string, counter: Counter): string {
  if (!mayBeActive(text)) return text;
  let out = "";
  let done = 0;
  let unclosed = 0;
  const unpaired = new Set<number>();
  const stop = new RegExp(STOP);
  for (let match = stop.exec(text); match; match = stop.exec(text)) {
    const at = match.index;
    const mark = match[0];
    if (mark[0] === "`") {
      const close = unpaired.has(mark.length) ? -1 : closingRun(text, stop.lastIndex, mark.length);
      if (close >= 0) stop.lastIndex = close;
      else unpaired.add(mark.length);
      continue;
    }
    if (mark[0] === "\\") {
      // Only punctuation can be escaped; a letter after a backslash may start the next stop.
      if (!/[!-/:-@[-`{-~]/.test(mark[1]!)) stop.lastIndex = at + 1;
      continue;
    }
    const change = mark === "<" ? changeAngle(text, at, counter) : changeTarget(text, stop.lastIndex, counter);
    if (change === "unclosed" && ++unclosed > UNCLOSED_MAX) return out + text.slice(done).replace(/</g, "&lt;");
    if (!change || change === "unclosed") continue;
    out += text.slice(done, change.start) + change.text;
    done = stop.lastIndex = change.end;
  }
  return done === 0 ? text : out + text.slice(done);
}

function closingRun(text: string, from: number, length: number): number {
  for (let at = text.indexOf("`", from); at >= 0; ) {
    let end = at;
    while (text[end] === "`") end++;
    if (end - at === length) return end;
    at = text.indexOf("`", end);
  }
  return -1;
}

interface Change {
  start: number;
  end: number;
  text: string;
}

function changeAngle(text: string, at: number, counter: Counter): Change | "unclosed" | null {
  const autolink = /<([a-z][a-z0-9+.-]{1,31}:[^\s<>]*)>/iy;
  autolink.lastIndex = at;
  const found = autolink.exec(text);
  if (found) {
    const inert = inertAddress(found[1]!, counter);
    return inert === null ? null : { start: at, end: autolink.lastIndex, text: `<${inert}>` };
  }
  if (!/[a-z/]/i.test(text[at + 1] ?? "")) return null;
  const end = text.indexOf(">", at) < 0 ? -1 : tagEnd(text, at);
  if (end < 0) return "unclosed";
  // What is no tag after all may hold a link.
  const tag = disarmTag(text.slice(at, end), counter).replace(
    /\]([(:])(\s*)([^\s)]+)/g,
    (whole, open: string, blank: string, address: string) => {
      const inert = inertAddress(address.replace(/^</, ""), counter);
      return inert === null ? whole : `]${open}${blank}${inert}`;
    },
  );
  return { start: at, end, text: tag };
}

/** Whether an address that starts so can be a bad one; a cheap look, since every bracket of a text may come here. */
function startsBadly(head: string): boolean {
  if (!/^[\s<>]*(?:[jvlmd&\\]|$)/i.test(head)) return false;
  const plain = plainAddress(head.replace(/^[\s<>]+/, ""));
  return BAD_SCHEME.test(plain) || BAD_SCHEMES.some((scheme) => scheme.startsWith(plain));
}

/** The target after `](` or `]:`. */
function changeTarget(text: string, from: number, counter: Counter): Change | null {
  if (!startsBadly(text.slice(from, from + 200))) return null;
  const target = /[ \t\n>]*(?:<([^<>\n]*)>|([^\s<]\S*))/y;
  target.lastIndex = from;
  const found = target.exec(text);
  if (!found) return null;
  const address = found[1] ?? found[2]!;
  // Without angle brackets the target ends at the parenthesis that closes the link.
  const length = found[1] === undefined && text[from - 1] === "(" ? balanced(address) : address.length;
  const inert = inertAddress(address.slice(0, length), counter);
  if (inert === null) return null;
  const start = target.lastIndex - address.length - (found[1] === undefined ? 0 : 1);
  return { start, end: start + length, text: inert };
}

function balanced(address: string): number {
  let depth = 0;
  for (let at = 0; at < address.length; at++) {
    if (address[at] === "\\") at++;
    else if (address[at] === "(") depth++;
    else if (address[at] === ")" && depth-- === 0) return at;
  }
  return address.length;
}

/** Elements that run or load code, or end all markup. Their tags become text. */
const ACTIVE_TAG = /^<(\/?)(script|object|embed|applet|base|plaintext|noembed|noframes|xmp)(?=[\s/>]|$)/i;

/** Disarms a block of raw HTML. Scripts go with their content, which no reader sees. */
export function disarmHtml(text: string, counter: Counter): string {
  const html = removeScripts(text, counter);
  let out = "";
  let at = 0;
  for (let open = html.indexOf("<"); open >= 0; open = html.indexOf("<", at)) {
    out += html.slice(at, open);
    const end = /[a-z/]/i.test(html[open + 1] ?? "") ? tagEnd(html, open) : open + 1;
    if (end < 0) return out + disarmOpenEnd(html.slice(open), counter);
    out += disarmTag(html.slice(open, end), counter);
    at = end;
  }
  return out + html.slice(at);
}

/** Line ends of the scripts stay, so that the block keeps its number of lines. */
function removeScripts(text: string, counter: Counter): string {
  let out = "";
  let at = 0;
  const open = /<script(?=[\s/>])/gi;
  const close = /<\/script[^>]*>/gi;
  for (let start = open.exec(text); start; start = open.exec(text)) {
    close.lastIndex = open.lastIndex;
    if (!close.exec(text)) break;
    counter.add("scripts_removed", "Scripts were removed.");
    out += text.slice(at, start.index) + "\n".repeat(text.slice(start.index, close.lastIndex).split("\n").length - 1);
    at = open.lastIndex = close.lastIndex;
  }
  return at === 0 ? text : out + text.slice(at);
}

/** A tag that is never closed is open to any reading, so whatever could act goes wherever it stands. */
function disarmOpenEnd(rest: string, counter: Counter): string {
  const tags = rest.replace(/<(?=\/?(?:script|object|embed|applet|base)\b)/gi, "&lt;");
  return disarmTag(tags.replace(/([\s"'/])(on[a-z]+|srcdoc)(?=\s*=)/gi, "$1data-$2"), counter);
}

/**
 * Where the tag that starts at `at` ends, quoted values skipped; -1 if it does not end. A `>` at the start of a line
 * may be the mark of a quote around the tag as well, so it does not count as the end.
 */
function tagEnd(text: string, at: number): number {
  let lineStart = false;
  let afterEquals = false;
  for (let next = at + 1; next < text.length; next++) {
    const char = text[next]!;
    if (char === ">" && !lineStart) return next + 1;
    if ((char === '"' || char === "'") && afterEquals) {
      const close = text.indexOf(char, next + 1);
      if (close < 0) return -1;
      next = close;
    }
    if (char === "\n") lineStart = true;
    else if (char !== " " && char !== ">") lineStart = false;
    if (char !== " " && char !== "\n" && char !== "\t") afterEquals = char === "=";
  }
  return -1;
}

/** Attributes that hold an address, or text that becomes one. */
const ADDRESS =
  /^(?:(?:xlink:)?href|src|action|formaction|data|poster|background|cite|codebase|longdesc|ping|lowsrc|dynsrc|code|content|values|from|to|by)$/i;

const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s>]+)/g;

function disarmTag(tag: string, counter: Counter): string {
  if (ACTIVE_TAG.test(tag)) {
    counter.add("scripts_disarmed", "Tags that load or run code were turned into text.");
    return `&lt;${tag.slice(1).replaceAll("<", "&lt;")}`;
  }
  // In a quoted value the entity means the same; elsewhere this is no tag, and what begins here might be one.
  const single = `<${tag.slice(1).replaceAll("<", "&lt;")}`;
  if (!tag.includes("=")) return single;
  return single.replace(ATTRIBUTE, (whole, name: string, equals: string, value: string) => {
    if (/^(?:on[a-z]+|srcdoc)$/i.test(name)) {
      counter.add("event_handlers_disarmed", "Event handlers in HTML were made inert.");
      return `data-${whole}`;
    }
    const quote = value[0] === '"' || value[0] === "'" ? value[0] : "";
    const bare = quote ? value.slice(1, -1) : value;
    const inert = !ADDRESS.test(name)
      ? null
      : inertAddress(bare.replace(/^\s*\d*\s*;?\s*url\s*=\s*['"]?/i, ""), counter);
    return inert === null ? whole : `${name}${equals}${quote}${inert}${quote}`;
  });
}
