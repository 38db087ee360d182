import { describe, expect, test } from "bun:test";
import { estimateTokens, tokenUnits } from "../../src/chunk/tokens.ts";
import { randomMarkdown, seeded } from "./random_markdown.ts";

/** Texts with what BERT's WordPiece (uncased) and cl100k make of them. */
const MEASURED: Record<string, { text: string; bert: number; cl100k: number }> = {
  prose: {
    text: "The controller reconciles the desired state of every revision with what is running in the cluster, and scales it down to zero when no request has arrived for a while. Operators can change that window.",
    bert: 39,
    cl100k: 39,
  },
  code: {
    text: 'if (this.currentPowerShell.InvocationStateInfo.State !== PSInvocationState.Running) {\n  throw new InvalidOperationException("host");\n}\n',
    bert: 42,
    cl100k: 27,
  },
  table: {
    text: "| Name | Type | Default |\n| --- | --- | ---: |\n| `min-scale` | integer | 0 |\n| `target-burst-capacity` | float | 211.0 |\n",
    bert: 47,
    cl100k: 42,
  },
  json: {
    text: '{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"hello-7f9c","uid":"3b1f0c52-9d1e-4a77"}}',
    bert: 69,
    cl100k: 46,
  },
  url: {
    text: "https://github.com/knative-extensions/eventing-kafka-broker/blob/main/docs/source/README.md?plain=1#L20-L45",
    bert: 49,
    cl100k: 30,
  },
  base64: {
    text: "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
    bert: 71,
    cl100k: 67,
  },
  han: {
    text: "系统会把每个文档转换为标准的格式，然后按照标题切分成小段，并且写入数据库供全文检索使用。",
    bert: 44,
    cl100k: 43,
  },
};

describe("estimateTokens", () => {
  for (const [name, { text, bert, cl100k }] of Object.entries(MEASURED)) {
    test(`is near the dearer of two real tokenizers for ${name}`, () => {
      const dearer = Math.max(bert, cl100k);
      expect(estimateTokens(text)).toBeGreaterThanOrEqual(Math.floor(dearer * 0.88));
      expect(estimateTokens(text)).toBeLessThanOrEqual(Math.ceil(dearer * 1.25));
    });
  }

  test("is nothing for nothing", () => {
    expect(estimateTokens("")).toBe(0);
    expect(estimateTokens(" \t ")).toBeLessThanOrEqual(1);
  });

  test("adds up: cutting a text between words never makes it cheaper", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const text = randomMarkdown(seed);
      const random = seeded(seed);
      const blank = text.indexOf(" ", Math.floor(random() * text.length));
      const cut = blank < 0 ? text.length : blank;
      const whole = tokenUnits(text, 0, text.length);
      expect(tokenUnits(text, 0, cut) + tokenUnits(text, cut, text.length)).toBeGreaterThanOrEqual(whole);
    }
  });
});
