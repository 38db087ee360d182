/** A worker thread for the tests of the pool: speaks its messages and does what its name says. */
import type { FromThread, ToThread } from "../../src/worker/message.ts";

declare const self: Worker;
const say = (message: FromThread): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToThread>) => {
  if (data.kind === "stop") return say({ kind: "stopped" });
  say({ kind: "ready" });
  // The first thread of a slot has ".0" or ".1" as its number of starts; later ones stay.
  const starts = Number(data.name.split(".").at(-1));
  if (starts === 0)
    setTimeout(() => {
      throw new Error("this thread dies");
    }, 50);
};
