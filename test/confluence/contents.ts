/** What a wiki is made of: spaces, pages, posts, attachments, comments and users, as the stand-in keeps them. */

/** Made when asked for, so that a site of many pages costs little memory. Must give the same value each time. */
export type Lazy<T> = T | (() => T);
export const forced = <T extends string | Uint8Array>(lazy: Lazy<T>): T => (typeof lazy === "function" ? lazy() : lazy);

export type Status = "current" | "archived" | "trashed";

/** One version; dates are milliseconds since 1970. */
export interface Version {
  number: number;
  when: number;
  by: string;
  message: string;
  minorEdit: boolean;
  title: string;
  body: Lazy<string>;
}

/** What all contents have. */
export interface Entry {
  /** Digits for pages, posts and comments, `att` and digits for attachments. */
  id: string;
  /** The number in the id; ids only grow. */
  num: number;
  title: string;
  status: Status;
  createdAt: number;
  createdBy: string;
  versions: Version[];
  labels: string[];
}

export interface Page extends Entry {
  kind: "page" | "blogpost";
  spaceId: string;
  parentId: string | null;
  /** Cloud: where a page without a parent page lies. */
  folderId: string | null;
  /** Null in some trees (CONFCLOUD-84015). */
  position: number | null;
  /** Who may read it and what is below it; null = whoever may read the space. */
  readers: Set<string> | null;
}

export interface Attachment extends Entry {
  kind: "attachment";
  containerId: string;
  mediaType: string;
  fileId: string;
  bytes: Lazy<Uint8Array>;
  size: number | null;
}

export interface Comment extends Entry {
  kind: "comment";
  containerId: string;
  parentCommentId: string | null;
  location: "footer" | "inline";
  /** The commented text, of an inline comment. */
  selection: string;
  resolved: boolean;
}

/** Of Cloud; none of the lists of pages gives it. */
export interface Folder {
  id: string;
  title: string;
  spaceId: string;
  /** Of a folder or a page. */
  parentId: string | null;
}

export type Content = Page | Attachment | Comment;

export const isPage = (content: Content): content is Page => content.kind === "page" || content.kind === "blogpost";

export interface Space {
  id: string;
  key: string;
  name: string;
  type: "global" | "personal";
  status: "current" | "archived";
  homepageId: string | null;
  createdAt: number;
  createdBy: string;
  /** Null = everybody with an account. */
  readers: Set<string> | null;
}

/** `id` is the accountId on Cloud and the userKey on Data Center. */
export interface User {
  id: string;
  username: string;
  displayName: string;
  email: string;
}

export interface NewPage {
  space: string;
  title: string;
  body: Lazy<string>;
  parent?: string | null;
  folder?: string;
  kind?: "page" | "blogpost";
  labels?: string[];
  by?: string;
}

export interface NewAttachment {
  name: string;
  mediaType: string;
  bytes: Lazy<Uint8Array>;
  by?: string;
}

export interface NewComment {
  body: string;
  location?: "footer" | "inline";
  selection?: string;
  parent?: string;
  by?: string;
}
