/** The part of domino (turndown's own HTML parser, which ships without module types) that we use. */
declare module "@mixmark-io/domino" {
  export interface HtmlNode {
    readonly nodeType: number;
    readonly nodeName: string;
    readonly nodeValue: string | null;
    readonly firstChild: HtmlNode | null;
    readonly nextSibling: HtmlNode | null;
    readonly previousSibling: HtmlNode | null;
    readonly parentNode: HtmlNode | null;
  }
  export interface HtmlElement extends HtmlNode {
    readonly textContent: string;
    getAttribute(name: string): string | null;
    hasAttribute(name: string): boolean;
  }
  export interface HtmlDocument extends HtmlNode {
    readonly documentElement: HtmlElement;
    readonly head: HtmlElement | null;
    readonly body: HtmlElement | null;
    getElementById(id: string): HtmlElement | null;
  }
  const domino: { createDocument(html: string, force?: boolean): HtmlDocument };
  export default domino;
}
