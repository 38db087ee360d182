/** Text that was parsed before is not parsed again: that must never show in the tree. */
import { describe, expect, test } from "bun:test";
import { parseXml } from "../../src/convert/docx/parse_xml.ts";
import { child, type XmlElement } from "../../src/convert/docx/xml.ts";

const W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const A = "http://schemas.openxmlformats.org/drawingml/2006/main";
const documentOf = (inner: string): XmlElement => parseXml(`<d xmlns:w="${W}">${inner}</d>`, 100);
const shapes = (element: XmlElement): unknown[] =>
  element.children.map((node) => (typeof node === "string" ? node : [node.name, node.attributes, ...shapes(node)]));

describe("what is written alike", () => {
  test("is one object: empty elements and whole properties", () => {
    const run = '<w:r><w:rPr><w:b/><w:sz w:val="2"/></w:rPr>x</w:r>';
    const [one, other] = documentOf(run + run).children as XmlElement[];
    expect(one).not.toBe(other!);
    expect(one).toEqual(other!);
    expect(child(one, "w:rPr")).toBe(child(other, "w:rPr")!);
  });

  test.each([
    [
      "properties that hold older ones",
      "<w:rPr><w:b/><w:c><w:rPr/><w:rPr><w:i/></w:rPr></w:c></w:rPr>",
      ["w:rPr", {}, ["w:b", {}], ["w:c", {}, ["w:rPr", {}], ["w:rPr", {}, ["w:i", {}]]]],
    ],
    ["an end tag in a comment", "<w:rPr><!--</w:rPr>--><w:b/></w:rPr>", ["w:rPr", {}, ["w:b", {}]]],
    ["an end tag in a CDATA section", "<w:rPr><![CDATA[</w:rPr>]]></w:rPr>", ["w:rPr", {}, "</w:rPr>"]],
    ["an end tag with a blank", "<w:rPr><w:b/></w:rPr ><w:i/>", ["w:rPr", {}, ["w:b", {}]], ["w:i", {}]],
    ["a > in an attribute", '<w:b w:val="1>2"/>', ["w:b", { "w:val": "1>2" }]],
  ])("%s is read in full, again and again", (_what, xml, ...shape) => {
    expect(shapes(documentOf(xml.repeat(3)))).toEqual([shape, shape, shape].flat());
  });

  test("means what its place declares", () => {
    const run = "<w:rPr><w:b/></w:rPr>";
    const [outer, inner, last] = shapes(documentOf(`${run}<x xmlns:w="${A}">${run}</x>${run}`));
    expect(inner).toEqual(["x", {}, ["a:rPr", {}, ["a:b", {}]]]);
    expect(outer).toEqual(["w:rPr", {}, ["w:b", {}]]);
    expect(last).toEqual(outer);
  });

  test("counts as deep as it is", () => {
    const run = "<w:rPr><w:b><w:c></w:c></w:b></w:rPr>";
    const parse = (xml: string) => () => parseXml(`<d xmlns:w="${W}">${xml}</d>`, 5);
    expect(parse(`${run}<x>${run}</x>`)).not.toThrow();
    expect(parse(`${run}<x><x>${run}</x></x>`)).toThrow("deeper than allowed");
  });
});

test("text made to be searched over and over takes linear time", () => {
  const many = 100_000;
  const start = performance.now();
  documentOf("<w:rPr></w:rPr >".repeat(many) + "<w:pPr><w:rPr><w:b/></w:rPr></w:pPr>".repeat(many));
  expect(performance.now() - start).toBeLessThan(10_000);
});
