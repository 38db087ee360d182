/** A worker thread for the tests of the pool: speaks its messages and does what its name says. */
import type { FromThread, ToThread } from "../../src/worker/message.ts";

declare const self: Worker;
const say = (message: FromThread): void => self.postMessage(message);

self.onmessage = ({ data }: MessageEvent<ToThread>) => {
  if (data.kind === "stop") return say({ kind: "stopped" });
  if (data.kind === "reload") return;
  // The number of starts ends the name: the first thread dies, its first replacement before it is ready, later ones stay.
  const starts = Number(data.name.split(".").at(-1));
  if (starts === 2) throw new Error("this thread dies while it starts");
  say({ kind: "ready" });
  if (starts === 0)
    setTimeout(() => {
      throw new Error("this thread dies");
    }, 50);
};
