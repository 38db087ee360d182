/**
 * The kinds of sources that can be connected by a form: which fields each has, and in which ways it can sign in. The
 * names are those of the API, which checks what stands in them.
 */
/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { JsonObject, SourceType } from "../connector/connector.ts";
import type { ConnectionRow } from "../store/connections.ts";
import { isFromEnvironment } from "../store/environment_connection.ts";

type KindName = "directory" | "s3" | "confluence";

export interface Field {
  name: string;
  label: string;
  /** Goes to the secrets, or is a list separated by commas. */
  as?: "secret" | "list";
  /** Blanks at its ends belong to it. */
  exact?: boolean;
  required?: boolean;
  hint?: Child;
  example?: string;
}

/** One way of signing in: what it writes into the configuration, and the fields that belong to it alone. */
export interface Way {
  name: string;
  label: string;
  config?: JsonObject;
  fields: Field[];
}

export interface Kind {
  /** As in `config.kind`. */
  name: KindName;
  label: string;
  sourceType: SourceType;
  fields: Field[];
  /** The first is proposed; a kind without any needs no credentials. */
  ways: Way[];
  /** Name of the way in which a connection signs in now. */
  wayOf?: (row: ConnectionRow) => string;
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

const REGION: Field = { name: "region", label: "Region", example: "eu-central-1" };

const S3_WAYS: Way[] = [
  { name: "server", label: "The keys of this server", fields: [REGION] },
  {
    name: "keys",
    label: "Keys of its own",
    fields: [
      { name: "access_key_id", label: "Access key id", as: "secret", required: true },
      { name: "secret_access_key", label: "Secret access key", as: "secret", required: true },
      { name: "endpoint", label: "Endpoint", example: "https://s3.example.org", hint: "Without one, AWS." },
      REGION,
    ],
  },
];

const CONFLUENCE_WAYS: Way[] = [
  {
    name: "api_token",
    label: "Cloud: API token",
    config: { auth: "api_token" },
    fields: [
      { name: "email", label: "E-mail", required: true, hint: "Of the user whose token it is." },
      { name: "api_token", label: "API token", as: "secret", required: true },
    ],
  },
  {
    name: "scoped_token",
    label: "Cloud: API token with scopes",
    config: { auth: "scoped_token" },
    fields: [
      {
        name: "email",
        label: "E-mail",
        hint: "Of the user whose token it is; leave it empty for the token of a service account.",
      },
      { name: "api_token", label: "API token with scopes", as: "secret", required: true },
      { name: "cloud_id", label: "Cloud id", hint: "Found out by itself where the site tells it." },
    ],
  },
  {
    name: "pat",
    label: "Data Center: personal access token",
    config: { auth: "pat" },
    fields: [{ name: "pat", label: "Personal access token", as: "secret", required: true }],
  },
  {
    name: "basic",
    label: "Data Center: user and password",
    config: { auth: "basic" },
    fields: [
      { name: "username", label: "User", required: true },
      { name: "password", label: "Password", as: "secret", exact: true, required: true },
    ],
  },
  { name: "anonymous", label: "Nothing: everybody may read it", config: { auth: "anonymous" }, fields: [] },
];

export const KINDS: Record<KindName, Kind> = {
  directory: {
    name: "directory",
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
    ways: [],
  },
  s3: {
    name: "s3",
    label: "S3 prefix",
    sourceType: "FILE_CATALOG_OBJECT",
    fields: [
      { name: "bucket", label: "Bucket", required: true },
      { name: "prefix", label: "Prefix", example: "handbook/" },
      ...GLOBS,
    ],
    ways: S3_WAYS,
    wayOf: ({ secrets }) => (secrets === null ? "server" : "keys"),
  },
  confluence: {
    name: "confluence",
    label: "Confluence",
    sourceType: "CONFLUENCE_PAGE",
    fields: [
      { name: "base_url", label: "Address", required: true, example: "https://acme.atlassian.net/wiki" },
      { name: "spaces", label: "Spaces", as: "list", example: "DOC, ENG", hint: "Keys; without any, all of them." },
    ],
    ways: CONFLUENCE_WAYS,
    // Where the configuration does not say, the connector takes what it finds.
    wayOf: ({ config }) => String(config.auth ?? (config.username ? "basic" : config.email ? "api_token" : "pat")),
  },
};

/** Undefined for one that nothing here describes. */
export const kindOf = ({ config, sourceType }: ConnectionRow): Kind | undefined =>
  Object.values(KINDS).find((kind) =>
    config.kind === undefined ? kind.sourceType === sourceType : kind.name === config.kind,
  );

/** Whether it has credentials that can be replaced: those of the environment stay there. */
export const signsIn = (row: ConnectionRow): boolean =>
  (kindOf(row)?.ways.length ?? 0) > 0 && !isFromEnvironment(row.config);
