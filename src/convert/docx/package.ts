/**
 * Finds the parts of a .docx by their relationships, as OPC demands, with the usual paths as a fallback for packages
 * that were put together by hand. External targets are names only and are never fetched.
 */
import { PermanentError } from "../../errors.ts";
import type { ConvertLimits } from "../converted.ts";
import { Archive } from "./archive.ts";
import { decodeXml, parseXml } from "./parse_xml.ts";
import { childrenOf, type XmlElement } from "./xml.ts";

export interface Relation {
  /** Part name for internal targets, the address as written for external ones. */
  target: string;
  external: boolean;
  /** Last segment of the relationship type, e.g. `image`. */
  type: string;
}

export type Relations = ReadonlyMap<string, Relation>;

export interface Part {
  name: string;
  root: XmlElement;
  relations: Relations;
}

export class Package {
  private readonly archive: Archive;
  /** The main document. */
  readonly main: Part;

  /** Opens the container. Throws PermanentError `convert.*`. */
  constructor(
    bytes: Uint8Array,
    private readonly limits: ConvertLimits,
  ) {
    this.archive = new Archive(bytes, limits);
    const start = [...this.relationsOf("").values()].find((one) => one.type === "officeDocument" && !one.external);
    const name = [start?.target, "word/document.xml"].find((one) => one !== undefined && this.archive.has(one));
    if (name === undefined) throw new PermanentError("convert.malformed", "The container holds no Word document.");
    const main = this.part(name);
    if (main?.root.name !== "w:document")
      throw new PermanentError("convert.malformed", "The container's main part is no Word document.");
    this.main = main;
  }

  /** A part that the main document is related to, e.g. `styles`. */
  related(type: string): Part | null {
    for (const relation of this.main.relations.values()) {
      if (relation.type === type && !relation.external && this.archive.has(relation.target))
        return this.part(relation.target);
    }
    return this.part(this.main.name.replace(/[^/]*$/, `${type}.xml`));
  }

  /** A part that the whole package is related to, e.g. `core-properties`. */
  ofPackage(type: string, usualName: string): Part | null {
    const relation = [...this.relationsOf("").values()].find((one) => one.type === type && !one.external);
    return this.part(relation && this.archive.has(relation.target) ? relation.target : usualName);
  }

  part(name: string): Part | null {
    const bytes = this.archive.read(name);
    if (!bytes || bytes.length === 0) return null;
    return { name, root: parseXml(decodeXml(bytes), this.limits.nestingMax), relations: this.relationsOf(name) };
  }

  bytes(name: string): Uint8Array | null {
    return this.archive.read(name);
  }

  has(name: string): boolean {
    return this.archive.has(name);
  }

  private relationsOf(name: string): Relations {
    const slash = name.lastIndexOf("/");
    const folder = name.slice(0, slash + 1);
    const bytes = this.archive.read(`${folder}_rels/${name.slice(slash + 1)}.rels`);
    const relations = new Map<string, Relation>();
    if (!bytes) return relations;
    for (const { attributes } of childrenOf(parseXml(decodeXml(bytes), this.limits.nestingMax), "rel:Relationship")) {
      const { Id: id, Target: target = "", Type: type = "" } = attributes;
      const external = attributes.TargetMode === "External";
      if (id)
        relations.set(id, {
          target: external ? target : resolve(folder, target),
          external,
          type: type.slice(type.lastIndexOf("/") + 1),
        });
    }
    return relations;
  }
}

/** A part name from a target that is relative to a folder. */
function resolve(folder: string, target: string): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(target)) return target;
  let path = target.replaceAll("\\", "/");
  try {
    path = decodeURIComponent(path);
  } catch {
    // Not percent-encoded after all.
  }
  const segments: string[] = [];
  for (const segment of (path.startsWith("/") ? path : folder + path).split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "." && segment !== "") segments.push(segment);
  }
  return segments.join("/");
}
