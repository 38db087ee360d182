/** Numbers, sizes and times as people read them. Times are in UTC; the browser adds its own zone. */

export const count = (n: number): string => n.toLocaleString("en-US");

/** `1 source`, `2,300 sources`. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** Four characters or so: `812`, `12.4k`, `3.1M`. */
export function compact(n: number): string {
  if (n < 10_000) return count(n);
  return n.toLocaleString("en-US", { notation: "compact", maximumFractionDigits: 1 });
}

/** Of bytes: `812 B`, `3.4 kB`. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const value = bytes / 1000 ** power;
  return `${power > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

/** Of milliseconds: `340 ms`, `1.9 s`, `12 min 3 s`, `3 h 20 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** `2026-11-23 07:42:05 UTC`. */
export const utc = (time: Date): string => `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** How long ago: `now`, `5 s ago`, `3 min ago`, `2 h ago`, `4 d ago`, then the date. */
export function ago(time: Date, now = new Date()): string {
  const seconds = Math.round((now.getTime() - time.getTime()) / 1000);
  if (seconds < 0) return `in ${rough(-seconds)}`;
  if (seconds < 3) return "now";
  return seconds < 30 * 86_400 ? `${rough(seconds)} ago` : time.toISOString().slice(0, 10);
}

function rough(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** `last_author` → `Last author`. */
export function labelOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What a source type is called where people read it. */
export const SOURCE_NAMES: Record<string, string> = {
  CONFLUENCE_PAGE: "Confluence page",
  CONFLUENCE_ATTACHMENT: "Confluence attachment",
  FILE_CATALOG_OBJECT: "File",
  FILE_UPLOAD_OBJECT: "Upload",
};
