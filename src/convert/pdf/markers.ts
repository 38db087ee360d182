/**
 * Recognises what a list item starts with: a bullet, or a number or letter with a full stop or parenthesis.
 */
import type { Chunk } from "./rows.ts";

export interface Marker {
  ordered: boolean;
  /** Ordinal of an ordered item; letters count from 1. */
  number: number;
  /** What kind of counting it is: items of one list agree in it. */
  style: string;
  /** Length of the marker and the blanks behind it, in characters. */
  length: number;
}

/** Round, square, arrow and check marks, and the private-use codes that Symbol and Wingdings bullets come out as. */
const BULLET = /^(?:[•●○◦▪▫■□◆◇▶►▸‣⁃∙⚫➢➤➔✓✔✗❖·\ufffd]|[\uf020-\uf0ff]|[-–—*o](?=\s))\s*/u;
const NUMBER = /^(\(?)(\d{1,3})([.)])(?=\s|$)\s*/;
const LETTER = /^(\(?)([a-z])([.)])(?=\s|$)\s*/i;
const ROMAN = /^(\(?)([ivx]{1,5})([.)])(?=\s|$)\s*/;

/** The marker that a line starts with, if any. */
export function markerOf(text: string): Marker | undefined {
  const bullet = BULLET.exec(text);
  if (bullet) return { ordered: false, number: 0, style: bullet[0].trim(), length: bullet[0].length };
  const number = NUMBER.exec(text);
  if (number) return ordered(number, Number(number[2]), "1");
  const roman = ROMAN.exec(text);
  if (roman && (roman[2]!.length > 1 || roman[2] === "i")) return ordered(roman, romanValue(roman[2]!), "i");
  const letter = LETTER.exec(text);
  if (letter && (letter[1] || letter[3] === ")" || letter[2]! >= "a")) {
    return ordered(letter, letter[2]!.toLowerCase().charCodeAt(0) - 96, "a");
  }
  return undefined;
}

function ordered(match: RegExpExecArray, number: number, kind: string): Marker {
  return { ordered: true, number, style: `${match[1]}${kind}${match[3]}`, length: match[0].length };
}

function romanValue(text: string): number {
  const values = [...text].map((letter) => ({ i: 1, v: 5, x: 10 })[letter] ?? 0);
  return values.reduce((sum, value, index) => sum + (value < (values[index + 1] ?? 0) ? -value : value), 0);
}

/** Whether a piece is a bullet or a number and nothing else. */
export function isMarker(chunk: Chunk): boolean {
  const [word] = chunk.words;
  if (word?.font.dingbats && chunk.words.length === 1 && word.parts.length === 1) return true;
  const text = chunk.words.map((word) => word.parts.join("")).join(" ");
  return markerOf(`${text} x`)?.length === text.length + 1;
}
