/**
 * What the executable is made of, as CycloneDX 1.6 in JSON, from bun.lock: the packages that the product depends on, not
 * those that only build and test it, and the runtime. `bun test/release/sbom.ts` prints it; the same lock gives the same
 * text.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
/** Any fixed one: the serial number derives from the content. */
const NAMESPACE = "0f5ab7a2-5a7e-5c55-9a1c-0d6f6d3b6c11";

interface Lock {
  workspaces: Record<string, { dependencies?: Record<string, string> }>;
  /** Place in node_modules → name@version, registry, what it needs, checksum. */
  packages: Record<string, [string, string, { dependencies?: Record<string, string> }, string]>;
}

interface Manifest {
  name: string;
  version: string;
  license: string;
}

const readJson = (path: string): unknown => Bun.JSONC.parse(readFileSync(join(ROOT, path), "utf8"));
const purlOf = (name: string, version: string): string => `pkg:npm/${name.replace("@", "%40")}@${version}`;

/** The place of a package as `from` sees it: its own node_modules first, then those above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  const parts = from === "" ? [] : from.split("/");
  for (let depth = parts.length; depth >= 0; depth--) {
    const place = [...parts.slice(0, depth), name].join("/");
    if (place in lock.packages) return place;
  }
  return undefined;
}

/** Places of everything that the product needs, optional packages of other platforms left out. */
function closure(lock: Lock): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const visit = (place: string, needs: Record<string, string>): string[] =>
    Object.keys(needs).flatMap((name) => {
      const at = resolve(lock, place, name);
      if (at === undefined) return [];
      if (!found.has(at)) {
        found.set(at, []);
        found.set(at, visit(at, lock.packages[at]![2].dependencies ?? {}));
      }
      return [at];
    });
  visit("", lock.workspaces[""]?.dependencies ?? {});
  return found;
}

function componentOf(lock: Lock, place: string) {
  const [id, , , integrity] = lock.packages[place]!;
  const at = id.lastIndexOf("@");
  const [name, version] = [id.slice(0, at), id.slice(at + 1)];
  const folder = place.match(/@[^/]+\/[^/]+|[^/]+/g)!.join("/node_modules/");
  const { license } = readJson(`node_modules/${folder}/package.json`) as { license?: string };
  return {
    type: "library",
    "bom-ref": purlOf(name, version),
    name,
    version,
    purl: purlOf(name, version),
    ...(license ? { licenses: [{ license: { name: license } }] } : {}),
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex") }],
  };
}

/** The bill of materials; `bun` is the version of the runtime. */
export function sbom(bun: string = Bun.version) {
  const lock = readJson("bun.lock") as Lock;
  const product = readJson("package.json") as Manifest;
  const own = purlOf(product.name, product.version);
  const packages = closure(lock);
  const components = [...packages.keys()].sort().map((place) => componentOf(lock, place));
  const refOf = (place: string): string => componentOf(lock, place)["bom-ref"];
  const runtime = {
    type: "platform",
    "bom-ref": `pkg:github/oven-sh/bun@${bun}`,
    name: "bun",
    version: bun,
    purl: `pkg:github/oven-sh/bun@${bun}`,
  };
  const direct = Object.keys(lock.workspaces[""]?.dependencies ?? {}).map((name) => refOf(resolve(lock, "", name)!));
  const body = {
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: product.name,
        version: product.version,
        purl: own,
        licenses: [{ license: { id: product.license } }],
      },
    },
    components: [runtime, ...components],
    dependencies: [
      { ref: own, dependsOn: [runtime["bom-ref"], ...direct].sort() },
      ...[...packages].map(([place, needs]) => ({
        ref: refOf(place),
        dependsOn: [...new Set(needs.map(refOf))].sort(),
      })),
    ],
  };
  const serialNumber = `urn:uuid:${Bun.randomUUIDv5(JSON.stringify(body), NAMESPACE)}`;
  return { bomFormat: "CycloneDX", specVersion: "1.6", serialNumber, version: 1, ...body };
}

if (import.meta.main) console.log(JSON.stringify(sbom(), null, 2));
