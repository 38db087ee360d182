/**
 * Fetches the bytes of an attachment. What the connection does not want is refused before any request, with the reason
 * that the listing found. Cloud gives attachments only through v1's download, which redirects to a host of media with a
 * token of its own; Data Center gives them at `_links.download`, whose query is part of the address.
 */
import { PermanentError, TransientError } from "../../errors.ts";
import type { Descriptor, FetchContext, Fetched } from "../connector.ts";
import type { ConfluenceSettings } from "./config.ts";
import { namedFault } from "./fetch_page.ts";
import type { ConfluenceHttp, RequestOptions } from "./http.ts";
import { idOf, numberOf, objectAt, textOf } from "./json.ts";
import { attachmentRef, fileAlias } from "./refs.ts";
import { type Site, v1, v2, withQuery } from "./site.ts";

/** Throws PermanentError `connector.excluded` with the reason that the listing found. */
export function refuseExcluded({ locator, name }: Descriptor): void {
  const excluded = textOf(locator.excluded);
  if (excluded !== undefined) throw new PermanentError("connector.excluded", `${name} is skipped: ${excluded}`);
}

export async function fetchAttachment(
  descriptor: Descriptor,
  context: FetchContext,
  site: Site,
  deps: { http: ConfluenceHttp; settings: ConfluenceSettings },
): Promise<Fetched> {
  const { locator } = descriptor;
  const { siteName, attachments } = deps.settings;
  const id = idOf(locator.id);
  const pageId = idOf(locator.page_id);
  if (id === undefined || pageId === undefined || descriptor.externalRef !== attachmentRef(siteName, id)) {
    throw new PermanentError("connector.gone", `${descriptor.externalRef} does not belong to this connection`);
  }
  const options: RequestOptions = { signal: context.signal };
  try {
    const url = await downloadUrl({ id, pageId, path: textOf(locator.download) }, site, deps.http, options);
    const maxBytes = Math.min(context.maxBytes, attachments.maxBytes);
    const { bytes, mediaType } = await deps.http.download(url, maxBytes, options);
    if (bytes.byteLength !== descriptor.size) await refuseTruncated(id, bytes.byteLength, site, deps.http, options);
    const given =
      mediaType === null || /^application\/(?:octet-stream|binary)$/i.test(mediaType)
        ? descriptor.mediaType
        : mediaType;
    return {
      bytes,
      name: descriptor.name,
      mediaType: given,
      aliases: [fileAlias(siteName, pageId, descriptor.name)],
      metadata: {
        space_key: textOf(locator.space_key) ?? "",
        page_id: pageId,
        page_title: textOf(locator.page_title) ?? "",
        version: typeof locator.version === "number" ? locator.version : null,
      },
    };
  } catch (error) {
    throw namedFault(error, descriptor, pageId, `attachment ${id} of page ${pageId}`);
  }
}

/**
 * A proxy that cuts a file off does so with a Content-Length that agrees. What Confluence says of the file now decides:
 * it may have been replaced since it was listed.
 */
async function refuseTruncated(
  id: string,
  size: number,
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<void> {
  const url = site.deployment === "cloud" ? v2(site, `/attachments/att${id}`) : v1(site, `/content/${id}`);
  const row = objectAt((await http.json(url, options)).body);
  const stated = numberOf(row.fileSize) ?? numberOf(objectAt(row, "extensions").fileSize);
  if (stated === undefined || stated === size) return;
  throw new TransientError("connector.changed", `${size} of ${stated} bytes came`);
}

async function downloadUrl(
  file: { id: string; pageId: string; path: string | undefined },
  site: Site,
  http: ConfluenceHttp,
  options: RequestOptions,
): Promise<string> {
  if (site.deployment === "cloud") return v1(site, `/content/${file.pageId}/child/attachment/att${file.id}/download`);
  if (file.path?.startsWith("/")) return site.root + file.path;
  const { body } = await http.json(withQuery(v1(site, `/content/${file.id}`), { expand: "version" }), options);
  const path = textOf(objectAt(body, "_links").download);
  if (path?.startsWith("/")) return site.root + path;
  throw new PermanentError("connector.refused", "Confluence gives no download address");
}
