/** Which addresses requests may go to, and that they go to the address that was looked at. */
import { afterEach, describe, expect, test } from "bun:test";
import { AddressGuard, isPrivateAddress } from "../../src/connector/address_guard.ts";
import { httpTo, json, type Scripted, serve, signal } from "./confluence/scripted_server.ts";

test.each([
  "127.0.0.1",
  "10.1.2.3",
  "169.254.169.254",
  "192.168.1.1",
  "172.20.0.1",
  "100.64.0.1",
  "0.0.0.0",
  "::1",
  "::",
  "fe80::1",
  "fd00::1",
  "::ffff:10.0.0.1",
  "::ffff:a00:1",
  "64:ff9b::a00:1",
])("%s is private", (address) => {
  expect(isPrivateAddress(address)).toBe(true);
});
test.each(["93.184.216.34", "172.32.0.1", "2606:2800:220:1::1"])("%s is public", (address) => {
  expect(isPrivateAddress(address)).toBe(false);
});

test("a name that leads to a private address by any of its addresses is refused, and so is such an address itself", async () => {
  const guard = new AddressGuard(false, async () => ["93.184.216.34", "169.254.169.254"]);
  const refusal = expect.objectContaining({ code: "connector.address_refused" });
  expect(guard.reach(new URL("https://innocent.example.com/"))).rejects.toEqual(refusal);
  expect(guard.reach(new URL("http://[::1]:8080/"))).rejects.toEqual(refusal);
  expect(guard.reach(new URL("http://127.1/"))).rejects.toEqual(refusal);
  const own = new URL("http://10.0.0.1/");
  expect(await new AddressGuard(true).reach(own)).toEqual({ url: own, name: null });
});

test("a checked address is kept, and IPv4 comes before IPv6", async () => {
  let looked = 0;
  const guard = new AddressGuard(false, async () => {
    looked++;
    return ["2606:2800:220:1::1", "93.184.216.34"];
  });
  const url = new URL("https://wiki.example.com:8443/x?y=1");
  expect(await guard.reach(url)).toEqual({
    url: new URL("https://93.184.216.34:8443/x?y=1"),
    name: { host: "wiki.example.com:8443", serverName: "wiki.example.com" },
  });
  await guard.reach(url);
  expect(looked).toBe(1);
  const only = new AddressGuard(false, async () => ["2606:2800:220:1::1"]);
  expect((await only.reach(url)).url.href).toBe("https://[2606:2800:220:1::1]:8443/x?y=1");
});

describe("requests go to the address that was checked", () => {
  // The name exists in no DNS, so whoever asked for it again would get nowhere.
  const guard = () =>
    new AddressGuard(
      false,
      async () => ["127.0.0.1"],
      (address) => address === "169.254.169.254",
    );
  let server: Scripted | undefined;
  afterEach(() => server?.stop());

  test("under the name that was asked for", async () => {
    server = serve(() => json({ results: [] }));
    const { port } = new URL(server.url);
    await httpTo({ guard: guard() }).json(`http://wiki.example.test:${port}/x`, { signal });
    expect(server.requests[0]!.headers.get("host")).toBe(`wiki.example.test:${port}`);
  });

  test("an address that does not answer gives way to the next", async () => {
    server = serve(() => json({ results: [] }));
    // All of 127.0.0.0/8 is this machine, but the server listens at one address of it.
    const two = new AddressGuard(
      false,
      async () => ["127.0.0.9", "127.0.0.1"],
      () => false,
    );
    await httpTo({ guard: two }).json(`http://wiki.example.test:${new URL(server.url).port}/x`, { signal });
    expect(server.requests).toHaveLength(1);
  });

  test("also over TLS, where the server's certificate must be for that name", async () => {
    const { promise: hello, resolve } = Promise.withResolvers<string>();
    const socket = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(client, bytes) {
          resolve(bytes.toString("latin1"));
          client.end();
        },
      },
    });
    const asked = httpTo({ guard: guard() }).json(`https://wiki.example.test:${socket.port}/x`, { signal, tries: 1 });
    expect(asked).rejects.toMatchObject({ code: "connector.unavailable" });
    expect(await hello).toContain("wiki.example.test");
    socket.stop(true);
  });

  test("and a redirect elsewhere is held to the same rule", async () => {
    server = serve(() => new Response(null, { status: 302, headers: { location: "http://169.254.169.254/latest" } }));
    const url = `http://wiki.example.test:${new URL(server.url).port}/download`;
    const asked = httpTo({ guard: guard() }).download(url, 1000, { signal });
    expect(asked).rejects.toMatchObject({ code: "connector.address_refused" });
    await asked.catch(() => {});
  });
});
