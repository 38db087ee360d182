/**
 * The other host that downloads are redirected to: it gives the bytes to whoever holds a fresh signed address, and it
 * must never see the site's credentials. A request that carries any is refused and noted as a leak.
 */
import { type Answer, json } from "./answer.ts";
import { answerOf, type Faults, responseOf } from "./faults.ts";
import type { RequestLog } from "./request_log.ts";
import type { Site } from "./site.ts";

interface Ticket {
  attachmentId: string;
  until: number;
}

export interface MediaHost {
  url: string;
  /** A signed address of an attachment's present bytes. */
  sign(attachmentId: string): string;
  stop(): Promise<void>;
}

/** `lifeMs`: how long an address is good for, in real time. */
export function startMediaHost(site: Site, log: RequestLog, faults: Faults, lifeMs: number): MediaHost {
  const tickets = new Map<string, Ticket>();
  const answer = (url: URL): Answer => {
    const ticket = tickets.get(url.searchParams.get("token") ?? "");
    if (!ticket || ticket.until < performance.now())
      return json({ error: { code: "JwtTokenExpired", title: "token is expired" } }, 403);
    const file = site.attachment(ticket.attachmentId);
    const headers = {
      "Content-Type": file.mediaType,
      "Content-Disposition": `attachment; filename*=UTF-8''${encodeURIComponent(file.title)}`,
    };
    return { status: 200, headers, body: site.bytesOf(file) };
  };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    async fetch(request) {
      const url = new URL(request.url);
      const entry = log.open(request.method, url.pathname, url.search.slice(1), "media");
      if (request.headers.has("authorization") || request.headers.has("cookie")) {
        log.leaks.push(entry);
        return new Response("credentials do not belong here", { status: (entry.status = 400) });
      }
      const fault = faults.for(request.method, url.pathname, url.searchParams);
      entry.fault = fault?.kind ?? null;
      if (fault?.kind === "stall") await Bun.sleep(fault.ms);
      const given = (fault && answerOf(fault, "cloud", "")) ?? answer(url);
      entry.status = given.status;
      return responseOf(given, fault);
    },
  });
  const url = server.url.href.replace(/\/$/, "");
  return {
    url,
    sign(attachmentId) {
      const file = site.attachment(attachmentId);
      const token = crypto.randomUUID();
      tickets.set(token, { attachmentId, until: performance.now() + lifeMs });
      return `${url}/file/${file.fileId}/binary?token=${token}&client=stand-in&name=${encodeURIComponent(file.title)}`;
    },
    stop: () => server.stop(true),
  };
}
