/** For whoever operates the service: is the process alive, can it do its work, how is it doing. */
import * as v from "valibot";
import { withTimeout } from "../db/deadline.ts";
import { pingDatabase } from "../db/ping.ts";
import { messageOf } from "../errors.ts";
import type { AppDeps } from "./app_deps.ts";
import { jsonRoute, plainRoute } from "./route.ts";

/** A load balancer waits no longer. */
const READY_MS = 2000;
const tag = "Operation";

const healthz = jsonRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the process is alive",
  tag,
  access: "public",
  answer: v.strictObject({ status: v.literal("ok") }),
  handle: async () => ({ status: "ok" as const }),
});

const Part = v.picklist(["ok", "failed"]);

const readyz = jsonRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether the database and the object store answer; 503 when one does not",
  tag,
  access: "public",
  answer: v.strictObject({
    status: v.picklist(["ready", "not_ready"]),
    database: Part,
    objects: Part,
    intake: v.pipe(
      v.picklist(["ok", "requests", "uploads", "queue"]),
      v.description("The bound that is reached, if any: what goes beyond it is refused with 503."),
    ),
  }),
  otherStatuses: [503],
  statusOf: ({ status }) => (status === "ready" ? 200 : 503),
  async handle({ deps, log }) {
    const [database, objects] = await Promise.all([
      probe("database", pingDatabase(deps.sql, READY_MS)),
      probe("objects", withTimeout(objectsAnswer(deps), READY_MS, "check of the object store")),
    ]);
    const status: "ready" | "not_ready" = database === "ok" && objects === "ok" ? "ready" : "not_ready";
    const intake = database === "ok" ? await deps.intake.fullOf().catch(() => null) : null;
    return { status, database, objects, intake: intake ?? ("ok" as const) };

    async function probe(part: string, work: Promise<unknown>): Promise<"ok" | "failed"> {
      try {
        await work;
        return "ok";
      } catch (error) {
        // The answer is public and names only the part; the reason is for the log.
        log.warn({ part, reason: messageOf(error) }, "not ready");
        return "failed";
      }
    }
  },
});

/** One look at a key that nobody writes: reachable, and with rights to read. */
const objectsAnswer = ({ objects }: AppDeps): Promise<boolean> => objects.exists(objects.uriOf("markdown", "readyz"));

const metrics = plainRoute({
  method: "get",
  path: "/metrics",
  summary: "Metrics in the text format of Prometheus",
  tag,
  access: "admin",
  mediaType: "text/plain",
  async handle({ deps }) {
    return new Response(await deps.metrics.scrape(), { headers: { "content-type": deps.metrics.contentType } });
  },
});

export const healthRoutes = [healthz, readyz, metrics];
