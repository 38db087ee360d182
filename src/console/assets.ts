/** Style sheet, script and icon, embedded into the executable. Their addresses name their content, so caches keep them. */
import style from "./console.css" with { type: "text" };
import script from "./console.mjs" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };

export interface Asset {
  path: string;
  type: string;
  text: string;
}

const asset = (name: string, type: string, text: string): Asset => {
  const [stem, extension] = name.split(".") as [string, string];
  return { path: `/console/${stem}-${Bun.hash(text).toString(36)}.${extension}`, type, text };
};

export const STYLE = asset("console.css", "text/css; charset=utf-8", style);
export const SCRIPT = asset("console.js", "text/javascript; charset=utf-8", script);
export const ICON = asset("icon.svg", "image/svg+xml", icon);

/** What the server answers for it. */
export const respondAsset = ({ type, text }: Asset): Response =>
  new Response(text, { headers: { "content-type": type, "cache-control": "public, max-age=31536000, immutable" } });
