/**
 * Says in words what works and what does not: is there a Confluence, which one, are the credentials accepted, which
 * spaces can be read, do comments, attachments and the restriction work. Each check stands for itself; one that fails
 * does not hide the next, and when time is up the answer is what was found until then.
 */
import { messageOf, PermanentError, SluiceError } from "../../errors.ts";
import type { ConnectionCheck, ConnectionTest } from "../connector.ts";
import type { ConfluenceSettings } from "./config.ts";
import { contentQuery, needsQuery, quoted } from "./cql.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { objectAt, textOf } from "./json.ts";
import { listSpaces } from "./list_spaces.ts";
import { displayName } from "./names.ts";
import { rowsOf } from "./paging.ts";
import { Proof } from "./proof.ts";
import { type Site, v1, v2, withQuery } from "./site.ts";

const NAMED_MAX = 20;

export interface TestDeps {
  http: ConfluenceHttp;
  settings: ConfluenceSettings;
  site(signal: AbortSignal): Promise<Site>;
}

/** `signal`: with a reason named TimeoutError it ends the checks; any other reason is thrown. */
export async function testConnection(deps: TestDeps, signal: AbortSignal): Promise<ConnectionTest> {
  const checks: ConnectionCheck[] = [];
  // A person is waiting: no long retries.
  const options: RequestOptions = { signal, tries: 2, patienceMs: 5000 };
  const check = async (name: string, look: () => Promise<string>): Promise<boolean> => {
    // The check before has said that time is up.
    if (isLate(signal)) return false;
    try {
      checks.push({ name, ok: true, message: await look() });
      return true;
    } catch (error) {
      checks.push({ name, ok: false, ...failureOf(error, signal) });
      return false;
    }
  };
  let site: Site | undefined;
  await check("site", async () => {
    site = await deps.site(signal);
    const api =
      site.deployment === "cloud"
        ? "Confluence Cloud, REST v2 for content and v1 for search and downloads"
        : "Confluence Data Center, REST v1";
    return `${api}, at ${site.root}${await versionOf(site, deps.http, options)}`;
  });
  if (site === undefined) return { ok: false, checks };
  await checkContent(site, deps, options, check);
  return { ok: checks.every(({ ok }) => ok), checks };
}

const isLate = (signal: AbortSignal): boolean => signal.aborted && signal.reason?.name === "TimeoutError";

/** Throws what is a bug, and the caller's reason to stop. */
function failureOf(error: unknown, signal: AbortSignal): { message: string; code: string } {
  if (isLate(signal)) return { message: "no answer in time", code: "connector.unavailable" };
  signal.throwIfAborted();
  if (!(error instanceof SluiceError)) throw error;
  return { message: messageOf(error), code: error.code };
}

const forbidden = (message: string): PermanentError => new PermanentError("connector.forbidden", message);

type Check = (name: string, look: () => Promise<string>) => Promise<boolean>;

async function checkContent(
  site: Site,
  { http, settings }: TestDeps,
  options: RequestOptions,
  check: Check,
): Promise<void> {
  await check("credentials", async () => {
    if (settings.anonymous) return "no credentials: only what anybody may see is read";
    const user = objectAt((await http.json(v1(site, "/user/current"), options)).body);
    if (user.type === "anonymous") {
      throw forbidden("Confluence takes the requests as anonymous: the credentials are missing or not accepted");
    }
    return `accepted, as ${displayName(user) ?? "a user without a name"}`;
  });
  const canList = await check("spaces", async () => await describeSpaces(site, http, settings, options));
  const only = async (path: string): Promise<string> => {
    await http.json(withQuery(v2(site, path), { limit: 1 }), options);
    return "can be listed";
  };
  if (!canList) return;
  if (needsQuery(settings)) {
    await check("restriction", async () => {
      const url = withQuery(v1(site, "/content/search"), { cql: contentQuery(settings, settings.spaces), limit: 1 });
      const { body } = await http.json(url, options);
      const total = objectAt(body).totalSize;
      if (rowsOf(body).length === 0) return "the query is accepted, but no page matches it";
      return typeof total === "number" ? `${total} pages match` : "pages match";
    });
  }
  const search = async (type: string): Promise<string> => {
    await http.json(
      withQuery(v1(site, "/content/search"), { cql: inSpaces(`type = ${type}`, settings), limit: 1 }),
      options,
    );
    return "can be listed";
  };
  const isCloud = site.deployment === "cloud";
  if (isCloud && !needsQuery(settings)) await check("labels", () => search("page").catch(labelsCanWait));
  if (settings.attachments.enabled)
    await check("attachments", () => (isCloud ? only("/attachments") : search("attachment")));
  if (settings.comments) await check("comments", () => (isCloud ? only("/footer-comments") : search("comment")));
}

/** Nothing is lost without the right to search, so it is no failure. */
function labelsCanWait(error: unknown): string {
  if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
  return "the token may not search: labels that change alone are seen with the page's next edit";
}

async function describeSpaces(
  site: Site,
  http: ConfluenceHttp,
  settings: ConfluenceSettings,
  options: RequestOptions,
): Promise<string> {
  const proof = new Proof();
  const { spaces, failures } = await listSpaces({ http, signal: options.signal, proof }, site, settings);
  const shown = spaces.slice(0, NAMED_MAX).map(({ key }) => key);
  const more = spaces.length > shown.length ? ` and ${spaces.length - shown.length} more` : "";
  if (failures.length > 0 || spaces.length === 0) {
    const can = shown.length > 0 ? `; these can be read: ${shown.join(", ")}${more}` : "";
    const what =
      failures.length > 0
        ? `these cannot be read: ${settings.spaces.filter((key) => failures.some(({ name }) => name === `space ${key}`)).join(", ")}`
        : "no space can be seen";
    throw forbidden(`${what}${can}. Give the connection's user the right to view them, or correct the keys`);
  }
  return `${spaces.length} can be read: ${shown.join(", ")}${more}`;
}

function inSpaces(condition: string, settings: ConfluenceSettings): string {
  return settings.spaces.length === 0
    ? condition
    : `${condition} and space in (${settings.spaces.map(quoted).join(",")})`;
}

/** The version of a Data Center, for whoever asks for help; everybody may read it. */
async function versionOf(site: Site, http: ConfluenceHttp, options: RequestOptions): Promise<string> {
  if (site.deployment === "cloud") return "";
  try {
    const { body } = await http.json(`${site.root}/rest/applinks/1.0/manifest`, { ...options, tries: 1 });
    const version = textOf(objectAt(body).version);
    return version === undefined ? "" : `, version ${version}`;
  } catch {
    return "";
  }
}
