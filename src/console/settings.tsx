/**
 * Settings: who is signed in, and for admins tenants and tokens; what this process is. Everything the API lets them.
 */
/** @jsxImportSource hono/jsx */
import type { JSX } from "hono/jsx/jsx-runtime";
import { asSystem } from "../db/tenant_scope.ts";
import { chooseTenant } from "../store/console_sessions.ts";
import { listTokens, TOKEN_SCOPES, type Token } from "../store/tokens.ts";
import { VERSION } from "../version.ts";
import { apiRoute, callApi, readForm } from "./act.ts";
import { Heading } from "./layout.tsx";
import { act, type ConsoleRoute, leadTo, type View, view } from "./page.ts";
import { ActButton, Badge, Facts, Table, Time } from "./parts.tsx";
import { Schedules } from "./schedule.tsx";
import { tenantNamedBy, type Visit } from "./visit.ts";

/** `made`: the text of a token that was made just now, which nobody can show again. */
async function settings(visit: Visit, made: string | null): Promise<View> {
  const admin = visit.caller.scope === "admin";
  const tokens = admin ? await listTokens(asSystem(visit.deps.sql), null) : [];
  const body = (
    <>
      <Heading title="Settings" />
      {made && <MadeToken token={made} />}
      <section>
        <h2>You</h2>
        <You visit={visit} />
      </section>
      {visit.tenant && <Schedules visit={visit} />}
      {admin && <Tokens tokens={tokens} visit={visit} />}
      {admin && <Tenants visit={visit} />}
      <section>
        <h2>This server</h2>
        <Server visit={visit} />
      </section>
    </>
  );
  return { title: "Settings", section: "settings", body };
}

const show = view("/settings", (visit) => settings(visit, null));

const MadeToken = ({ token }: { token: string }) => (
  <section class="notice ok" role="status">
    <h2>The token</h2>
    <p>
      Copy it now; it is not kept and cannot be shown again: <code class="secret">{token}</code>
    </p>
  </section>
);

const MAY: Record<string, string> = {
  read: "look and search",
  write: "look, search, upload, sync and change connections",
  admin: "do everything, for every tenant",
};

const You = ({ visit: { session, caller } }: { visit: Visit }) => (
  <>
    <Facts
      of={[
        ["Token", session.name],
        ["May", MAY[caller.scope] ?? caller.scope],
        ["Expires", session.expiresAt ? <Time at={session.expiresAt} /> : "never"],
        ["Id", <code>{session.tokenId}</code>],
      ]}
    />
    {caller.scope !== "admin" && (
      <p class="muted">
        Tokens are made and revoked by admins, here or with <code>sluice token</code>.
      </p>
    )}
  </>
);

function Tokens({ tokens, visit }: { tokens: Token[]; visit: Visit }) {
  const names = new Map(visit.tenants.map(({ tenantId, name }) => [tenantId, name]));
  return (
    <section>
      <h2>Tokens</h2>
      <Table
        label="Tokens"
        head={["Name", "Tenant", "Scope", "State", <span class="wide">Made</span>, <span class="wide">Used</span>, ""]}
      >
        {tokens.map((token) => (
          <tr>
            <th scope="row" class="main-cell">
              {token.name} {token.tokenId === visit.session.tokenId && <span class="muted">(you)</span>}
            </th>
            <td>{token.tenantId === null ? "all" : (names.get(token.tenantId) ?? token.tenantId)}</td>
            <td>{token.scope}</td>
            <td>
              <State token={token} />
            </td>
            <td class="wide">
              <Time at={token.createdAt} />
            </td>
            <td class="wide">
              <Time at={token.lastUsedAt} />
            </td>
            <td class="num">
              {token.state === "valid" && (
                <ActButton
                  action={`/settings/tokens/${token.tokenId}/revoke`}
                  kind="danger"
                  ask={`Revoke ${token.name}? Whoever uses it is locked out at once.`}
                >
                  Revoke
                </ActButton>
              )}
            </td>
          </tr>
        ))}
      </Table>
      <MakeToken visit={visit} />
    </section>
  );
}

function State({ token }: { token: Token }): JSX.Element {
  if (token.state !== "valid") return <Badge tone="quiet">{token.state}</Badge>;
  return (
    <>
      <Badge tone="ok">valid</Badge>
      {token.expiresAt && (
        <span class="sub">
          expires <Time at={token.expiresAt} />
        </span>
      )}
    </>
  );
}

const MakeToken = ({ visit }: { visit: Visit }) => (
  <form method="post" action="/settings/tokens" class="filters">
    <label for="token-name">New token</label>
    <input id="token-name" name="name" required maxlength={200} placeholder="What it is for" autocomplete="off" />
    <label class="hidden" for="token-tenant">
      Tenant
    </label>
    <select id="token-tenant" name="tenant_id">
      {visit.tenants.map(({ tenantId, name }) => (
        <option value={tenantId} selected={tenantId === visit.tenant?.tenantId}>
          {name}
        </option>
      ))}
    </select>
    <label class="hidden" for="token-scope">
      Scope
    </label>
    <select id="token-scope" name="scope">
      {TOKEN_SCOPES.toReversed().map((scope) => (
        <option value={scope} selected={scope === "write"}>
          {scope === "admin" ? "admin, of all tenants" : scope}
        </option>
      ))}
    </select>
    <label for="token-days">for</label>
    <select id="token-days" name="days">
      <option value="">ever</option>
      {[7, 30, 90, 365].map((days) => (
        <option value={String(days)}>{days} days</option>
      ))}
    </select>
    <button type="submit">Make</button>
  </form>
);

const Tenants = ({ visit }: { visit: Visit }) => (
  <section>
    <h2>Tenants</h2>
    <Table label="Tenants" head={["Name", "Id", "Made"]}>
      {visit.tenants.map((tenant) => (
        <tr>
          <th scope="row">{tenant.name}</th>
          <td class="breakable">
            <code>{tenant.tenantId}</code>
          </td>
          <td>
            <Time at={tenant.createdAt} />
          </td>
        </tr>
      ))}
    </Table>
    <form method="post" action="/settings/tenants" class="filters">
      <label for="tenant-name">New tenant</label>
      <input id="tenant-name" name="name" required maxlength={200} autocomplete="off" />
      <button type="submit">Make</button>
    </form>
  </section>
);

const Server = ({ visit: { deps } }: { visit: Visit }) => (
  <Facts
    of={[
      ["Sluice", `${VERSION.version} (${VERSION.commit})`],
      ["Schema", String(VERSION.schema)],
      ["Database", deps.config.database.url ? "Postgres" : "embedded"],
      ["Objects", deps.config.objects.kind === "s3" ? "S3" : "files in DATA_DIR"],
      ["Embeddings", deps.embedder.model],
      ["API", <a href="/docs">/docs</a>],
    ]}
  />
);

const makeRoute = apiRoute("post", "/v1/tokens");
const DAY_MS = 86_400_000;

const make = act("/settings/tokens", async (visit) => {
  const form = await readForm(visit.context.req.raw);
  const scope = form.get("scope");
  const days = Number(form.get("days") ?? 0);
  const answer = await callApi(visit, makeRoute, {
    ...(scope === "admin" ? {} : { tenant_id: form.get("tenant_id") ?? "" }),
    name: form.get("name") ?? "",
    scope,
    ...(days > 0 ? { expires_at: new Date(Date.now() + days * DAY_MS).toISOString() } : {}),
  });
  return settings(visit, ((await answer.json()) as { token: string }).token);
});

const revokeRoute = apiRoute("delete", "/v1/tokens/{id}");
const revoke = act("/settings/tokens/{id}/revoke", async (visit) => {
  await callApi(visit, revokeRoute);
  return leadTo(visit, "/settings");
});

const makeTenantRoute = apiRoute("post", "/v1/tenants");
const makeTenant = act("/settings/tenants", async (visit) => {
  const form = await readForm(visit.context.req.raw);
  await callApi(visit, makeTenantRoute, { name: form.get("name") ?? "" });
  return leadTo(visit, "/settings");
});

/** Which tenant an admin looks at. */
const choose = act("/tenant", async (visit) => {
  const form = await readForm(visit.context.req.raw);
  await chooseTenant(visit.deps.sql, visit.secret, await tenantNamedBy(visit, form.get("tenant_id")));
  return leadTo(visit, "/");
});

export const settingsPages: ConsoleRoute[] = [show, make, revoke, makeTenant, choose];
