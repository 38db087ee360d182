/** A conversion child that does what a request's name says; it speaks the same frames as the real one. */
import { writeSync } from "node:fs";
import { getPriority } from "node:os";
import { errorToData, PermanentError } from "../../src/errors.ts";
import { frameHead, readFrames } from "../../src/worker/frames.ts";

const write = (bytes: Uint8Array) => {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
};
const answer = (header: object, markdown = "") => {
  const body = new TextEncoder().encode(markdown);
  write(frameHead(header, body.length));
  write(body);
};
const done = (markdown: string, metadata: object = {}) =>
  answer({ kind: "done", format: "pdf", title: null, language: null, metadata, warnings: [] }, markdown);

let served = 0;
if (process.argv.includes("never-ready")) process.exit(7);
answer({ kind: "ready" });
for await (const { header, body } of readFrames(Bun.stdin.stream())) {
  const { name } = header as { name: string };
  served++;
  if (name === "hang") for (;;);
  if (name === "hog") {
    const hoard: Uint8Array[] = [];
    for (;;) hoard.push(new Uint8Array(8 << 20).fill(1));
  }
  if (name === "crash") {
    console.error("parser: segment 7 is broken");
    process.exit(3);
  }
  if (name === "crash-when-used" && served > 1) process.exit(3);
  if (name === "garbage") write(new Uint8Array(64).fill(0x7a));
  else if (name === "malformed")
    answer({ kind: "failed", error: errorToData(new PermanentError("convert.malformed", "broken", { page: 3 })) });
  else if (name === "about") done("", { pid: process.pid, served, env: Object.keys(process.env), nice: getPriority() });
  else done(new TextDecoder("utf-8", { ignoreBOM: true }).decode(body));
}
