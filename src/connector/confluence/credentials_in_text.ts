/**
 * Takes a connection's credentials out of what a server says. Proxies and echo services quote in their refusals what they
 * were sent, and a refusal is shown to people and logged.
 */

/** Shorter ones would blot out ordinary words. */
const SECRET_MIN = 4;

/** `authorization`: the header as it is sent, Basic or Bearer. */
export function withoutCredentials(text: string, authorization: string | null): string {
  const sent = authorization?.slice(authorization.indexOf(" ") + 1);
  if (!authorization || !sent) return text;
  const secrets = [sent];
  if (/^basic /i.test(authorization)) {
    const pair = Buffer.from(sent, "base64").toString();
    secrets.push(pair, pair.slice(pair.indexOf(":") + 1));
  }
  return secrets
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= SECRET_MIN)
    .reduce((clean, secret) => clean.replaceAll(secret, "[credentials]"), text);
}
