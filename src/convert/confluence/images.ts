/** Images: the attachment's address or file name with the best text that says what it shows, and the caption below. */
import { attachmentHref, resourceOf } from "./links.ts";
import type { Rule } from "./map_page.ts";
import { html } from "./page_tree.ts";
import { child } from "./read_xml.ts";

export const image: Rule = (page, element) => {
  const resource = resourceOf(element.children);
  const name = resource?.attributes["ri:filename"]?.normalize("NFC");
  const url = resource?.attributes["ri:value"]?.trim();
  const src = resource && name ? attachmentHref(page, resource) : url ? page.address(url) : "";
  const { "ac:alt": alt, "ac:title": title } = element.attributes;
  const label = alt || title || name || "";
  const picture =
    src || label ? [html("IMG", { src, alt: label, ...(title && title !== label ? { title } : {}) })] : [];
  const caption = child(element, "ac:caption");
  if (!caption) return picture;
  return [html("P", {}, picture), html("DIV", {}, page.nodes(caption.children))];
};
