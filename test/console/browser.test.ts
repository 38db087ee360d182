/** The console of the executable in a real browser, as people use it: light and dark, wide and narrow, with hostile guests. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { client, type Service, scratch, serve } from "../support/binary.ts";
import { hasBrowser, openBrowser, seriousFaults, shoot } from "./chromium.ts";

const DEMO = join(import.meta.dir, "../demo/documents");
const TEST_MS = 120_000;

const folder = scratch();
let service: Service;
let browser: Browser;
let token: string;
let api: ReturnType<typeof client>;
/** What goes wrong on any page: exceptions, refusals of the page's policy, dialogs, requests elsewhere. */
const troubles: string[] = [];

async function enter(
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => troubles.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(service.url)) troubles.push(`request: ${request.url()}`);
  });
  await page.goto(service.url);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  return { context, page };
}

/** Drops files on the page, as from a file manager. */
async function drop(page: Page, files: { name: string; text: string }[]): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer();
    for (const { name, text } of ${JSON.stringify(files)}) transfer.items.add(new File([text], name));
    return transfer;
  })()`);
  await page.dispatchEvent("main", "drop", { dataTransfer });
}

/** The address of the page of a document with this title. */
async function documentPath(page: Page, title: string): Promise<string> {
  await page.goto(`${service.url}/documents?q=${encodeURIComponent(title)}`);
  return (await page.getByRole("link", { name: title, exact: true }).first().getAttribute("href")) ?? "";
}

/** Every kind of page, with something on it. */
async function pages(page: Page): Promise<Record<string, string>> {
  const rota = await documentPath(page, "Rota");
  const runbook = await documentPath(page, "Incident runbook");
  const idsOf = async (path: string, list: string, id: string) =>
    ((await api.call("GET", path)).json[list] as Record<string, string>[]).map((row) => row[id]!);
  const [to, from] = await idsOf(`/v1${rota}/versions`, "versions", "source_version_id");
  const [job] = await idsOf("/v1/jobs", "jobs", "job_id");
  const [wiki, connection] = await idsOf("/v1/connections", "connections", "connection_id");
  return {
    overview: "/",
    search: "/search?q=incident",
    documents: "/documents",
    document: runbook,
    chunks: `${runbook}/chunks`,
    links: `${runbook}/links`,
    versions: `${rota}/versions`,
    compare: `${rota}/compare?from=${from}&to=${to}`,
    jobs: "/jobs",
    job: `/jobs/${job}`,
    connections: "/connections",
    connection: `/connections/${connection}`,
    "new-connection": "/connections/new?kind=confluence",
    credentials: `/connections/${wiki}/credentials`,
    upload: "/upload",
    settings: "/settings",
  };
}

async function examine(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect({ name, colorScheme, faults: await seriousFaults(page) }).toEqual({ name, colorScheme, faults: [] });
    await shoot(page, `${colorScheme}-${name}`);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const tooWide = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
  expect({ name, tooWide }).toEqual({ name, tooWide: 0 });
  await shoot(page, `phone-${name}`);
  await page.setViewportSize({ width: 1280, height: 800 });
}

const jobDone = (page: Page) => page.locator("h1 .badge", { hasText: /^done$/ }).waitFor({ timeout: 60_000 });

describe.skipIf(!hasBrowser)("in a browser", () => {
  beforeAll(async () => {
    cpSync(DEMO, join(folder, "handbook"), { recursive: true });
    service = await serve(folder, { FILE_CATALOG_ROOTS: folder, WORKER_THREADS: "1" });
    ({ token } = JSON.parse(readFileSync(join(folder, ".sluice/token.json"), "utf8")) as { token: string });
    api = client(service.url, token);
    const { json } = await api.call("GET", "/v1/connections");
    expect(json["connections"]).toEqual([]);
    browser = (await openBrowser())!;
  }, TEST_MS);
  afterAll(async () => {
    await browser?.close();
    expect(await service?.stop()).toBe(0);
  }, TEST_MS);

  test(
    "files are dropped on the first page, their job is watched to its end, and a document is read and searched",
    async () => {
      const { context, page } = await enter();
      expect(await page.getByText("Nothing is indexed yet").isVisible()).toBe(true);
      await shoot(page, "first-visit");
      const many = Array.from({ length: 80 }, (_, i) => ({
        name: `notes/note-${i}.md`,
        text: `# Note ${i}\n\nThe lantern of pier ${i} is lit at dusk.\n`,
      }));
      await drop(
        page,
        many.map(({ name, text }) => ({ name: name.replace("/", "-"), text })),
      );
      await page.waitForURL(/\/jobs\//);
      const address = page.url();
      await page.evaluate(() => Reflect.set(globalThis, "sameVisit", true));
      expect(await page.locator("#state").textContent()).not.toStartWith("Ended");
      await shoot(page, "job-running");
      await jobDone(page);
      // Without the page having been loaded again.
      expect(await page.evaluate(() => Reflect.get(globalThis, "sameVisit"))).toBe(true);
      expect(page.url()).toBe(address);
      expect(await page.locator("#state").textContent()).toStartWith("Ended");
      expect(await page.locator(".sum").textContent()).toContain("80 ingested");
      expect(await page.locator("#item-tabs a").allTextContents()).toEqual(["all", "ingested 80"]);
      await shoot(page, "job-done");

      await page.getByRole("link", { name: "Search" }).click();
      await page.getByLabel("What to search for").fill("lantern of pier 17");
      await page.keyboard.press("Enter");
      const first = page.locator(".hits li").first();
      expect(await first.locator(".why").textContent()).toContain("place 1");
      expect(await first.locator("mark").first().textContent()).toBe("lantern");
      await shoot(page, "search");
      await first.getByRole("link").click();
      await page.waitForURL(/\/chunks#c-/);
      await page.getByRole("link", { name: "Text", exact: true }).click();
      await page.getByRole("heading", { name: "Note 17", level: 1 }).waitFor();
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("link", { name: "Original" }).click(),
      ]);
      expect(readFileSync(await download.path(), "utf8")).toBe(many[17]!.text);
      await context.close();
    },
    TEST_MS,
  );

  test(
    "a folder is connected, tested and synced; a new version of a file is compared with the old one",
    async () => {
      const { context, page } = await enter();
      await page.getByRole("link", { name: "Connections" }).click();
      await page.getByRole("link", { name: "Add a connection" }).click();
      await page.getByLabel("Name", { exact: true }).fill("handbook");
      await page.getByLabel("Folder", { exact: true }).fill(join(folder, "handbook"));
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("button", { name: "Test" }).click();
      await page.getByRole("heading", { name: "It works" }).waitFor();
      await page.getByRole("button", { name: "Sync now" }).click();
      await page.waitForURL(/\/jobs\//);
      await jobDone(page);

      await page.goto(`${service.url}/upload`);
      for (const text of ["# Rota\n\nAda is on duty on Mondays.\n", "# Rota\n\nGrace is on duty on Mondays.\n"]) {
        await page.goto(`${service.url}/upload`);
        await page
          .getByLabel("Files to index")
          .setInputFiles({ name: "rota.md", mimeType: "text/markdown", buffer: Buffer.from(text) });
        await page.getByRole("button", { name: "Upload" }).click();
        await page.waitForURL(/\/jobs\//);
        await jobDone(page);
      }
      await page.goto(service.url + (await documentPath(page, "Rota")));
      await page.getByRole("link", { name: "Versions" }).click();
      await page.getByRole("button", { name: "Compare" }).click();
      expect(await page.locator("del").allTextContents()).toEqual(["Ada"]);
      expect(await page.locator("ins").allTextContents()).toEqual(["Grace"]);
      await context.close();
    },
    TEST_MS,
  );

  test(
    "without script, only the fields of the chosen way to sign in are shown, and its credentials can be replaced",
    async () => {
      const { context, page } = await enter({ javaScriptEnabled: false });
      const field = (label: string) => page.getByLabel(label, { exact: true });
      await page.goto(`${service.url}/connections/new?kind=confluence`);
      await field("Name").fill("wiki");
      await field("Address").fill("https://wiki.example.com");
      expect([await field("API token").isVisible(), await field("Password").isVisible()]).toEqual([true, false]);
      await field("Data Center: user and password").check();
      expect([await field("API token").isVisible(), await field("Password").isVisible()]).toEqual([false, true]);
      await field("User").fill("ada");
      await field("Password").fill("secret");
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByRole("heading", { name: "wiki", exact: true }).waitFor();
      await page.getByRole("link", { name: "Replace its credentials" }).click();
      expect([await field("User").inputValue(), await field("Password").inputValue()]).toEqual(["ada", ""]);
      await field("Cloud: API token with scopes").check();
      await field("API token with scopes").fill("token");
      await page.getByRole("button", { name: "Replace" }).click();
      await page.getByRole("heading", { name: "wiki", exact: true }).waitFor();
      expect(await page.locator(".facts").first().textContent()).toContain("scoped_token");
      await context.close();
    },
    TEST_MS,
  );

  test(
    "a file that is refused says why where it was dropped",
    async () => {
      const { context, page } = await enter();
      await drop(page, [{ name: "picture.md", text: "" }]);
      await page.locator(".dropping", { hasText: "picture.md has no bytes" }).waitFor();
      await context.close();
      // The browser notes each refused request by itself.
      expect(troubles.splice(0)).toEqual([expect.stringContaining("status of 400")]);
    },
    TEST_MS,
  );

  test(
    "a hostile document runs nothing, loads nothing and leads nowhere, even without the page's policy",
    async () => {
      const { context, page } = await enter({ bypassCSP: true });
      await drop(page, [
        { name: "hostile.md", text: HOSTILE },
        { name: "hostile.html", text: `<title>Hostile page</title><h1>Hostile page</h1>${HOSTILE}` },
      ]);
      await page.waitForURL(/\/jobs\//);
      await jobDone(page);
      await shoot(page, "hostile-job");
      for (const title of ["Hostile text", "Hostile page"]) {
        const path = await documentPath(page, title);
        expect(path).toStartWith("/documents/");
        for (const tab of ["", "/chunks", "/links", "/versions"]) {
          await page.goto(service.url + path + tab);
          await page.getByRole("heading", { level: 1 }).waitFor();
          expect(await page.evaluate(() => Reflect.get(globalThis, "harmed"))).toBeUndefined();
          const inside = page.locator("main");
          expect(
            await inside
              .locator("script, iframe, object, embed, img, base, style, link, meta, form[action^='http']")
              .count(),
          ).toBe(0);
          const targets: unknown = await page.evaluate(
            "[...document.querySelectorAll('main a')].map((a) => a.protocol)",
          );
          expect(new Set(targets as string[]).difference(new Set(["http:", "https:", "mailto:"])).size).toBe(0);
          const handlers = await page.evaluate(
            "[...document.querySelectorAll('main *')].flatMap((e) => e.getAttributeNames().filter((name) => name.startsWith('on')))",
          );
          expect(handlers).toEqual([]);
        }
      }
      await page.goto(`${service.url}/search?q=${encodeURIComponent("<img src=x onerror=harmed=1> hostile")}`);
      await page.locator(".hits li").first().waitFor();
      await page.goto(`${service.url}/documents?q=${encodeURIComponent('"><script>harmed=1</script>')}`);
      await page.getByText("No document matches.").waitFor();
      expect(await page.evaluate(() => Reflect.get(globalThis, "harmed"))).toBeUndefined();
      await context.close();
    },
    TEST_MS,
  );

  test(
    "every page can be used by everybody, in light and in dark, and fits a phone",
    async () => {
      const { context, page } = await enter();
      for (const [shot, path] of Object.entries(await pages(page))) {
        await page.goto(service.url + path);
        await examine(page, shot);
      }
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "Sign in" }).waitFor();
      await examine(page, "sign-in");
      await context.close();
    },
    TEST_MS,
  );

  test("no page made a fault of its own, was refused anything by its policy, or asked another server", () => {
    expect(troubles).toEqual([]);
  });
});

const HOSTILE = `# Hostile <b>text</b>

<script>harmed = 1</script>
<img src=x onerror="harmed = 1"><svg onload="harmed = 1"></svg><iframe src="javascript:parent.harmed=1"></iframe>
<form action="https://evil.example"><button>Sign in</button></form><base href="https://evil.example/">
<style>body { display: none }</style><meta http-equiv="refresh" content="0;url=https://evil.example">

[click](javascript:harmed=1) [data](data:text/html,<script>harmed=1</script>) ![x](https://evil.example/pixel.png)
[file](file:///etc/passwd) [slash](//evil.example) [id](#main) <javascript:harmed=1>

| <script>harmed=1</script> | "onmouseover="harmed=1 |
| --- | --- |
| </td></table><script>harmed=1</script> | &lt;script&gt;harmed=1&lt;/script&gt; |

\`\`\`html"><script>harmed=1</script>
</code></pre><script>harmed=1</script>
\`\`\`

## <a name="main" id="main" onclick="harmed=1">main</a>
`;
