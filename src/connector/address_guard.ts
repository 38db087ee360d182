/**
 * Keeps requests away from addresses that only this machine or its network can reach (SSRF): whoever may create a
 * connection must not be able to read the cloud's metadata service or the neighbours' consoles with it. Names are
 * resolved here, every address of theirs must be public, and the request goes to the very address that was looked at,
 * so that a name which answers differently a moment later (DNS rebinding) leads nowhere else. Redirects are held to the
 * same rule by the caller.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { PermanentError, TransientError } from "../errors.ts";

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

export type GuardedInit = RequestInit & { headers: Record<string, string> };

/** Where a request really goes. */
export interface Reached {
  /** With an address instead of the name. */
  url: URL;
  /** What the server must be told, and what its certificate must be for; null where `url` says it already. */
  name: { host: string; serverName: string } | null;
}

interface Known {
  addresses: string[];
  /** Which of them is in use. */
  at: number;
  until: number;
}

export class AddressGuard {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly allowPrivate: boolean,
    private readonly resolve: Resolve = resolveName,
    private readonly isForbidden: (address: string) => boolean = isPrivateAddress,
  ) {}

  /**
   * fetch, but to the address that was checked; name and certificate are those of the address that was asked for. Throws
   * what `reach` and fetch throw. After a request without an answer the next one takes another address of the name.
   */
  async fetch(url: URL, init: GuardedInit): Promise<Response> {
    const { url: target, name } = await this.reach(url);
    if (name === null) return await fetch(target, init);
    try {
      const headers = { ...init.headers, host: name.host };
      return await fetch(target, { ...init, headers, tls: { serverName: name.serverName } });
    } catch (error) {
      const known = this.known.get(bareHost(url));
      if (known !== undefined) known.at++;
      throw error;
    }
  }

  /**
   * Where private addresses are allowed, names are left to the system (and to a proxy, if there is one). Throws
   * PermanentError `connector.address_refused` for an address that may not be reached, TransientError
   * `connector.unavailable` for a name that does not resolve now.
   */
  async reach(url: URL): Promise<Reached> {
    if (url.protocol !== "https:" && url.protocol !== "http:") throw refused(url, `${url.protocol} is no web address`);
    if (this.allowPrivate) return { url, name: null };
    const host = bareHost(url);
    if (isIP(host)) {
      this.refusePrivate(url, host, [host]);
      return { url, name: null };
    }
    const { addresses, at } = await this.lookUp(url, host);
    const address = addresses[at % addresses.length]!;
    const pinned = new URL(url);
    pinned.hostname = address.includes(":") ? `[${address}]` : address;
    return { url: pinned, name: { host: url.host, serverName: host } };
  }

  private async lookUp(url: URL, host: string): Promise<Known> {
    const before = this.known.get(host);
    if (before !== undefined && before.until > Date.now()) return before;
    const addresses = await this.resolved(host);
    this.refusePrivate(url, host, addresses);
    if (this.known.size > 1000) this.known.clear();
    // Not every network has IPv6, and a name that has both is reached by IPv4 from anywhere.
    addresses.sort((a, b) => isIP(a) - isIP(b));
    const known = { addresses, at: 0, until: Date.now() + KEPT_MS };
    this.known.set(host, known);
    return known;
  }

  private async resolved(host: string): Promise<string[]> {
    const addresses = await this.resolve(host).catch((error: unknown) => {
      throw new TransientError("connector.unavailable", `${host} cannot be resolved`, { host }, { cause: error });
    });
    if (addresses.length === 0) throw new TransientError("connector.unavailable", `${host} has no address`, { host });
    return addresses;
  }

  private refusePrivate(url: URL, host: string, addresses: readonly string[]): void {
    const bad = addresses.find(this.isForbidden);
    if (bad === undefined) return;
    throw refused(url, bad === host ? `${host} is a private address` : `${host} leads to the private address ${bad}`);
  }
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

const refused = (url: URL, why: string): PermanentError =>
  new PermanentError("connector.address_refused", `${why}; private networks must be allowed by the operator`, {
    host: url.host,
  });
