/**
 * Finds out what answers at the address of a connection: Cloud or Data Center, and for scoped tokens the gateway's
 * address. Host names of Atlassian speak for themselves; any other one is asked.
 */
import { PermanentError, SluiceError } from "../../errors.ts";
import { type ConfluenceSettings, GATEWAY } from "./config.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { isObject, objectAt, textOf } from "./json.ts";
import type { Site } from "./site.ts";

/** Answers that say no more than that this is not the right interface, or not for this user. */
const NOT_HERE: ReadonlySet<string> = new Set(["connector.gone", "connector.refused", "connector.forbidden"]);

/** Throws PermanentError `connector.forbidden`, `connector.refused`; TransientError and SnoozeError as requests do. */
export async function detectSite(
  settings: ConfluenceSettings,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<Site> {
  const { webBase, gatewayRoot } = settings;
  if (gatewayRoot !== null) {
    const address = gatewayRoot === webBase ? await siteBehind(gatewayRoot, http, options) : webBase;
    return { deployment: "cloud", root: gatewayRoot, webBase: address };
  }
  if (settings.scoped) {
    const root = `${GATEWAY}/${await findCloudId(webBase, http, options)}/wiki`;
    return { deployment: "cloud", root, webBase: webBase.endsWith("/wiki") ? webBase : `${webBase}/wiki` };
  }
  const deployment = settings.deployment ?? (await ask(webBase, http, options));
  // Cloud lives under /wiki whether or not that was typed.
  const root = deployment === "cloud" && !webBase.endsWith("/wiki") ? `${webBase}/wiki` : webBase;
  return { deployment, root, webBase: root };
}

/** The address that people use, as answers through the gateway tell it. */
async function siteBehind(root: string, http: ConfluenceHttp, options: RequestOptions): Promise<string> {
  const { body } = await http.json(`${root}/api/v2/spaces?limit=1`, options);
  const base = textOf(objectAt(body, "_links").base);
  return base !== undefined && URL.canParse(base) ? base.replace(/\/+$/, "") : root;
}

/** Public for every site, see https://support.atlassian.com/jira/kb/retrieve-my-atlassian-sites-cloud-id/ */
async function findCloudId(webBase: string, http: ConfluenceHttp, options: RequestOptions): Promise<string> {
  const { body } = await http.json(`${new URL(webBase).origin}/_edge/tenant_info`, options);
  const cloudId = isObject(body) ? textOf(body.cloudId) : undefined;
  if (cloudId !== undefined && /^[0-9a-f-]{8,64}$/i.test(cloudId)) return cloudId;
  throw new PermanentError("connector.refused", "the site does not tell its cloud id; set cloud_id in the connection");
}

async function ask(webBase: string, http: ConfluenceHttp, options: RequestOptions): Promise<Site["deployment"]> {
  const cloudRoot = webBase.endsWith("/wiki") ? webBase : `${webBase}/wiki`;
  const isRoot = new URL(cloudRoot).pathname === "/wiki";
  const cloud = isRoot ? await answers(`${cloudRoot}/api/v2/spaces?limit=1`, http, options) : null;
  if (cloud === true) return "cloud";
  const datacenter = await answers(`${webBase}/rest/api/space?limit=1`, http, options);
  if (datacenter === true) return "datacenter";
  const refusal = [datacenter, cloud].find(
    (error) => error instanceof SluiceError && error.code === "connector.forbidden",
  );
  if (refusal instanceof SluiceError) throw refusal;
  throw new PermanentError(
    "connector.refused",
    `${webBase} does not answer as Confluence does; check the address and its context path`,
  );
}

/** True for a list as Confluence gives it; the error that says why not otherwise. Passing faults are thrown. */
async function answers(url: string, http: ConfluenceHttp, options: RequestOptions): Promise<true | Error | null> {
  try {
    const { body } = await http.json(url, options);
    return isObject(body) && Array.isArray(body.results) ? true : null;
  } catch (error) {
    if (error instanceof SluiceError && NOT_HERE.has(error.code)) return error;
    // A page of HTML at an address that is not Confluence's.
    if (error instanceof SluiceError && error.details.not_json === true) return null;
    throw error;
  }
}
