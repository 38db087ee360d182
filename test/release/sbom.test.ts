import { expect, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };
import { sbom } from "./sbom.ts";

test("the bill of materials has every package of the product with its checksum, and none of the tools", () => {
  const bill = sbom();
  expect(bill).toEqual(sbom());
  const names = bill.components.map(({ name }) => name);
  for (const name of [...Object.keys(packageJson.dependencies), "bun"]) expect(names).toContain(name);
  for (const tool of Object.keys(packageJson.devDependencies)) expect(names).not.toContain(tool);
  // What comes with others comes too.
  expect(names).toContain("@smithy/core");
  const refs = new Set([bill.metadata.component["bom-ref"], ...bill.components.map((one) => one["bom-ref"])]);
  for (const { ref, dependsOn } of bill.dependencies)
    expect([ref, ...dependsOn].filter((one) => !refs.has(one))).toEqual([]);
  for (const component of bill.components)
    if (component.type === "library") expect(JSON.stringify(component)).toMatch(/"SHA-512","content":"[0-9a-f]{128}"/);
  expect(new Set(bill.dependencies.map(({ ref }) => ref)).size).toBe(bill.components.length);
});
