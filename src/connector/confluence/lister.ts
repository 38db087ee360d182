/**
 * What a way of listing gives, whichever interface it reads. Every method streams; none holds a whole site. A space that
 * cannot be read is a failure of that space, and the others go on.
 */
import { errorToData, messageOf, SluiceError } from "../../errors.ts";
import type { ListFailure } from "../connector.ts";
import type { ListedAttachment, ListedPage, ListedSpace } from "./content.ts";
import type { Reader } from "./paging.ts";
import { spaceRef } from "./refs.ts";

/** The version of a comment, as far as a listing tells. */
export interface ListedComment {
  id: string;
  pageId: string;
  version: number | string;
  isInline: boolean;
}

/** What attachments need to know of the pages that hold them. */
export interface Holder {
  type: ListedPage["type"];
  title: string;
  spaceKey: string;
}

export type Holders = ReadonlyMap<string, Holder>;

export interface Lister {
  pages(): AsyncGenerator<PageBatch>;
  /** `holders`: the pages that were listed, by id; attachments of others are not wanted. */
  attachments(holders: Holders): AsyncGenerator<ListedAttachment[]>;
  comments(): AsyncGenerator<ListedComment[]>;
}

export interface PageBatch {
  pages: ListedPage[];
  failures: ListFailure[];
  /** Rows that the connection does not want: archived, trashed, of another type. */
  ignored: number;
}

/** Turns the fault of one space into a failure and a doubt. Rethrows what concerns the whole connection. */
export function spaceFailure(
  error: unknown,
  reader: Reader,
  siteName: string,
  space: Pick<ListedSpace, "key">,
): ListFailure {
  reader.signal.throwIfAborted();
  if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
  reader.proof.doubt(`the space ${space.key} could not be listed: ${messageOf(error)}`);
  return { externalRef: spaceRef(siteName, space.key), name: `space ${space.key}`, error: errorToData(error) };
}

/** The same for the attachments of one page. */
export function holderFault(error: unknown, reader: Reader, pageId: string): void {
  reader.signal.throwIfAborted();
  if (!(error instanceof SluiceError) || error.fate !== "permanent") throw error;
  reader.proof.doubt(`the attachments of page ${pageId} could not be listed: ${messageOf(error)}`);
}

/** Whether content of this status is wanted. */
export const isWanted = (status: string, archived: boolean): boolean =>
  status === "current" || (archived && status === "archived");
