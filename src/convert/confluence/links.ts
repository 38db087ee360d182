/**
 * Links and what they lead to. Decides the address: the one that the caller knows, else one on the site, else a
 * `confluence:` address that says what was meant, so that a link never silently turns into plain text.
 */
import type { PageRef } from "./context.ts";
import type { PageMapper, Rule } from "./map_page.ts";
import { html, type PageNode, text } from "./page_tree.ts";
import { child, isElement, type XmlElement, type XmlNode } from "./read_xml.ts";

/** A link's address and the text to show where it has no body. */
interface Target {
  href: string | undefined;
  label: string;
}

export const link: Rule = (page, element) => {
  const resource = resourceOf(element.children);
  const anchor = element.attributes["ac:anchor"];
  const body = bodyOf(page, element, resource);
  const shows = body.some((node) => node.nodeValue === null || node.nodeValue.trim() !== "");
  if (resource?.name === "ri:user") {
    const mention = userMention(page, resource);
    return shows ? body : [text(mention)];
  }
  const target = targetOf(page, resource, anchor);
  const children = shows ? body : target.label === "" ? [] : [text(target.label)];
  if (children.length === 0) return [];
  return target.href === undefined ? children : [html("A", { href: target.href }, children)];
};

/** The first resource identifier among the nodes. */
export function resourceOf(nodes: readonly XmlNode[]): XmlElement | undefined {
  return nodes.find((node): node is XmlElement => isElement(node) && node.name.startsWith("ri:"));
}

function bodyOf(page: PageMapper, element: XmlElement, resource: XmlElement | undefined): PageNode[] {
  const body = child(element, "ac:link-body") ?? child(element, "ac:plain-text-link-body");
  const nodes = body ? [body] : element.children.filter((node) => node !== resource);
  return page.nodes(nodes);
}

function targetOf(page: PageMapper, resource: XmlElement | undefined, anchor: string | undefined): Target {
  if (!resource) return anchor ? { href: `#${encodeName(anchor)}`, label: anchor } : { href: undefined, label: "" };
  const of = (name: string): string | undefined => resource.attributes[`ri:${name}`] || undefined;
  switch (resource.name) {
    case "ri:page":
    case "ri:blog-post":
    case "ri:content-entity":
      return pageTarget(page, pageRefOf(resource), anchor);
    case "ri:attachment": {
      const name = of("filename")?.normalize("NFC");
      return name ? { href: attachmentHref(page, resource), label: name } : { href: undefined, label: "" };
    }
    case "ri:url": {
      const url = of("value");
      return url ? { href: page.address(url), label: url } : { href: undefined, label: "" };
    }
    case "ri:space": {
      const key = of("space-key") ?? "";
      const { baseUrl } = page.context;
      const href =
        baseUrl === undefined
          ? `confluence:space?key=${encodeName(key)}`
          : `${trimmed(baseUrl)}/display/${encodeName(key)}`;
      return { href: key ? href : undefined, label: key };
    }
    case "ri:shortcut": {
      const value = of("parameter") ?? "";
      return {
        href: `confluence:shortcut?key=${encodeName(of("key") ?? "")}&value=${encodeName(value)}`,
        label: value,
      };
    }
    default:
      return { href: undefined, label: "" };
  }
}

function pageTarget(page: PageMapper, ref: PageRef, anchor: string | undefined): Target {
  const named = ref.title !== undefined || ref.contentId !== undefined;
  if (!named) return anchor ? { href: `#${encodeName(anchor)}`, label: anchor } : { href: undefined, label: "" };
  page.references.page(ref, "link");
  const label = ref.title ?? page.context.pageTitle?.(ref) ?? ref.contentId ?? "";
  return { href: pageHref(page, ref) + (anchor ? `#${encodeName(anchor)}` : ""), label };
}

/** The page that a `ri:page`, `ri:blog-post` or `ri:content-entity` names. */
export function pageRefOf(resource: XmlElement): PageRef {
  const of = (name: string): string | undefined =>
    resource.attributes[`ri:${name}`]?.normalize("NFC").trim() || undefined;
  const ref: PageRef = {};
  const spaceKey = of("space-key");
  const title = of("content-title");
  const contentId = of("content-id");
  if (spaceKey !== undefined) ref.spaceKey = spaceKey;
  if (title !== undefined) ref.title = title;
  if (contentId !== undefined) ref.contentId = contentId;
  return ref;
}

/** Where a page is: as the caller knows, else where the site would look for it, else what was meant. */
export function pageHref(page: PageMapper, ref: PageRef): string {
  const known = page.context.pageUrl?.(ref);
  if (known) return known;
  const { baseUrl, spaceKey: own } = page.context;
  const space = ref.spaceKey ?? page.reading.at(-1)?.spaceKey ?? own;
  if (baseUrl === undefined) {
    if (ref.contentId !== undefined) return `confluence:page?id=${encodeName(ref.contentId)}`;
    return `confluence:page?${space ? `space=${encodeName(space)}&` : ""}title=${encodeName(ref.title ?? "")}`;
  }
  const view = `${trimmed(baseUrl)}/pages/viewpage.action?`;
  if (ref.contentId !== undefined) return `${view}pageId=${encodeName(ref.contentId)}`;
  return `${view}${space ? `spaceKey=${encodeName(space)}&` : ""}title=${encodeName(ref.title ?? "")}`;
}

/** Address of a `ri:attachment`, or else its file name. */
export function attachmentHref(page: PageMapper, resource: XmlElement): string {
  const name = (resource.attributes["ri:filename"] ?? "").normalize("NFC");
  const owner = resourceOf(resource.children);
  const ref = owner ? pageRefOf(owner) : page.reading.length > 1 ? page.reading.at(-1) : undefined;
  if (!ref) page.references.attachment(name);
  return page.context.attachmentUrl?.(name, ref) ?? encodeName(name);
}

/** "@Name" of a `ri:user`. */
export function userMention(page: PageMapper, resource: XmlElement): string {
  const of = (name: string): string | undefined => resource.attributes[`ri:${name}`] || undefined;
  const user = of("account-id") ?? of("userkey") ?? of("username");
  if (user === undefined) return "@unknown user";
  page.references.user(user);
  return `@${page.context.userName?.(user) ?? of("username") ?? "unknown user"}`;
}

/** An `href` of the page: relative ones against the site. */
export function resolvedHref(page: PageMapper, href: string): string {
  return page.address(href.trim());
}

/** A name as part of an address: readable, but with nothing in it that would end or change the address. */
export function encodeName(name: string): string {
  return name.replace(/[%#?&+\s"<>\\[\]]/g, (char) => encodeURIComponent(char));
}

function trimmed(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, "");
}
