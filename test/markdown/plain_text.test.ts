import { describe, expect, test } from "bun:test";
import { plainText } from "../../src/markdown/plain_text.ts";

describe("plainText", () => {
  test("leaves the text a reader sees", () => {
    const cases: [string, string][] = [
      ["Plain  text", "Plain text"],
      ["**Bold** and _it's_ `code *x*` ~~gone~~", "Bold and it's code *x* gone"],
      ["[link [x]](u(v)) ![alt](i.png) [ref][r] <https://e.x/y>", "link [x] alt ref https://e.x/y"],
      ["AT&amp;T &lt;b&gt; \\*not\\* 2 * 3 * 4 snake_case_name", "AT&T <b> *not* 2 * 3 * 4 snake_case_name"],
      ["Setup <a id='x'></a>{#setup}", "Setup"],
      ["Two\nlines", "Two lines"],
      ["[![pic](a)](b)", "pic"],
    ];
    for (const [inline, plain] of cases) expect(plainText(inline)).toBe(plain);
  });

  test("takes linear time on hostile input", () => {
    for (const part of ["[", "![", "*a ", "`", "<a ", "[a](", "_a", "\\", "&#"]) {
      const started = performance.now();
      plainText(part.repeat(5_000));
      expect(performance.now() - started).toBeLessThan(300);
    }
  });
});
