/** A headless Chromium, where this machine has one: CHROMIUM_PATH, else `chromium` in the PATH. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";

const path = process.env["CHROMIUM_PATH"] ?? Bun.which("chromium") ?? Bun.which("chromium-browser");

/** Null, with the reason printed, where there is none. */
export async function openBrowser(): Promise<Browser | null> {
  if (path === null) {
    console.warn("skipped: no chromium in the PATH and no CHROMIUM_PATH");
    return null;
  }
  // As root, Chromium starts without its sandbox only.
  return chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

export const hasBrowser = path !== null;

const SHOTS = join(import.meta.dir, "../../tmp/screenshots");
mkdirSync(SHOTS, { recursive: true });

/** Kept for people to look at: tmp/screenshots/NAME.png. */
export const shoot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });

/** What axe-core finds that keeps somebody from using the page, as `rule: element`. */
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate("axe.run()")) as Pick<AxeResults, "violations">;
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
