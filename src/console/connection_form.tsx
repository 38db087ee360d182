/** Adding a connection: one short form for each kind of source. What may stand in it is checked by the API. */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import * as v from "valibot";
import type { SourceType } from "../connector/connector.ts";
import { apiRoute, callApi, readForm } from "./act.ts";
import { Heading } from "./layout.tsx";
import { act, type ConsoleRoute, leadTo, view } from "./page.ts";
import { Tabs } from "./parts.tsx";
import { queryOf, shownTenant } from "./visit.ts";

interface Field {
  name: string;
  label: string;
  /** Goes to the secrets, or is a list separated by commas. */
  as?: "secret" | "list";
  required?: boolean;
  hint?: Child;
  example?: string;
}

interface Kind {
  label: string;
  sourceType: SourceType;
  fields: Field[];
}

const GLOBS: Field[] = [
  {
    name: "include",
    label: "Only these files",
    as: "list",
    example: "**/*.md, reports/**",
    hint: "Globs; without any, every format that can be read.",
  },
  { name: "exclude", label: "Without these files", as: "list", example: "drafts/**" },
];

const KINDS: Record<"directory" | "s3" | "confluence", Kind> = {
  directory: {
    label: "Folder",
    sourceType: "FILE_CATALOG_OBJECT",
    fields: [
      {
        name: "root",
        label: "Folder",
        required: true,
        example: "/srv/handbook",
        hint: (
          <>
            On the server, below one of <code>FILE_CATALOG_ROOTS</code>.
          </>
        ),
      },
      ...GLOBS,
    ],
  },
  s3: {
    label: "S3 prefix",
    sourceType: "FILE_CATALOG_OBJECT",
    fields: [
      { name: "bucket", label: "Bucket", required: true },
      { name: "prefix", label: "Prefix", example: "handbook/" },
      ...GLOBS,
    ],
  },
  confluence: {
    label: "Confluence",
    sourceType: "CONFLUENCE_PAGE",
    fields: [
      { name: "base_url", label: "Address", required: true, example: "https://acme.atlassian.net/wiki" },
      { name: "spaces", label: "Spaces", as: "list", example: "DOC, ENG", hint: "Keys; without any, all of them." },
      { name: "email", label: "E-mail", hint: "Of the Cloud user whose API token follows." },
      { name: "api_token", label: "API token", as: "secret", hint: "Confluence Cloud." },
      { name: "pat", label: "Personal access token", as: "secret", hint: "Data Center, instead of the two above." },
    ],
  },
};

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
        <button type="submit" class="primary">
          Add
        </button>
      </form>
    </>
  );
  return { title: "Add a connection", section: "connections", body };
});

const Input = ({ field: { name, label, as, required, hint, example } }: { field: Field }) => (
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
      required={required}
      placeholder={example}
      aria-describedby={hint ? `${name}-hint` : undefined}
    />
    {hint && (
      <p class="muted" id={`${name}-hint`}>
        {hint}
      </p>
    )}
  </div>
);

const createRoute = apiRoute("post", "/v1/connections");

const create = act("/connections", async (visit) => {
  const given = await readForm(visit.context.req.raw);
  const kind = v.parse(v.fallback(kindField, "directory"), given.get("kind"));
  const config: Record<string, unknown> = { kind };
  const secrets: Record<string, string> = {};
  for (const { name, as } of KINDS[kind].fields) {
    const value = given.get(name)?.trim();
    if (!value) continue;
    if (as === "secret") secrets[name] = value;
    else config[name] = as === "list" ? value.split(",").map((part) => part.trim()) : value;
  }
  const answer = await callApi(visit, createRoute, {
    tenant_id: await shownTenant(visit),
    source_type: KINDS[kind].sourceType,
    name: given.get("name") ?? "",
    config,
    ...(Object.keys(secrets).length > 0 ? { secrets } : {}),
  });
  const { connection_id: id } = (await answer.json()) as { connection_id: string };
  return leadTo(visit, `/connections/${id}`);
});

export const connectionFormPages: ConsoleRoute[] = [form, create];
