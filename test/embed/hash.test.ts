import { expect, test } from "bun:test";
import { hashText } from "../../src/embed/hash.ts";
import { createEmbedder } from "../../src/embed/provider.ts";

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const similarity = (a: string, b: string): number => cosine(hashText(a), hashText(b));

test("the same text always gives the same vector of length 1", () => {
  const vector = hashText("Rotate the signing keys every ninety days.");
  expect(hashText("Rotate the signing keys every ninety days.")).toEqual(vector);
  expect(cosine(vector, vector)).toBeCloseTo(1, 5);
  // Vectors are stored: whoever changes the function must change the model's name with it.
  const largest = [...vector.entries()]
    .sort(([i, a], [j, b]) => Math.abs(b) - Math.abs(a) || i - j)
    .slice(0, 4)
    .map(([i]) => i);
  expect(largest).toEqual([13, 29, 169, 215]);
});

test("shared words are near, whatever their case, endings and small errors; stop words are nothing", () => {
  const text = "Configuring the reverse proxy for internal services";
  expect(similarity(text, "CONFIGURE A REVERSE PROXY")).toBeGreaterThan(0.5);
  expect(similarity(text, "revers proxi configuraton")).toBeGreaterThan(0.25);
  expect(similarity(text, "holiday allowance of part-time employees")).toBeLessThan(0.2);
  expect(hashText("to be or not to be").every((x) => x === 0)).toBe(true);
});

test("texts without blanks between words are compared by pairs of characters", () => {
  expect(similarity("数据库备份策略", "如何设置数据库备份")).toBeGreaterThan(0.4);
  expect(similarity("数据库备份策略", "年度休假申请")).toBeLessThan(0.2);
});

test("any text has a vector, also empty, huge and broken ones", () => {
  const huge = Array.from({ length: 200_000 }, (_, i) => `word${i}`).join(" ");
  for (const text of ["", " \n", "\u0000", "\ud800 lone", "🙂🙂", huge]) {
    const vector = hashText(text);
    expect(vector.length).toBe(256);
    expect(vector.every(Number.isFinite)).toBe(true);
  }
  // The table of features is shared: a huge text must leave nothing behind.
  expect(hashText("proxy")).toEqual(hashText("proxy"));
});

test("the built-in embedder says that it knows no meaning", async () => {
  const embedder = createEmbedder({ provider: "hash" });
  expect(embedder).toMatchObject({ model: "hash-256-v1", dimensions: 256, semantic: false });
  expect(await embedder.check()).toMatchObject({ ok: true, dimensions: 256 });
  const [result] = await embedder.embed(["proxy"]);
  expect(result).toEqual({ vector: await embedder.embedQuery("proxy") });
});
