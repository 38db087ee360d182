/**
 * What a CQL search finds: fields space, type, id, parent, ancestor, container, label, title, text, creator, created
 * and lastmodified. Dates are indexed by the minute and literals are read in the user's time zone, without seconds and
 * without zones, so `lastmodified > "10:00"` misses an edit at 10:00:30. The status of content is no field.
 */

import { type Content, isPage, type Page, type Space, type Version } from "./contents.ts";
import { type Condition, type Operator, parseCql, unparseable, type Value } from "./cql_parse.ts";
import type { Quirks } from "./paging.ts";
import type { Site } from "./site.ts";

export interface SearchOptions {
  quirks: Quirks;
  includeArchivedSpaces: boolean;
  deployment: "cloud" | "datacenter";
}

/** A row of the index; it may lag behind the content. */
interface Row {
  content: Content;
  owner: Page;
  space: Space;
  version: Version;
}

const MINUTE = 60_000;
const TYPES = new Set([
  "page",
  "blogpost",
  "comment",
  "attachment",
  "space",
  "whiteboard",
  "database",
  "folder",
  "embed",
  "custom",
]);
type Test = (row: Row) => boolean;

/** Everything the query finds, in its order (by id when it names none), before permissions. Throws the 400 of bad CQL. */
export function searchCql(site: Site, cql: string, options: SearchOptions): Content[] {
  const query = parseCql(cql);
  const test = query.where ? testOf(query.where, site, cql) : () => true;
  const rows: Row[] = [];
  const until = site.now - options.quirks.searchDelayMs;
  for (const content of site.contents()) {
    const row = indexed(site, content, until, options);
    if (row && test(row)) rows.push(row);
  }
  const orders = query.order.map(({ field, descending }) => ({
    key: sortKeyOf(field, cql),
    sign: descending ? -1 : 1,
  }));
  if (orders.length > 0)
    rows.sort((a, b) => {
      for (const { key, sign } of orders) {
        const [left, right] = [key(a), key(b)];
        if (left !== right) return left < right ? -sign : sign;
      }
      return a.content.num - b.content.num;
    });
  return rows.map((row) => row.content);
}

function indexed(site: Site, content: Content, until: number, options: SearchOptions): Row | null {
  const owner = site.ownerOf(content);
  const space = site.spaces.get(owner.spaceId)!;
  if (space.status === "archived" && !options.includeArchivedSpaces) return null;
  if (content.status === "trashed" || owner.status === "trashed") return null;
  if (owner.status === "archived" && !options.quirks.searchFindsArchived) return null;
  if (options.quirks.searchDelayMs === 0) return { content, owner, space, version: content.versions.at(-1)! };
  const version = content.versions.findLast((one) => one.when <= until);
  return version ? { content, owner, space, version } : null;
}

function testOf(condition: Condition, site: Site, cql: string): Test {
  if (condition.kind === "not") {
    const test = testOf(condition.part, site, cql);
    return (row) => !test(row);
  }
  if (condition.kind !== "clause") {
    const tests = condition.parts.map((part) => testOf(part, site, cql));
    return condition.kind === "and"
      ? (row) => tests.every((test) => test(row))
      : (row) => tests.some((test) => test(row));
  }
  return clauseOf(condition.field, condition.operator, condition.values, site, cql);
}

const isList = (operator: Operator): boolean => operator === "in" || operator === "not in";
const isNegative = (operator: Operator): boolean => operator === "!=" || operator === "not in" || operator === "!~";

function clauseOf(field: string, operator: Operator, values: Value[], site: Site, cql: string): Test {
  const oneOf = (read: (row: Row) => readonly string[]): Test => {
    if (!["=", "!=", "in", "not in"].includes(operator) || values.some((value) => value.call)) throw unparseable(cql);
    const wanted = new Set(values.map((value) => value.text));
    return (row) => read(row).some((value) => wanted.has(value)) !== isNegative(operator);
  };
  switch (field) {
    case "space":
    case "space.key":
      if (isList(operator) && values.some((value) => !value.quoted)) throw unparseable(cql);
      return oneOf((row) => [row.space.key]);
    case "type":
      if (values.some((value) => !TYPES.has(value.text))) throw unparseable(cql);
      return oneOf((row) => [row.content.kind]);
    case "id":
    case "content":
      if (values.some((value) => !/^(att)?\d+$/.test(value.text))) throw unparseable(cql);
      return oneOf((row) => [row.content.id, String(row.content.num)]);
    case "label":
      return oneOf((row) => row.content.labels);
    case "parent":
      return oneOf((row) => (row.content.kind === "page" ? [row.content.parentId ?? ""] : []));
    case "ancestor":
      return oneOf((row) => (row.owner.kind === "page" ? ancestorIds(site, row) : []));
    case "container":
      return oneOf((row) => (isPage(row.content) ? [] : [row.content.containerId]));
    case "creator":
    case "contributor":
      return oneOf((row) =>
        field === "creator" ? [row.content.createdBy] : row.content.versions.map((version) => version.by),
      );
    case "created":
      return dated(operator, values, site, cql, (row) => row.content.createdAt);
    case "lastmodified":
      return dated(operator, values, site, cql, (row) => row.version.when);
    case "title":
      return operator === "~" || operator === "!~"
        ? worded(operator, values, (row) => row.version.title)
        : oneOf((row) => [row.version.title]);
    case "text":
    case "sitesearch":
      if (operator !== "~" && operator !== "!~") throw unparseable(cql);
      return worded(operator, values, (row) => `${row.version.title} ${site.bodyOf(row.version)}`);
    default:
      throw unparseable(cql);
  }
}

/** Of a page what is above it; of a comment or attachment its page too. */
function ancestorIds(site: Site, row: Row): string[] {
  const ids = site.ancestorsOf(row.owner).map((page) => page.id);
  return row.content === row.owner ? ids : [...ids, row.owner.id];
}

function worded(operator: Operator, values: Value[], read: (row: Row) => string): Test {
  const words = values[0]!.text.toLowerCase().replaceAll(/["*]/g, " ").split(/\s+/).filter(Boolean);
  return (row) => {
    const text = read(row).toLowerCase();
    return words.every((word) => text.includes(word)) !== isNegative(operator);
  };
}

function dated(operator: Operator, values: Value[], site: Site, cql: string, read: (row: Row) => number): Test {
  const limit = instantOf(values[0]!, site, cql);
  const at = (row: Row) => Math.floor(read(row) / MINUTE) * MINUTE;
  switch (operator) {
    case ">":
      return (row) => at(row) > limit;
    case ">=":
      return (row) => at(row) >= limit;
    case "<":
      return (row) => at(row) < limit;
    case "<=":
      return (row) => at(row) <= limit;
    case "=":
      return (row) => at(row) === limit;
    case "!=":
      return (row) => at(row) !== limit;
    default:
      throw unparseable(cql);
  }
}

const UNITS: Record<string, number> = { y: 365 * 24 * 60, M: 30 * 24 * 60, w: 7 * 24 * 60, d: 24 * 60, h: 60, m: 1 };

/** The moment that a literal or now("-4h") or startOfDay() names. */
function instantOf(value: Value, site: Site, cql: string): number {
  if (value.call !== null) {
    const offset = /^([+-]?\d+)([yMwdhm])$/.exec(value.text);
    if (value.text !== "" && !offset) throw unparseable(cql);
    const shift = offset ? Number(offset[1]) * UNITS[offset[2]!]! * MINUTE : 0;
    if (value.call === "now") return Math.floor((site.now + shift) / MINUTE) * MINUTE;
    if (value.call !== "startofday") throw unparseable(cql);
    const local = new Date(site.now + offsetOf(site.timeZone, site.now));
    return zoned(Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()), site.timeZone) + shift;
  }
  const match = /^(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?: (\d{1,2}):(\d{2}))?$/.exec(value.text);
  if (!match) throw unparseable(cql);
  const [, year, , month, day, hour = "0", minute = "0"] = match;
  return zoned(Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute)), site.timeZone);
}

/** The instant at which clocks in this zone show what `local` shows in UTC. */
function zoned(local: number, timeZone: string): number {
  const guess = local - offsetOf(timeZone, local);
  return local - offsetOf(timeZone, guess);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Milliseconds by which the zone is ahead of UTC at this instant. */
export function offsetOf(timeZone: string, instant: number): number {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(instant)) part[type] = Number(value);
  return (
    Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!) -
    Math.floor(instant / 1000) * 1000
  );
}

function sortKeyOf(field: string, cql: string): (row: Row) => string | number {
  switch (field) {
    case "lastmodified":
      return (row) => Math.floor(row.version.when / MINUTE);
    case "created":
      return (row) => Math.floor(row.content.createdAt / MINUTE);
    case "title":
      return (row) => row.version.title.toLowerCase();
    case "space":
      return (row) => row.space.key;
    case "type":
      return (row) => row.content.kind;
    case "id":
      return (row) => row.content.num;
    default:
      throw unparseable(cql);
  }
}
