/**
 * Which source types a connection can be made for, and what this release says of the others. A new connector adds its
 * type here; the fields of its configuration are the connector's own business.
 */
import * as v from "valibot";
import { SOURCE_TYPES, type SourceType } from "../connector/connector.ts";
import { InputError } from "../errors.ts";

/** `kind` chooses the connector; its further fields are checked by that connector. */
export const ConnectionConfig = v.pipe(
  v.looseObject({
    kind: v.pipe(
      v.string(),
      v.description("For FILE_CATALOG_OBJECT: directory or s3; for CONFLUENCE_PAGE: confluence."),
    ),
  }),
  v.description(
    "directory: root, include?, exclude?, hidden?; s3: bucket, prefix?, endpoint?, region?, include?, exclude?; confluence: base_url, deployment?, auth?, email?, username?, cloud_id?, spaces?, page_ids?, labels?, cql?, archived?, blog_posts?, attachments?, comments?, requests_per_second?",
  ),
);

const REFUSED: Partial<Record<SourceType, string>> = {
  FILE_UPLOAD_OBJECT: "uploads need no connection",
};

/** Throws InputError `connector.not_available`. */
export function refuseUnconnectable(sourceType: SourceType): void {
  const why = REFUSED[sourceType];
  if (why === undefined) return;
  const available = SOURCE_TYPES.filter((type) => REFUSED[type] === undefined);
  throw new InputError(
    "connector.not_available",
    `${sourceType} cannot be connected: ${why}. Available: ${available.join(", ")}`,
    {
      source_type: sourceType,
      available,
    },
  );
}
