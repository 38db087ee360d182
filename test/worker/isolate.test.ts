import { afterAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SluiceError } from "../../src/errors.ts";
import { ConvertChild, type ConvertChildOptions, convertAnywhere } from "../../src/worker/isolate.ts";

const SCRIPT = [process.execPath, join(import.meta.dir, "scripted_child.ts")];
const REAL = [process.execPath, join(import.meta.dir, "../../src/main.ts"), "__convert-child"];

const open: ConvertChild[] = [];
afterAll(() => Promise.all(open.map((child) => child.close())));

function childOf(options: Partial<ConvertChildOptions> = {}): ConvertChild {
  const child = new ConvertChild({ command: SCRIPT, deadlineMs: 20_000, ...options });
  open.push(child);
  return child;
}

const request = (name: string, text = "text") => ({ name, bytes: new TextEncoder().encode(text) });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: unknown) => error as SluiceError,
  );
const about = async (child: ConvertChild) =>
  (await child.convert(request("about"))).metadata as { pid: number; served: number; env: string[]; nice: number };

test("documents and Markdown of any size and character cross unchanged, in the order of the calls", async () => {
  const child = childOf();
  const texts = ["", "\ufeffé\u0000日\u{1f600}", "x".repeat(9 << 20)];
  const results = await Promise.all(texts.map((text) => child.convert(request("echo", text))));
  expect(results.map(({ markdown }) => Bun.hash(markdown))).toEqual(texts.map((text) => Bun.hash(text)));
});

test("a document that hangs meets its deadline, and the next one is unharmed", async () => {
  const child = childOf({ deadlineMs: 300 });
  await child.convert(request("echo"));
  const before = child.pid!;
  const [error, next] = await Promise.all([
    failure(child.convert(request("hang"))),
    child.convert(request("echo", "fine")),
  ]);
  expect(error).toMatchObject({ fate: "permanent", code: "convert.deadline" });
  expect(next.markdown).toBe("fine");
  expect(child.pid).not.toBe(before);
  expect(existsSync(`/proc/${before}`)).toBe(false);
});

test("a document that eats memory is stopped near the cap", async () => {
  const child = childOf({ memoryMaxBytes: 300 << 20 });
  const error = await failure(child.convert(request("hog")));
  expect(error).toMatchObject({ fate: "permanent", code: "convert.memory", details: { max: 300 << 20 } });
  expect((await child.convert(request("echo", "fine"))).markdown).toBe("fine");
});

test("a crash is the document's own, with what the parser said", async () => {
  const child = childOf();
  const error = await failure(child.convert(request("crash")));
  expect(error).toMatchObject({
    fate: "permanent",
    code: "convert.crashed",
    details: { ended: "exit 3", stderr: "parser: segment 7 is broken" },
  });
  expect((await child.convert(request("echo", "fine"))).markdown).toBe("fine");
});

test("a document that crashes a used child gets a second chance in a fresh one", async () => {
  const child = childOf();
  await child.convert(request("echo"));
  expect((await child.convert(request("crash-when-used", "survived"))).markdown).toBe("survived");
});

test("a child that writes something else than frames counts as crashed", async () => {
  expect(await failure(childOf().convert(request("garbage")))).toMatchObject({ code: "convert.crashed" });
});

test("the converter's own error crosses with class, code and details, and costs no child", async () => {
  const child = childOf();
  const { pid } = await about(child);
  expect(await failure(child.convert(request("malformed")))).toMatchObject({
    fate: "permanent",
    code: "convert.malformed",
    message: "broken",
    details: { page: 3 },
  });
  expect((await about(child)).pid).toBe(pid);
});

test("an abort ends a conversion at once, running or waiting", async () => {
  const child = childOf();
  await child.convert(request("echo"));
  const controller = new AbortController();
  const running = failure(child.convert(request("hang"), controller.signal));
  const waiting = failure(child.convert(request("echo"), controller.signal));
  controller.abort(new Error("canceled"));
  expect([(await running)?.message, (await waiting)?.message]).toEqual(["canceled", "canceled"]);
  expect((await child.convert(request("echo", "fine"))).markdown).toBe("fine");
});

test("the child knows no environment and steps back for the service", async () => {
  process.env.SECRET_FOR_TEST = "s3cret";
  const { env, nice } = await about(childOf());
  delete process.env.SECRET_FOR_TEST;
  expect(env).toEqual(["LANG"]);
  expect(nice).toBe(10);
});

test("a child is replaced after its share of documents", async () => {
  const child = childOf({ documentsMax: 2 });
  const first = await about(child);
  const second = await about(child);
  const third = await about(child);
  expect([first.served, second.served, third.served]).toEqual([1, 2, 1]);
  expect(third.pid).not.toBe(first.pid);
});

test("a child that does not start is a passing fault, not the document's", async () => {
  const silent = childOf({ command: [...SCRIPT, "never-ready"] });
  expect(await failure(silent.convert(request("echo")))).toMatchObject({
    fate: "transient",
    code: "convert.interrupted",
  });
  const missing = childOf({ command: ["/no/such/program"] });
  expect(await failure(missing.convert(request("echo")))).toMatchObject({
    fate: "transient",
    code: "convert.interrupted",
  });
});

test("closing interrupts what runs and refuses what comes", async () => {
  const child = childOf();
  await child.convert(request("echo"));
  const running = failure(child.convert(request("hang")));
  const pid = child.pid!;
  await Promise.resolve();
  await child.close();
  expect(await running).toMatchObject({ fate: "transient", code: "convert.interrupted" });
  expect(await failure(child.convert(request("echo")))).toMatchObject({ code: "convert.interrupted" });
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});

const PDF = `%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj
4 0 obj <</Length 44>> stream
BT /F 24 Tf 20 200 Td (Hello from a pdf) Tj ET
endstream endobj
5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
trailer <</Root 1 0 R>>
`;

test("the real child converts a pdf; Markdown never leaves this thread", async () => {
  const child = childOf({ command: REAL });
  expect((await convertAnywhere({ bytes: new TextEncoder().encode("# Hi"), name: "a.md" }, child)).title).toBe("Hi");
  expect(child.pid).toBeUndefined();
  const converted = await convertAnywhere({ bytes: new TextEncoder().encode(PDF), name: "a.txt" }, child);
  expect(converted).toMatchObject({ format: "pdf", warnings: [{ code: "type_mismatch" }] });
  expect(converted.markdown).toContain("Hello from a pdf");
  expect(child.pid).toBeDefined();
});

test.skipIf(process.platform !== "linux")("a child in an endless loop dies with its parent", async () => {
  const program = `
    import { ConvertChild } from ${JSON.stringify(join(import.meta.dir, "../../src/worker/isolate.ts"))};
    const child = new ConvertChild({ command: ${JSON.stringify(REAL)} });
    await child.convert({ name: "a.md", bytes: new TextEncoder().encode("x"), format: "markdown" });
    console.log(child.pid);
    setInterval(() => {}, 1000);
  `;
  const parent = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
  const { value } = await parent.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  // A stopped process reads no end of input; only the kernel can end it.
  process.kill(pid, "SIGSTOP");
  parent.kill("SIGKILL");
  await parent.exited;
  const deadline = Date.now() + 5000;
  while (isRunning(pid) && Date.now() < deadline) await Bun.sleep(10);
  expect(isRunning(pid)).toBe(false);
});

/** Not gone, and no zombie that only waits for its new parent. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

test("a large document and one that is under suspicion are converted in the child, whatever their format", async () => {
  const child = childOf({ command: REAL });
  const small = { name: "a.md", bytes: new TextEncoder().encode("# small") };
  expect((await convertAnywhere(small, child)).markdown).toBe("# small\n");
  expect(child.pid).toBeUndefined();
  expect((await convertAnywhere(small, child, undefined, true)).markdown).toBe("# small\n");
  expect(child.pid).toBeGreaterThan(0);
  await child.close();

  const other = childOf({ command: REAL });
  const large = { name: "b.md", bytes: new TextEncoder().encode("words and words\n\n".repeat(70_000)) };
  expect((await convertAnywhere(large, other)).markdown.length).toBeGreaterThan(1_000_000);
  expect(other.pid).toBeGreaterThan(0);
});
