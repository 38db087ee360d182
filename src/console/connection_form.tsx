/**
 * Adding a connection and changing how it signs in: one short form for each kind of source, of which one part at a time
 * says how to sign in. What may stand in them is checked by the API; here only that nothing is left out.
 */
/** @jsxImportSource hono/jsx */
import * as v from "valibot";
import { invalidField } from "../http/check.ts";
import { found, notFound } from "../http/tenancy.ts";
import { type ConnectionRow, findConnection } from "../store/connections.ts";
import { apiRoute, callApi, readForm } from "./act.ts";
import { type Field, KINDS, type Kind, kindOf, signsIn, type Way } from "./connection_kinds.tsx";
import { Heading } from "./layout.tsx";
import { act, type ConsoleRoute, leadTo, view } from "./page.ts";
import { Tabs } from "./parts.tsx";
import { ownedById, queryOf, shownTenant, type Visit } from "./visit.ts";

const kindField = v.optional(v.picklist(["directory", "s3", "confluence"]), "directory");

const form = view("/connections/new", async (visit) => {
  const { kind } = queryOf(visit, { kind: kindField });
  const body = (
    <>
      <Heading title="Add a connection" />
      <Tabs
        label="Kind of source"
        choices={Object.entries(KINDS).map(([name, { label }]) => ({
          href: `/connections/new?kind=${name}`,
          label,
          current: name === kind,
        }))}
      />
      <form method="post" action="/connections" class="stack">
        <input type="hidden" name="kind" value={kind} />
        <Input field={{ name: "name", label: "Name", required: true, hint: "By which you and others will know it." }} />
        {KINDS[kind].fields.map((field) => (
          <Input field={field} />
        ))}
        <Ways kind={KINDS[kind]} />
        <button type="submit" class="primary">
          Add
        </button>
      </form>
    </>
  );
  return { title: "Add a connection", section: "connections", body };
});

/** The choice of how to sign in. The style sheet shows the fields of the chosen way only (`.way`), without any script. */
function Ways({ kind: { ways, wayOf }, row }: { kind: Kind; row?: ConnectionRow }) {
  if (ways.length === 0) return null;
  const used = row && wayOf?.(row);
  const now = ways.find(({ name }) => name === used) ?? ways[0];
  return (
    <fieldset class="field">
      <legend>How it signs in</legend>
      {ways.map((way) => (
        <div class="way">
          <label class="check">
            <input type="radio" name="way" value={way.name} checked={way === now} />
            {way.label}
          </label>
          {way.fields.length > 0 && (
            <div class="way-fields">
              {way.fields.map((field) => (
                <Input field={field} way={way} value={way === now ? row?.config[field.name] : undefined} />
              ))}
            </div>
          )}
        </div>
      ))}
    </fieldset>
  );
}

/** Several ways may ask for the same thing. */
const inputName = (field: Field, way?: Way): string => (way ? `${way.name}.${field.name}` : field.name);

/** Browsers would demand the fields of ways that are not chosen, too: whether those are there is checked by the server. */
function Input({ field, way, value }: { field: Field; way?: Way; value?: unknown }) {
  const { label, as, required, hint, example } = field;
  const name = inputName(field, way);
  return (
    <div class="field">
      <label for={name}>
        {label}
        {!required && <span class="muted"> optional</span>}
      </label>
      <input
        id={name}
        name={name}
        type={as === "secret" ? "password" : "text"}
        autocomplete="off"
        required={required && !way}
        aria-required={required && way ? "true" : undefined}
        placeholder={example}
        value={typeof value === "string" && as !== "secret" ? value : undefined}
        aria-describedby={hint ? `${name}-hint` : undefined}
      />
      {hint && (
        <p class="muted" id={`${name}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

interface Given {
  config: Record<string, unknown>;
  secrets: Record<string, string>;
}

/** What the form says in these fields, without those left empty. Throws InputError for one of a way that must not be. */
function givenIn(form: URLSearchParams, fields: Field[], way?: Way): Given {
  const given: Given = { config: { ...way?.config }, secrets: {} };
  for (const field of fields) {
    const { name, as } = field;
    const typed = form.get(inputName(field, way)) ?? "";
    const value = field.exact ? typed : typed.trim();
    if (!value && way && field.required) throw invalidField(field.label, `is required for “${way.label}”`);
    if (!value) continue;
    if (as === "secret") given.secrets[name] = value;
    else given.config[name] = as === "list" ? value.split(",").map((part) => part.trim()) : value;
  }
  return given;
}

/** The same for the chosen way. */
function credentialsIn(form: URLSearchParams, { ways }: Kind): Given {
  if (ways.length === 0) return { config: {}, secrets: {} };
  const way = ways.find(({ name }) => name === form.get("way"));
  if (!way) throw invalidField("How it signs in", `must be one of ${ways.map(({ name }) => name).join(", ")}`);
  return givenIn(form, way.fields, way);
}

const createRoute = apiRoute("post", "/v1/connections");

const create = act("/connections", async (visit) => {
  const given = await readForm(visit.context.req.raw);
  const kind = v.parse(v.fallback(kindField, "directory"), given.get("kind"));
  const { config } = givenIn(given, KINDS[kind].fields);
  const credentials = credentialsIn(given, KINDS[kind]);
  const answer = await callApi(visit, createRoute, {
    tenant_id: await shownTenant(visit),
    source_type: KINDS[kind].sourceType,
    name: given.get("name") ?? "",
    config: { kind, ...config, ...credentials.config },
    ...(Object.keys(credentials.secrets).length > 0 ? { secrets: credentials.secrets } : {}),
  });
  const { connection_id: id } = (await answer.json()) as { connection_id: string };
  return leadTo(visit, `/connections/${id}`);
});

/** Throws InputError (404) where nothing can be replaced. */
async function visited(visit: Visit): Promise<{ row: ConnectionRow; kind: Kind }> {
  const { id, tenantId } = await ownedById(visit, "connection");
  const row = found(await findConnection(visit.deps.sql, tenantId, id), "connection", id);
  const kind = kindOf(row);
  if (!kind || !signsIn(row)) throw notFound("connection", id);
  return { row, kind };
}

const credentials = view("/connections/{id}/credentials", async (visit) => {
  const { row, kind } = await visited(visit);
  const body = (
    <>
      <Heading title={`Credentials of ${row.name}`} />
      <p class="muted">They replace all that were saved, which nobody can see again.</p>
      <form method="post" action={`/connections/${row.connectionId}/credentials`} class="stack">
        <Ways kind={kind} row={row} />
        <button type="submit" class="primary">
          Replace
        </button>
      </form>
    </>
  );
  return { title: `Credentials of ${row.name}`, section: "connections", body };
});

const changeRoute = apiRoute("patch", "/v1/connections/{id}");

const replace = act("/connections/{id}/credentials", async (visit) => {
  const { row, kind } = await visited(visit);
  const { config, secrets } = credentialsIn(await readForm(visit.context.req.raw), kind);
  const ofWays = new Set(
    kind.ways.flatMap((way) => [...Object.keys(way.config ?? {}), ...way.fields.map(({ name }) => name)]),
  );
  const kept = Object.entries(row.config).filter(([name]) => !ofWays.has(name));
  await callApi(visit, changeRoute, {
    config: { kind: kind.name, ...Object.fromEntries(kept), ...config },
    secrets: Object.keys(secrets).length > 0 ? secrets : null,
  });
  return leadTo(visit, `/connections/${row.connectionId}`);
});

export const connectionFormPages: ConsoleRoute[] = [form, create, credentials, replace];
