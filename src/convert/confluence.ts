/** Confluence storage format, read as HTML for now: elements keep their text, macros their body. */
import type { Converter } from "./converted.ts";
import { convertHtml } from "./html.ts";

export const convertConfluence: Converter = (bytes, limits) => convertHtml(bytes, limits);
