/**
 * What each queue does in the benchmark, so that all are measured by the same code:
 *   fill     puts `waiting` items into an empty queue, 1,000 at a time, and says how long that took
 *   drain    says "ready", starts at the first line on stdin, works until nothing has come for a while, and says how many
 *            items it settled and when the last one was
 *   produce  enqueues `rate` items a second for `seconds`, a batch each 10 ms
 *   serve    says "ready", works until stdin ends, and tells how long items took from before they were enqueued
 * A queue gives `open(options)`, which returns { enqueue(payloads), work(settled), close() }; `work` returns a function
 * that stops it, and calls `settled(payloads)` when items are done and off the queue.
 */
const BATCH = 1000;
const QUIET_MS = 700;

export async function play(open) {
  const options = JSON.parse(process.argv[2]);
  const queue = await open(options);
  const say = (value) => console.log(JSON.stringify(value));
  const now = () => performance.timeOrigin + performance.now();
  const input = Bun.stdin.stream().getReader();

  if (options.role === "fill") {
    const start = now();
    for (let at = 0; at < options.waiting; at += BATCH) {
      const size = Math.min(BATCH, options.waiting - at);
      await queue.enqueue(Array.from({ length: size }, (_, i) => ({ n: at + i, at: 0 })));
    }
    say({ ms: now() - start });
  } else if (options.role === "drain") {
    say("ready");
    await input.read();
    let done = 0;
    let last = now();
    const stop = await queue.work((payloads) => {
      done += payloads.length;
      last = now();
    });
    while (now() - last < QUIET_MS) await Bun.sleep(50);
    say({ done, last });
    await stop();
  } else if (options.role === "produce") {
    const start = now();
    let sent = 0;
    while (now() - start < options.seconds * 1000) {
      const due = Math.floor(((now() - start) / 1000) * options.rate) - sent;
      if (due > 0) await queue.enqueue(Array.from({ length: due }, (_, i) => ({ n: sent + i, at: now() })));
      sent += Math.max(due, 0);
      await Bun.sleep(10);
    }
    say({ sent });
  } else {
    const latencies = [];
    const stop = await queue.work((payloads) => {
      const at = now();
      for (const payload of payloads) latencies.push(at - payload.at);
    });
    say("ready");
    await input.read();
    await stop();
    latencies.sort((a, b) => a - b);
    const share = (part) => latencies[Math.min(latencies.length - 1, Math.ceil(latencies.length * part) - 1)] ?? null;
    say({ settled: latencies.length, p50: share(0.5), p99: share(0.99) });
  }
  await queue.close();
  process.exit(0);
}
