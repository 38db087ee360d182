/** What must be asked for before a page can be converted, found in storage format as people and exporters write it. */
import { expect, test } from "bun:test";
import { includedPages, mentionedUsers } from "../../../src/connector/confluence/scan_storage.ts";

const include = (name: string, inner: string) =>
  `<ac:structured-macro ac:name="${name}" ac:schema-version="1">${inner}</ac:structured-macro>`;

test("mentions of Cloud and Data Center, each once", () => {
  const storage = `<ac:link><ri:user ri:account-id="712020:a" ri:local-id="x" /></ac:link><ri:user ri:userkey='ff80'/>
    <ac:link><ri:user ri:account-id="712020:a"/></ac:link><ri:user ri:username="j&amp;d"/>`;
  expect(mentionedUsers(storage)).toEqual(["712020:a", "ff80", "j&d"]);
});

test("includes by title, by space and title, by id, and as older pages write them", () => {
  const storage = [
    include(
      "include",
      '<ac:parameter ac:name=""><ac:link><ri:page ri:content-title="A &amp; B" /></ac:link></ac:parameter>',
    ),
    include(
      "excerpt-include",
      '<ac:parameter ac:name="nopanel">true</ac:parameter><ac:parameter ac:name=""><ac:link><ri:page ri:space-key="OPS" ri:content-title="Runbook" ri:version-at-save="3" /></ac:link></ac:parameter>',
    ),
    include(
      "include",
      '<ac:parameter ac:name=""><ac:link><ri:content-entity ri:content-id="12" /></ac:link></ac:parameter>',
    ),
    '<ac:macro ac:name="include"><ac:default-parameter>OPS:Old page</ac:default-parameter></ac:macro>',
    include(
      "info",
      '<ac:rich-text-body><ac:link><ri:page ri:content-title="No include" /></ac:link></ac:rich-text-body>',
    ),
  ].join("<p>between</p>");
  expect(includedPages(storage)).toEqual([
    { spaceKey: null, title: "A & B", id: null },
    { spaceKey: "OPS", title: "Runbook", id: null },
    { spaceKey: null, title: null, id: "12" },
    { spaceKey: "OPS", title: "Old page", id: null },
  ]);
});
