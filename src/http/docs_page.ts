/**
 * The page `/docs`: the API description for people. Made from the very JSON that `/openapi.json` answers, without scripts
 * and without anything from elsewhere, so that it works on a machine that reaches nothing but the service.
 */
import { html, raw } from "hono/html";
import MarkdownIt from "markdown-it";
import { type Html, schemaHtml, typeOf } from "./docs_page_schema.ts";
import { STYLE } from "./docs_page_style.ts";
import type { Json } from "./openapi.ts";

const styleHash = new Bun.CryptoHasher("sha256").update(STYLE).digest("base64");
/** No script, no foreign content, no frame; the one style sheet by its hash. */
export const DOCS_CSP = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const BASE = "http://localhost:8100";

interface Operation {
  id: string;
  verb: string;
  path: string;
  summary: string;
  scope: string;
  tag: string;
  parameters: Json[];
  body: { type: string; schema: Json; example?: Json } | null;
  responses: [status: string, response: Json][];
}

/** The whole page for a description that `describeApi` made. */
export async function docsPage(description: Json): Promise<string> {
  const info = description.info as { title: string; version: string; description: string };
  const { schemas = {} } = description.components as { schemas?: Record<string, Json> };
  const operations = operationsOf(description);
  const tags = (description.tags as { name: string; description: string }[]).map((tag) => ({
    ...tag,
    id: `tag-${tag.name.toLowerCase()}`,
    operations: operations.filter((operation) => operation.tag === tag.name),
  }));
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} API</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <a class="skip" href="#content">To the content</a>
        <div class="page">
          <nav aria-label="Contents">
            <a href="#content">${info.title} API</a>
            ${tags.map(
              (tag) => html`<h2><a href="#${tag.id}">${tag.name}</a></h2>
                <ul>${tag.operations.map((one) => html`<li><a href="#${one.id}">${verbOf(one)} ${shortPath(one)}</a></li>`)}</ul>`,
            )}
            <h2><a href="#schemas">Schemas</a></h2>
          </nav>
          <main id="content">
            <h1>${info.title} API</h1>
            <p class="quiet">Version ${info.version}. The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
            ${markdown(info.description)}
            ${tags.map(
              (tag) => html`<h2 id="${tag.id}">${tag.name}</h2>
                <p>${tag.description}</p>
                ${tag.operations.map(operationHtml)}`,
            )}
            <h2 id="schemas">Schemas</h2>
            ${Object.entries(schemas).map(
              ([name, schema]) => html`<section id="schema-${name}"><h3>${name}</h3>${schemaHtml(schema)}</section>`,
            )}
          </main>
        </div>
      </body>
    </html>`;
  return String(page);
}

function operationsOf(description: Json): Operation[] {
  const { parameters: shared = {} } = description.components as { parameters?: Record<string, Json> };
  const resolve = (parameter: Json): Json =>
    typeof parameter.$ref === "string" ? shared[parameter.$ref.split("/").at(-1)!]! : parameter;
  const all = { ...(description.paths as Record<string, Json>), ...(description.webhooks as Record<string, Json>) };
  return Object.entries(all).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([verb]) => verb !== "parameters")
      .map(([verb, value]): Operation => {
        const operation = value as Json & { parameters: Json[]; tags: string[]; responses: Record<string, Json> };
        const content = (operation.requestBody as { content: Record<string, Json> } | undefined)?.content;
        const [type, body] = Object.entries(content ?? {})[0] ?? [];
        return {
          id: String(operation.operationId),
          verb,
          path,
          summary: String(operation.summary),
          scope: String(operation.description ?? "Needs no token."),
          tag: operation.tags[0]!,
          parameters: operation.parameters.map(resolve),
          body: type && body ? { type, ...(body as { schema: Json; example?: Json }) } : null,
          responses: Object.entries(operation.responses),
        };
      }),
  );
}

const verbOf = ({ verb, path }: Operation): Html =>
  html`<span class="verb ${verb}">${path.startsWith("/") ? verb : "sends"}</span>`;
const shortPath = ({ path }: Operation): string => path.replace(/^\/v1/, "");

function operationHtml(operation: Operation): Html {
  const { id, path, summary, scope, parameters, body } = operation;
  const answer = operation.responses.find(([status]) => status.startsWith("2"));
  const incoming = path.startsWith("/");
  return html`<section class="operation" id="${id}">
    <h3>${verbOf(operation)} <code>${path}</code></h3>
    <p>${summary}. ${incoming ? html`<span class="quiet">${scope}</span>` : ""}</p>
    ${parameters.length > 0 ? html`<h4>Parameters</h4>${parametersHtml(parameters)}` : ""}
    ${body ? html`<h4>Body <code>${body.type}</code></h4>${schemaHtml(body.schema)}` : ""}
    ${answer ? answerHtml(answer) : ""} ${errorsHtml(operation)} ${incoming ? exampleHtml(operation, answer?.[1]) : ""}
  </section>`;
}

function parametersHtml(parameters: Json[]): Html {
  return html`<dl class="fields">
    ${parameters.map((one) => {
      const schema = one.schema as Json;
      const fallback = schema.default === undefined ? "" : `, default ${JSON.stringify(schema.default)}`;
      const where = `in the ${one.in === "query" ? "query string" : one.in}`;
      return html`<dt>
          <code>${one.name}</code>
          <span class="quiet">${where}, ${typeOf(schema)}${one.required ? "" : ", optional"}${fallback}</span>
        </dt>
        <dd>${one.description ?? ""}</dd>`;
    })}
  </dl>`;
}

function answerHtml([status, response]: [string, Json]): Html {
  const [type, content] = Object.entries((response.content ?? {}) as Record<string, Json>)[0] ?? [];
  if (!content) return html`<h4>Answer ${status}</h4><p>${response.description}</p>`;
  return html`<h4>Answer ${status} <code>${type}</code></h4>${schemaHtml(content.schema as Json)}`;
}

/** Each failure's description lists its codes, a line each. */
function errorsHtml({ responses }: Operation): Html | string {
  const failures = responses.filter(([status]) => /^[45]/.test(status));
  if (failures.length === 0) return "";
  return html`<details><summary>Errors</summary>
    ${failures.map(([status, response]) => html`<h4>${status}</h4>${markdown(String(response.description))}`)}
  </details>`;
}

function exampleHtml(operation: Operation, answer: Json | undefined): Html {
  const content = Object.values((answer?.content ?? {}) as Record<string, Json>)[0];
  const example = content?.example;
  return html`<h4>Example</h4>
    <pre tabindex="0"><code>${curlOf(operation)}</code></pre>
    ${example === undefined ? "" : html`<pre tabindex="0"><code>${JSON.stringify(example, null, 2)}</code></pre>`}`;
}

/** The request of the example as a command for a shell. */
function curlOf({ verb, path, parameters, body, scope }: Operation): string {
  const given = parameters.filter((one) => one.example !== undefined);
  const filled = given
    .filter((one) => one.in === "path")
    .reduce((url, one) => url.replace(`{${one.name}}`, encodeURIComponent(String(one.example))), path);
  const query = given
    .filter((one) => one.in === "query")
    .map((one) => `${one.name}=${encodeURIComponent(String(one.example))}`)
    .join("&");
  const lines = [
    `curl${verb === "get" ? "" : ` -X ${verb.toUpperCase()}`} ${quoted(`${BASE}${filled}${query && `?${query}`}`)}`,
  ];
  if (!scope.startsWith("Needs no")) lines.push('-H "Authorization: Bearer $TOKEN"');
  if (body?.type === "application/json" && body.example)
    lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body.example, null, 2))}`);
  if (body?.type === "multipart/form-data")
    lines.push(`-F tenant_id=${body.example?.tenant_id ?? "…"}`, "-F file=@minutes.md");
  return lines.join(" \\\n  ");
}

const quoted = (text: string): string => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** Our own texts only; HTML within them would be shown as text. */
const renderer = new MarkdownIt({ html: false });
const markdown = (text: string): Html => raw(renderer.render(text).replaceAll("<pre>", '<pre tabindex="0">'));
