/**
 * `sluice connection`: what is synced from where. Secrets come from files, from standard input or from variables, and
 * never as arguments, which every user of the machine can read in the list of processes.
 */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { type Config, readVariable } from "../config.ts";
import type { ConnectionTest, JsonObject } from "../connector/connector.ts";
import { InputError, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import { type Api, openApi } from "./api.ts";
import type { Launch } from "./launch.ts";
import { allPages } from "./pages.ts";
import { EXIT, print, printJson, table } from "./terminal.ts";

interface ConnectionAnswer {
  connection_id: string;
  source_type: string;
  name: string;
  config: JsonObject;
  has_secrets: boolean;
}

interface SecretOptions {
  /** `NAME=@FILE` or `NAME=-`. */
  secret: string[];
  /** `NAME=VARIABLE`. */
  secretEnv: string[];
}

export interface CreateOptions extends SecretOptions {
  config: string;
  type?: string;
  json: boolean;
}

export interface UpdateOptions extends SecretOptions {
  name?: string;
  config?: string;
  removeSecrets: boolean;
  json: boolean;
}

/** The surroundings of a command. */
export type Context = [config: Config, launch: Launch, log: Log];

/** Works with the API and closes it. */
export async function withApi([config, launch, log]: Context, work: (api: Api) => Promise<number>): Promise<number> {
  const api = await openApi(config, launch, log, { workers: false });
  try {
    return await work(api);
  } finally {
    await api.close();
  }
}

/** Prints the tenant's connections, newest first. */
export const connectionList = (options: { json: boolean }, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const connections = await allOf(api);
    if (options.json) printJson({ connections });
    else if (connections.length === 0) print(`No connections in tenant ${context[0].tenant}.`);
    else print(table([["CONNECTION", "TYPE", "SECRETS", "NAME"], ...connections.map(row)]));
    return EXIT.ok;
  });

const row = (one: ConnectionAnswer): string[] => [
  one.connection_id,
  one.source_type,
  one.has_secrets ? "yes" : "no",
  one.name,
];

/** Saves a connection and prints its id. */
export async function connectionCreate(name: string, options: CreateOptions, ...context: Context): Promise<number> {
  const config = await readConnectionConfig(options.config);
  const secrets = await readSecrets(options.secret, options.secretEnv);
  return withApi(context, async (api) => {
    const created = await api.call<ConnectionAnswer>("POST", "/v1/connections", {
      tenant_id: api.tenantId,
      source_type: options.type ?? (config.kind === "confluence" ? "CONFLUENCE_PAGE" : "FILE_CATALOG_OBJECT"),
      name,
      config,
      ...(secrets ? { secrets } : {}),
    });
    if (options.json) printJson(created);
    else print(created.connection_id);
    return EXIT.ok;
  });
}

/** Changes what is given and leaves the rest; new secrets replace all that were saved. */
export async function connectionUpdate(idOrName: string, options: UpdateOptions, ...context: Context): Promise<number> {
  const given = await readSecrets(options.secret, options.secretEnv);
  if (given && options.removeSecrets) throw badUsage("--remove-secrets does not go with new secrets");
  const secrets = options.removeSecrets ? null : (given ?? undefined);
  const config = options.config === undefined ? undefined : await readConnectionConfig(options.config);
  return withApi(context, async (api) => {
    const path = `/v1/connections/${await idOf(api, idOrName)}`;
    const changed = await api.call<ConnectionAnswer>("PATCH", path, { name: options.name, config, secrets });
    if (options.json) printJson(changed);
    else print(table([row(changed)]));
    return EXIT.ok;
  });
}

/** Tries a connection and prints each check; fails when one of them does. */
export const connectionTest = (idOrName: string, options: { json: boolean }, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const tried = await api.call<ConnectionTest>("POST", `/v1/connections/${await idOf(api, idOrName)}/test`);
    if (options.json) printJson(tried);
    else
      print(
        table(
          tried.checks.map((check) => [
            check.ok ? "ok" : "FAILED",
            check.name,
            check.code ? `${check.message} (${check.code})` : check.message,
          ]),
        ),
      );
    return tried.ok ? EXIT.ok : EXIT.failed;
  });

/** Deletes a connection; its documents stay. */
export const connectionDelete = (idOrName: string, ...context: Context): Promise<number> =>
  withApi(context, async (api) => {
    const id = await idOf(api, idOrName);
    await api.call("DELETE", `/v1/connections/${id}`);
    print(`Deleted ${id}; its documents stay.`);
    return EXIT.ok;
  });

const allOf = (api: Api): Promise<ConnectionAnswer[]> => allPages(api, "/v1/connections", "connections");

/** Of a connection by its id or its name. Throws InputError `connection.not_found`. */
export async function idOf(api: Api, idOrName: string): Promise<string> {
  if (v.is(v.pipe(v.string(), v.uuid()), idOrName)) return idOrName;
  const named = (await allOf(api)).find(({ name }) => name === idOrName);
  if (named) return named.connection_id;
  throw new InputError("connection.not_found", `There is no connection named ${idOrName}`);
}

/** JSON itself, or `@FILE`. */
async function readConnectionConfig(given: string): Promise<JsonObject> {
  const text = given.startsWith("@") ? await readText(given.slice(1)) : given;
  try {
    return v.parse(v.record(v.string(), v.unknown()), JSON.parse(text)) as JsonObject;
  } catch {
    throw badUsage(`--config must be one JSON object, or @FILE with one`);
  }
}

/** Null when none are named. Throws InputError `cli.bad_option`, `cli.unreadable_file`. */
export async function readSecrets(
  fromFiles: string[],
  fromEnvironment: string[],
): Promise<Record<string, string> | null> {
  const secrets = new Map<string, string>();
  for (const given of fromFiles) {
    const [name, source] = split("--secret", given);
    // What stands there may be the secret itself, so it is not repeated.
    if (source !== "-" && !source.startsWith("@"))
      throw badUsage(`--secret ${name}=… must name a file (${name}=@FILE) or be ${name}=- for standard input`);
    secrets.set(name, (source === "-" ? await Bun.stdin.text() : await readText(source.slice(1))).trim());
  }
  for (const given of fromEnvironment) {
    const [name, variable] = split("--secret-env", given);
    const value = /^[A-Za-z_]\w*$/.test(variable) ? readVariable(variable) : null;
    if (value === null) throw badUsage(`--secret-env ${name}=… must name a variable that is set`);
    secrets.set(name, value.trim());
  }
  return secrets.size > 0 ? Object.fromEntries(secrets) : null;
}

function split(option: string, given: string): [name: string, source: string] {
  const [, name, source] = /^([a-z_]+)=(.+)$/s.exec(given) ?? [];
  if (name === undefined || source === undefined)
    throw badUsage(`${option} must begin with the name of the secret, such as api_token=`);
  return [name, source];
}

const badUsage = (message: string): InputError => new InputError("cli.bad_option", message);

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new InputError("cli.unreadable_file", `${path} cannot be read: ${messageOf(error)}`);
  }
}
