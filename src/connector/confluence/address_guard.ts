/**
 * Keeps requests away from addresses that only this machine or its network can reach (SSRF): whoever may create a
 * connection must not be able to read the cloud's metadata service or the neighbours' consoles with it. Names are
 * resolved and every address of theirs must be public; redirects are held to the same rule by the caller.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { PermanentError, TransientError } from "../../errors.ts";

/** A name that was found public stays so for a while; resolving costs a thread of the pool each time. */
const KEPT_MS = 30_000;

const privateRanges = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  privateRanges.addSubnet(net, bits, "ipv4");
}
for (const [net, bits] of [
  ["::", 127],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  privateRanges.addSubnet(net, bits, "ipv6");
}

/** True for loopback, private, link-local, multicast and reserved addresses. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(?:0:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isPrivateAddress(mapped);
  const family = isIP(address);
  if (family === 0) return true;
  // Addresses of IPv4 in hexadecimal IPv6 notation.
  if (/^::ffff:/i.test(address)) return true;
  return privateRanges.check(address, family === 4 ? "ipv4" : "ipv6");
}

export type Resolve = (host: string) => Promise<string[]>;

const resolveName: Resolve = async (host) =>
  (await lookup(host, { all: true, verbatim: true })).map((found) => found.address);

export class AddressGuard {
  private readonly known = new Map<string, number>();

  constructor(
    private readonly allowPrivate: boolean,
    private readonly resolve: Resolve = resolveName,
  ) {}

  /**
   * Throws PermanentError `connector.address_refused` for an address that may not be reached, TransientError
   * `connector.unavailable` for a name that does not resolve now.
   */
  async check(url: URL): Promise<void> {
    if (url.protocol !== "https:" && url.protocol !== "http:") throw refused(url, `${url.protocol} is no web address`);
    if (this.allowPrivate) return;
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const until = this.known.get(host);
    if (until !== undefined && until > Date.now()) return;
    const addresses = isIP(host) ? [host] : await this.resolved(host);
    const bad = addresses.find(isPrivateAddress);
    if (bad !== undefined) throw refused(url, `${host} leads to the private address ${bad}`);
    if (this.known.size > 1000) this.known.clear();
    this.known.set(host, Date.now() + KEPT_MS);
  }

  private async resolved(host: string): Promise<string[]> {
    const addresses = await this.resolve(host).catch((error: unknown) => {
      throw new TransientError("connector.unavailable", `${host} cannot be resolved`, { host }, { cause: error });
    });
    if (addresses.length === 0) throw new TransientError("connector.unavailable", `${host} has no address`, { host });
    return addresses;
  }
}

const refused = (url: URL, why: string): PermanentError =>
  new PermanentError("connector.address_refused", `${why}; private networks must be allowed by the operator`, {
    host: url.host,
  });
