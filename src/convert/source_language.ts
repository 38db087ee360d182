/** Which text files are source code or data rather than prose, by their extension, and the language of their fence. */

const LANGUAGES: Record<string, string> = {
  bash: "bash", bat: "bat", c: "c", cc: "cpp", cfg: "ini", clj: "clojure", conf: "ini", cpp: "cpp", cs: "csharp",
  css: "css", csv: "csv", cxx: "cpp", dart: "dart", diff: "diff", dockerfile: "dockerfile", env: "ini", erl: "erlang",
  ex: "elixir", exs: "elixir", fs: "fsharp", go: "go", gradle: "groovy", graphql: "graphql", groovy: "groovy", h: "c",
  hcl: "hcl", hpp: "cpp", hs: "haskell", ini: "ini", java: "java", jl: "julia", js: "javascript", json: "json",
  json5: "json5", jsonl: "json", jsx: "jsx", kt: "kotlin", less: "less", lua: "lua", m: "objectivec", mjs: "javascript",
  mk: "makefile", ml: "ocaml", ndjson: "json", nix: "nix", patch: "diff", php: "php", pl: "perl", properties: "properties",
  proto: "protobuf", ps1: "powershell", psm1: "powershell", py: "python", r: "r", rb: "ruby", rs: "rust", sass: "sass",
  scala: "scala", scss: "scss", sh: "bash", sql: "sql", svelte: "svelte", swift: "swift", tf: "hcl", toml: "toml",
  ts: "typescript", tsv: "tsv", tsx: "tsx", vb: "vb", vue: "vue", xml: "xml", xsd: "xml", xsl: "xml", xslt: "xml",
  yaml: "yaml", yml: "yaml", zsh: "bash",
};

/** Lower-case extension of a file name without its dot, or "". */
export function extensionOf(name: string): string {
  return /[^/\\]\.([^./\\]{1,16})$/.exec(name)?.[1]?.toLowerCase() ?? "";
}

/** Language for a fence around the whole file, or null if the file is prose. */
export function sourceLanguage(extension: string): string | null {
  return Object.hasOwn(LANGUAGES, extension) ? LANGUAGES[extension]! : null;
}
