/**
 * The frame of every page: head, navigation, who is signed in and for which tenant. Everything the page loads comes from
 * this very server, and its policy allows nothing else: no script or style stands in a page.
 */
/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";
import { ICON, SCRIPT, STYLE } from "./assets.ts";
import type { Visit } from "./visit.ts";

export const SECTIONS = {
  overview: ["Overview", "/", "M2 13h3l2-7 3 12 3-9 1.5 4H18"],
  search: ["Search", "/search", "M9 3a6 6 0 1 1 0 12A6 6 0 0 1 9 3zm4.5 10.5L18 18"],
  documents: ["Documents", "/documents", "M5 2h7l4 4v12H5zM12 2v4h4M8 10h5M8 13h5"],
  jobs: ["Jobs", "/jobs", "M3 5h2M3 10h2M3 15h2M8 5h9M8 10h9M8 15h9"],
  connections: ["Connections", "/connections", "M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zM10 15v3"],
  upload: ["Upload", "/upload", "M10 14V3M6 7l4-4 4 4M3 14v3h14v-3"],
  settings: ["Settings", "/settings", "M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4"],
} as const;
export type Section = keyof typeof SECTIONS;

/** `refresh`: seconds after which a browser without scripts looks again. */
export const Document = ({
  title,
  refresh,
  children,
}: PropsWithChildren<{ title: string; refresh?: number | undefined }>) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title} · Sluice</title>
      <link rel="icon" type="image/svg+xml" href={ICON.path} />
      <link rel="stylesheet" href={STYLE.path} />
      <script type="module" src={SCRIPT.path} />
      {refresh && (
        <noscript>
          <meta http-equiv="refresh" content={String(refresh)} />
        </noscript>
      )}
    </head>
    <body>{children}</body>
  </html>
);

/** A page with navigation; `live` is where its changes come from. */
export const Shell = ({
  visit,
  section,
  title,
  live,
  children,
}: PropsWithChildren<{ visit: Visit; section: Section | null; title: string; live: boolean }>) => (
  <Document title={title} refresh={live ? 5 : undefined}>
    <a class="skip" href="#main">
      Skip to content
    </a>
    <header class="side">
      <a class="brand" href="/">
        <Mark />
        Sluice
      </a>
      <Tenant visit={visit} />
      <nav aria-label="Console">
        {Object.entries(SECTIONS).map(([name, [label, href, icon]]) => (
          <a href={href} aria-current={name === section ? "page" : undefined}>
            <Icon path={icon} />
            {label}
          </a>
        ))}
      </nav>
      <form class="who" method="post" action="/sign-out">
        <span>
          {visit.session.name} <span class="badge">{visit.session.scope}</span>
        </span>
        <button type="submit" class="plain">
          Sign out
        </button>
      </form>
    </header>
    <main id="main" tabindex={-1} data-live={live ? "" : undefined} data-tenant={visit.tenant?.tenantId}>
      {children}
    </main>
  </Document>
);

function Tenant({ visit: { tenant, tenants } }: { visit: Visit }) {
  if (tenants.length < 2) return <p class="tenant">{tenant?.name ?? "no tenant"}</p>;
  return (
    <form class="tenant" method="post" action="/tenant">
      <label class="hidden" for="tenant">
        Tenant
      </label>
      <select id="tenant" name="tenant_id">
        {tenants.map(({ tenantId, name }) => (
          <option value={tenantId} selected={tenantId === tenant?.tenantId}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit">Show</button>
    </form>
  );
}

const Icon = ({ path }: { path: string }) => (
  <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
    <path d={path} />
  </svg>
);

/** A sluice gate, half raised, and the water behind it. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path class="gate" d="M4 3h3v18H4zM17 3h3v18h-3zM8.5 4h7v8h-7z" />
    <path class="water" d="M8.5 15.5q1.75-2 3.5 0t3.5 0M8.5 19.5q1.75-2 3.5 0t3.5 0" />
  </svg>
);

/** The heading of a page, with what belongs beside it. */
export const Heading = ({ title, badge, children }: PropsWithChildren<{ title: string; badge?: Child }>) => (
  <div class="heading">
    <h1>
      {title} {badge}
    </h1>
    <div class="actions">{children}</div>
  </div>
);
