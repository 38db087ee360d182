/**
 * Storage format as people write it: headings, nested lists, tables with spans, tasks, code, panels, expands, layouts,
 * links by id and by title, includes, images, mentions. Every body is made from a plan and always the same; `marker`
 * stands in it exactly once, so that a test can say which page a text came from.
 */

/** A page as others refer to it. The title is the one at the time of writing. */
export interface Target {
  id: string;
  title: string;
  spaceKey: string;
}

export interface BodyPlan {
  seed: number;
  marker: string;
  deployment: "cloud" | "datacenter";
  spaceKey: string;
  userIds: string[];
  /** Pages to link to by id and by title, in turns. */
  links: Target[];
  /** Pages whose text is included. */
  includes: Target[];
  /** Names of files on the page itself. */
  files: string[];
}

export type Random = () => number;

/** Numbers from 0 to 1, the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
export const chance = (random: Random, share: number): boolean => random() < share;

const WORDS =
  "the service keeps a queue of requests and every worker takes one at a time while operators watch latency budget release checklist review customer invoice tenant backup restore region quota certificate deployment rollback alert dashboard on-call handbook contract supplier warehouse shipment forecast audit policy retention archive incident summary owner schedule migration index cache cluster storage network gateway password rotation training onboarding office travel expense approval".split(
    " ",
  );
const FOREIGN = [
  "バックアップは毎晩実行され、結果は担当者に通知されます。",
  "Резервные копии проверяются каждую неделю, журнал хранится год.",
  "تُراجع الصلاحيات كل ثلاثة أشهر من قبل مالك النظام.",
  "Die Übergabe erfolgt täglich um 9 Uhr; Störungen gehen an die Rufbereitschaft.",
  "백업 정책은 분기마다 검토합니다.",
];

export const escapeXml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** About so many words, with a capital and a full stop. */
export function sentence(random: Random, words = 6 + Math.floor(random() * 12)): string {
  let text = pick(random, WORDS);
  for (let i = 1; i < words; i++) text += ` ${pick(random, WORDS)}`;
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

export const heading = (random: Random): string => sentence(random, 2 + Math.floor(random() * 3)).slice(0, -1);

const paragraph = (random: Random, sentences = 2 + Math.floor(random() * 4)): string =>
  `<p>${Array.from({ length: sentences }, () => sentence(random)).join(" ")}</p>`;

const macro = (name: string, inner: string, parameters: Record<string, string> = {}): string => {
  const shown = Object.entries(parameters).map(
    ([key, value]) => `<ac:parameter ac:name="${key}">${escapeXml(value)}</ac:parameter>`,
  );
  return `<ac:structured-macro ac:name="${name}" ac:schema-version="1">${shown.join("")}${inner}</ac:structured-macro>`;
};
const rich = (inner: string): string => `<ac:rich-text-body>${inner}</ac:rich-text-body>`;
const plain = (text: string): string =>
  `<ac:plain-text-body><![CDATA[${text.replaceAll("]]>", "]]]]><![CDATA[>")}]]></ac:plain-text-body>`;

function linkTo(random: Random, target: Target, plan: BodyPlan): string {
  const text = `see ${target.title}`;
  if (chance(random, 0.4)) {
    const href =
      plan.deployment === "cloud"
        ? `/wiki/spaces/${target.spaceKey}/pages/${target.id}`
        : `/pages/viewpage.action?pageId=${target.id}`;
    return `<a href="${href}">${escapeXml(text)}</a>`;
  }
  const space = target.spaceKey === plan.spaceKey ? "" : ` ri:space-key="${target.spaceKey}"`;
  return `<ac:link><ri:page${space} ri:content-title="${escapeXml(target.title)}" /><ac:plain-text-link-body><![CDATA[${text}]]></ac:plain-text-link-body></ac:link>`;
}

function mention(random: Random, plan: BodyPlan): string {
  const attribute = plan.deployment === "cloud" ? "ri:account-id" : "ri:userkey";
  return `<ac:link><ri:user ${attribute}="${escapeXml(pick(random, plan.userIds))}" /></ac:link>`;
}

function table(random: Random): string {
  const columns = 2 + Math.floor(random() * 3);
  const row = (cell: string, make: (i: number) => string) =>
    `<tr>${Array.from({ length: columns }, (_, i) => `<${cell}>${make(i)}</${cell}>`).join("")}</tr>`;
  const rows = Array.from({ length: 2 + Math.floor(random() * 5) }, () =>
    row("td", () => `<p>${sentence(random, 3)}</p>`),
  );
  const spanned = chance(random, 0.3) ? `<tr><td colspan="${columns}"><p>${sentence(random, 5)}</p></td></tr>` : "";
  return `<table><tbody>${row("th", () => `<p>${heading(random)}</p>`)}${rows.join("")}${spanned}</tbody></table>`;
}

function list(random: Random, depth = 0): string {
  const tag = chance(random, 0.5) ? "ul" : "ol";
  const items = Array.from(
    { length: 2 + Math.floor(random() * 3) },
    () => `<li><p>${sentence(random, 6)}</p>${depth < 2 && chance(random, 0.3) ? list(random, depth + 1) : ""}</li>`,
  );
  return `<${tag}>${items.join("")}</${tag}>`;
}

const tasks = (random: Random): string => {
  const items = Array.from(
    { length: 2 + Math.floor(random() * 3) },
    (_, i) =>
      `<ac:task><ac:task-id>${i + 1}</ac:task-id><ac:task-status>${chance(random, 0.5) ? "complete" : "incomplete"}</ac:task-status><ac:task-body><span class="placeholder-inline-tasks">${sentence(random, 5)}</span></ac:task-body></ac:task>`,
  );
  return `<ac:task-list>${items.join("")}</ac:task-list>`;
};

const CODE =
  'def rotate(keys):\n    for key in keys:\n        if key.age > 90 and key.name != "<root>":\n            yield key & 0xff\n';

const BLOCKS: ((random: Random) => string)[] = [
  table,
  (random) => list(random),
  tasks,
  () => macro("code", plain(CODE), { language: "python", title: "rotate.py" }),
  (random) =>
    macro(pick(random, ["info", "note", "warning", "tip"]), rich(paragraph(random, 1)), { title: heading(random) }),
  (random) => macro("panel", rich(paragraph(random, 1)), { title: heading(random), borderStyle: "solid" }),
  (random) => macro("expand", rich(paragraph(random, 2)), { title: heading(random) }),
  (random) =>
    `<p>State: ${macro("status", "", { title: "IN PROGRESS", colour: "Yellow" })} since <time datetime="2026-01-${10 + Math.floor(random() * 18)}" /></p>`,
  (random) =>
    `<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell>${paragraph(random, 1)}</ac:layout-cell><ac:layout-cell>${paragraph(random, 1)}</ac:layout-cell></ac:layout-section></ac:layout>`,
  (random) => `<p>${pick(random, FOREIGN)}</p>`,
  (random) =>
    `<p>Ticket ${macro("jira", "", { key: `OPS-${1 + Math.floor(random() * 900)}`, server: "System Jira" })} is open. <ac:emoticon ac:name="smile" ac:emoji-shortname=":slight_smile:" ac:emoji-fallback="🙂" /></p>`,
  (random) => `<blockquote>${paragraph(random, 1)}</blockquote>`,
  () => macro("noformat", plain("ERROR 42 <timeout> after 30s & no retry")),
  () => macro("children", ""),
  (random) => macro("excerpt", rich(paragraph(random, 1))),
  (random) =>
    `<p>A <ac:inline-comment-marker ac:ref="${Math.floor(random() * 1e9)}">marked phrase</ac:inline-comment-marker> and <strong>bold</strong>, <em>italic</em>, <code>x &lt; y</code>.</p>`,
];

/** The body of this plan, 1 to 6 kB. */
export function storageBody(plan: BodyPlan): string {
  const random = randomFrom(plan.seed);
  const parts = [`<p>Marker ${plan.marker} by ${mention(random, plan)}. ${sentence(random)}</p>`];
  if (chance(random, 0.15)) parts.unshift(macro("toc", ""));
  const sections = 2 + Math.floor(random() * 3);
  for (let i = 0; i < sections; i++) {
    const level = chance(random, 0.7) ? 2 : 3;
    parts.push(`<h${level}>${heading(random)}</h${level}>`, paragraph(random));
    for (let n = Math.floor(random() * 3); n > 0; n--) parts.push(pick(random, BLOCKS)(random));
    const link = plan.links[i];
    if (link) parts.push(`<p>${sentence(random, 4)} ${linkTo(random, link, plan)}.</p>`);
  }
  for (const file of plan.files) parts.push(fileReference(file));
  for (const target of plan.includes) {
    const space = target.spaceKey === plan.spaceKey ? "" : ` ri:space-key="${target.spaceKey}"`;
    const page = `<ac:link><ri:page${space} ri:content-title="${escapeXml(target.title)}" /></ac:link>`;
    parts.push(
      `<ac:structured-macro ac:name="include" ac:schema-version="1"><ac:parameter ac:name="">${page}</ac:parameter></ac:structured-macro>`,
    );
  }
  return parts.join("");
}

function fileReference(name: string): string {
  const file = `<ri:attachment ri:filename="${escapeXml(name)}" />`;
  if (name.endsWith(".png"))
    return `<ac:image ac:alt="Picture" ac:width="400">${file}<ac:caption><p>A caption</p></ac:caption></ac:image>`;
  return `<p><ac:link>${file}<ac:plain-text-link-body><![CDATA[${name}]]></ac:plain-text-link-body></ac:link></p>`;
}
