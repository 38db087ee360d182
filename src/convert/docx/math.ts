/**
 * Writes Office formulas (OMML) as TeX, the form in which people and machines read formulas in Markdown. What has no
 * rule of its own gives at least its text.
 */
import { child, childrenOf, isElement, toggle, type XmlElement } from "./xml.ts";

/** One line of TeX for `m:oMath` or `m:oMathPara`; "" for an empty formula. */
export function texOf(element: XmlElement): string {
  if (element.name === "m:oMathPara")
    return childrenOf(element, "m:oMath")
      .map(texOf)
      .filter((tex) => tex !== "")
      .join(" \\\\ ");
  return content(element)
    .replace(/(\\[a-zA-Z]+) (?![a-zA-Z])/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
}

function content(element: XmlElement | undefined): string {
  return element?.children.map((node) => (isElement(node) ? tex(node) : "")).join("") ?? "";
}

const part = (element: XmlElement, name: string): string => content(child(element, name));
const group = (element: XmlElement, name: string): string => `{${part(element, name)}}`;

function value(element: XmlElement, properties: string, name: string): string | undefined {
  const property = child(child(element, properties), name);
  return property ? (property.attributes["m:val"] ?? "") : undefined;
}

const NARY: Readonly<Record<string, string>> = {
  "∑": "\\sum",
  "∏": "\\prod",
  "∐": "\\coprod",
  "∫": "\\int",
  "∬": "\\iint",
  "∭": "\\iiint",
  "∮": "\\oint",
  "⋃": "\\bigcup",
  "⋂": "\\bigcap",
  "⋁": "\\bigvee",
  "⋀": "\\bigwedge",
};
const ACCENTS: Readonly<Record<string, string>> = {
  "\u0302": "\\hat",
  "\u0303": "\\tilde",
  "\u0304": "\\bar",
  "\u0305": "\\overline",
  "\u0307": "\\dot",
  "\u0308": "\\ddot",
  "\u20d7": "\\vec",
  "\u030c": "\\check",
  "\u0306": "\\breve",
};
const FUNCTIONS =
  /^(?:sin|cos|tan|cot|sec|csc|sinh|cosh|tanh|coth|arcsin|arccos|arctan|log|ln|lg|exp|lim|max|min|sup|inf|det|dim|ker|gcd|deg|arg)$/;

function tex(element: XmlElement): string {
  switch (element.name) {
    case "m:r":
      return run(element);
    case "w:r":
    case "w:ins":
      return content(element);
    case "m:t":
    case "w:t":
      return element.children.filter((node) => typeof node === "string").join("");
    case "m:f":
      return value(element, "m:fPr", "m:type") === "lin"
        ? `${group(element, "m:num")}/${group(element, "m:den")}`
        : `\\frac${group(element, "m:num")}${group(element, "m:den")}`;
    case "m:sSup":
      return `${base(element)}^${group(element, "m:sup")}`;
    case "m:sSub":
      return `${base(element)}_${group(element, "m:sub")}`;
    case "m:sSubSup":
      return `${base(element)}_${group(element, "m:sub")}^${group(element, "m:sup")}`;
    case "m:sPre":
      return `{}_${group(element, "m:sub")}^${group(element, "m:sup")}${base(element)}`;
    case "m:rad": {
      const degree = part(element, "m:deg");
      return `\\sqrt${degree === "" ? "" : `[${degree}]`}${group(element, "m:e")}`;
    }
    case "m:nary":
      return nary(element);
    case "m:d":
      return delimited(element);
    case "m:func": {
      const name = part(element, "m:fName").trim();
      return `${FUNCTIONS.test(name) ? `\\${name}` : name} ${group(element, "m:e")}`;
    }
    case "m:limLow":
      return `${limitBase(element)}_${group(element, "m:lim")}`;
    case "m:limUpp":
      return `${limitBase(element)}^${group(element, "m:lim")}`;
    case "m:acc":
      return `${ACCENTS[value(element, "m:accPr", "m:chr") ?? "\u0302"] ?? "\\hat"}${group(element, "m:e")}`;
    case "m:bar":
      return `${value(element, "m:barPr", "m:pos") === "bot" ? "\\underline" : "\\overline"}${group(element, "m:e")}`;
    case "m:m":
      return matrix(
        childrenOf(element, "m:mr").map((row) => childrenOf(row, "m:e").map(content)),
        "matrix",
      );
    case "m:eqArr":
      return matrix(
        childrenOf(element, "m:e").map((row) => [content(row)]),
        "aligned",
      );
    case "m:del":
    case "w:del":
      return "";
    default:
      return /Pr$/.test(element.name) ? "" : content(element);
  }
}

/** Greek letters and signs that TeX writes by name; the names of the Greek capitals that look Latin do not exist. */
const SIGNS: Readonly<Record<string, string>> = Object.fromEntries(
  (
    "α alpha β beta γ gamma δ delta ε varepsilon ϵ epsilon ζ zeta η eta θ theta ϑ vartheta ι iota κ kappa λ lambda μ mu ν nu ξ xi π pi ρ rho σ sigma ς varsigma τ tau υ upsilon " +
    "φ varphi ϕ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega × times ÷ div ± pm ∓ mp ⋅ cdot ∘ circ ≤ leq ≥ geq ≠ neq ≈ approx " +
    "≡ equiv ∼ sim ∝ propto ∞ infty ∂ partial ∇ nabla ∈ in ∉ notin ⊂ subset ⊆ subseteq ∪ cup ∩ cap ∀ forall ∃ exists → to ← leftarrow ⇒ Rightarrow ⇔ Leftrightarrow ↔ leftrightarrow … ldots ⋯ cdots ∅ emptyset"
  )
    .split(" ")
    .map((sign, index, all) => [sign, all[index + 1]!] as const)
    .filter((_pair, index) => index % 2 === 0),
);
const SIGN = new RegExp(`[${Object.keys(SIGNS).join("")}]`, "gu");

/** Signs as TeX commands; invisible operators go. */
function withCommands(text: string): string {
  return text.replace(/[\u2061-\u2064]/g, " ").replace(SIGN, (sign) => `\\${SIGNS[sign]} `);
}

function run(element: XmlElement): string {
  const text = withCommands(content(element));
  // Upright text in a formula is words, which TeX would otherwise set as a product of letters.
  const upright = toggle(child(element, "m:rPr"), "m:nor");
  return upright === true && /[\p{L}]{2}|\s/u.test(text) ? `\\text{${text}}` : text;
}

/** The base of an index or exponent, in braces if it is more than one thing. */
function base(element: XmlElement): string {
  const text = part(element, "m:e");
  return /^(?:[\p{L}\p{N}]|\\[a-z]+(?:\{[^{}]*\})?)?$/iu.test(text) ? text : `{${text}}`;
}

function limitBase(element: XmlElement): string {
  const text = part(element, "m:e").trim();
  return FUNCTIONS.test(text) ? `\\${text}` : base(element);
}

function nary(element: XmlElement): string {
  const sign = value(element, "m:naryPr", "m:chr") ?? "∫";
  const below = part(element, "m:sub");
  const above = part(element, "m:sup");
  return `${NARY[sign] ?? sign}${below === "" ? "" : `_{${below}}`}${above === "" ? "" : `^{${above}}`}${group(element, "m:e")}`;
}

function delimited(element: XmlElement): string {
  const open = value(element, "m:dPr", "m:begChr") ?? "(";
  const close = value(element, "m:dPr", "m:endChr") ?? ")";
  const separator = value(element, "m:dPr", "m:sepChr") ?? "|";
  const escaped = (sign: string): string => (sign === "{" || sign === "}" ? `\\${sign}` : sign);
  return escaped(open) + childrenOf(element, "m:e").map(content).join(separator) + escaped(close);
}

function matrix(rows: string[][], environment: string): string {
  return `\\begin{${environment}}${rows.map((row) => row.join(" & ")).join(" \\\\ ")}\\end{${environment}}`;
}
