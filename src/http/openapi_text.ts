/** What the API description says in words (CommonMark): what all routes have in common. */

/** Names of tags, in the order of the description, and what belongs to them. */
export const TAGS: readonly (readonly [name: string, description: string])[] = [
  ["Ingest", "Asking for work. What becomes of it is told by its job."],
  ["Jobs", "What was asked for, its counters, and what happened to each source."],
  ["Documents", "What was ingested: Markdown, original, chunks, versions, links."],
  ["Search", "Passages, best first."],
  ["Connections", "Where sources are synced from."],
  ["Schedules", "When connections are synced by themselves."],
  ["Webhooks", "Who is told when a job ends."],
  ["Administration", "Tenants and tokens, for admins."],
  ["Operation", "For whoever runs the service."],
];

export const INTRODUCTION = `Keeps a company's documents searchable in its own Postgres.

## Tokens and tenants

Every route but a few of Operation wants \`Authorization: Bearer TOKEN\`. A token belongs to one tenant and may read or
write; an admin's token belongs to none and names the tenant it acts for. What belongs to another tenant does not exist
for a caller: asking for it by its id is a 404.

    curl -H "Authorization: Bearer $TOKEN" http://localhost:8100/v1/jobs

## Errors

Every failure is answered by the same JSON, whose \`code\` says what it is and whose \`details.help\` says what to do. A failure
with \`retryable: true\` passes by itself; \`Retry-After\` says when to try again. Unknown fields are refused.

## Pages

Lists come in pages of \`limit\` rows. \`next_cursor\` of one page is \`cursor\` of the next; it is null on the last one. Rows that
come into being meanwhile move nothing.

## Sending a request twice

A POST that changes something takes an \`Idempotency-Key\`, a UUID that the caller makes for each new request. When an answer
got lost, send the same request with the same key: if it was made already, the first answer comes again, with
\`Idempotency-Replayed: true\`; if it still runs, its answer is waited for. Another request under the same key is refused with
\`request.idempotency_key_reused\`. A request that failed leaves its key free. Keys are kept for 24 hours.

## Webhooks

A webhook is sent a POST whenever a job of its tenant, or a sync of its connection, has ended. Each message is sent at least
once: until the receiver answers 2xx within 10 seconds, eight times within about a day. Redirects are not followed.
\`delivery_id\` is the same at each attempt. \`Sluice-Signature\` proves that a message is genuine and fresh:

\`\`\`js
import { createHmac, timingSafeEqual } from "node:crypto";

/** \`body\` is the text as it was received. */
export function isGenuine(secret, signature, body) {
  const [, time, v1] = /^t=(\\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (time === undefined || Math.abs(Date.now() / 1000 - Number(time)) > 300) return false;
  const expected = createHmac("sha256", secret).update(\`\${time}.\${body}\`).digest();
  return timingSafeEqual(expected, Buffer.from(v1, "hex"));
}
\`\`\`
`;
