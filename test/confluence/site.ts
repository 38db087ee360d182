/**
 * The wiki behind the stand-in server: spaces, page trees with versions, blog posts, comments, attachments, labels,
 * users, read permissions, archive and trash, under a clock that only the test moves. It knows nothing of HTTP. What an
 * edit does to dates and versions follows the product: an attachment or a comment never bumps its page, trashing a
 * page hands its children to its parent, a rename is a version.
 */
import {
  type Attachment,
  type Comment,
  type Content,
  type Entry,
  type Folder,
  forced,
  isPage,
  type Lazy,
  type NewAttachment,
  type NewComment,
  type NewPage,
  type Page,
  type Space,
  type User,
  type Version,
} from "./contents.ts";

const push = <T>(map: Map<string, T[]>, key: string, value: T): void => {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
};

const drop = <T>(map: Map<string, T[]>, key: string, value: T): void => {
  const list = map.get(key);
  if (list) list.splice(list.indexOf(value), 1);
};

export class Site {
  /** The clock, milliseconds since 1970. */
  now: number;
  /** In which CQL reads date literals: that of the asking user on Cloud, of the server on Data Center. */
  timeZone: string;
  readonly spaces = new Map<string, Space>();
  readonly users = new Map<string, User>();
  readonly folders = new Map<string, Folder>();
  readonly #contents = new Map<string, Content>();
  readonly #bySpace = new Map<string, Page[]>();
  readonly #children = new Map<string, Page[]>();
  readonly #attachments = new Map<string, Attachment[]>();
  readonly #comments = new Map<string, Comment[]>();
  #lastId = 98_304;

  constructor(options: { now?: string; timeZone?: string } = {}) {
    this.now = Date.parse(options.now ?? "2026-03-02T09:00:00.000Z");
    this.timeZone = options.timeZone ?? "Europe/Berlin";
  }

  // ---- the clock

  advance(by: { days?: number; hours?: number; minutes?: number; seconds?: number }): void {
    this.now += (((by.days ?? 0) * 24 + (by.hours ?? 0)) * 60 + (by.minutes ?? 0)) * 60_000 + (by.seconds ?? 0) * 1000;
  }

  // ---- reading

  content(id: string): Content | undefined {
    return this.#contents.get(id) ?? this.#contents.get(`att${id}`);
  }

  /** Throws when there is none, or it is no page or blog post. */
  page(id: string): Page {
    const page = this.content(id);
    if (page?.kind !== "page" && page?.kind !== "blogpost") throw new Error(`no page ${id}`);
    return page;
  }

  attachment(id: string): Attachment {
    const found = this.content(id);
    if (found?.kind !== "attachment") throw new Error(`no attachment ${id}`);
    return found;
  }

  contents(): IterableIterator<Content> {
    return this.#contents.values();
  }

  spaceByKey(key: string): Space | undefined {
    for (const space of this.spaces.values()) if (space.key === key) return space;
    return undefined;
  }

  /** Pages and blog posts of a space in the order of their creation, in every status. */
  pagesOf(spaceId: string): readonly Page[] {
    return this.#bySpace.get(spaceId) ?? [];
  }

  childrenOf(pageId: string): readonly Page[] {
    return this.#children.get(pageId) ?? [];
  }

  attachmentsOf(contentId: string): readonly Attachment[] {
    return this.#attachments.get(contentId) ?? [];
  }

  commentsOf(contentId: string): readonly Comment[] {
    return this.#comments.get(contentId) ?? [];
  }

  /** From the root of the tree to the parent. */
  ancestorsOf(page: Page): Page[] {
    const ancestors: Page[] = [];
    for (let id = page.parentId; id !== null; id = ancestors[0]!.parentId) ancestors.unshift(this.page(id));
    return ancestors;
  }

  /** The page or post that a comment or attachment hangs on, the page itself else. */
  ownerOf(content: Content): Page {
    return isPage(content) ? content : this.page(content.containerId);
  }

  bodyOf(version: Version): string {
    return forced(version.body);
  }

  bytesOf(attachment: Attachment): Uint8Array {
    return forced(attachment.bytes);
  }

  sizeOf(attachment: Attachment): number {
    return (attachment.size ??= this.bytesOf(attachment).byteLength);
  }

  canReadSpace(userId: string | null, space: Space): boolean {
    return userId !== null && (space.readers === null || space.readers.has(userId));
  }

  /** Space permission, then the restrictions of the page and of all its ancestors (restrictions inherit). */
  canRead(userId: string | null, content: Content): boolean {
    const owner = this.ownerOf(content);
    if (!this.canReadSpace(userId, this.spaces.get(owner.spaceId)!)) return false;
    for (let page: Page | null = owner; page; page = page.parentId === null ? null : this.page(page.parentId))
      if (page.readers && !page.readers.has(userId!)) return false;
    return true;
  }

  /** Current pages, posts and attachments of current spaces that this user may read: what a full sync must find. */
  readable(userId: string): { pages: Page[]; attachments: Attachment[] } {
    const pages = [...this.spaces.values()]
      .filter((space) => space.status === "current")
      .flatMap((space) => this.pagesOf(space.id).filter((page) => page.status === "current"))
      .filter((page) => this.canRead(userId, page));
    return {
      pages,
      attachments: pages.flatMap((page) => this.attachmentsOf(page.id).filter((one) => one.status === "current")),
    };
  }

  // ---- growing

  addUser(user: User): User {
    this.users.set(user.id, user);
    return user;
  }

  addSpace(space: { key: string; name: string; type?: "global" | "personal" }): Space {
    const id = String(++this.#lastId);
    const made: Space = {
      type: "global",
      ...space,
      id,
      status: "current",
      homepageId: null,
      createdAt: this.now,
      createdBy: this.#anyone(),
      readers: null,
    };
    this.spaces.set(id, made);
    return made;
  }

  /** `space` is a key. The first page without a parent becomes the home page of its space. */
  addPage(page: NewPage): Page {
    const space = this.spaceByKey(page.space);
    if (!space) throw new Error(`no space ${page.space}`);
    const num = ++this.#lastId;
    const kind = page.kind ?? "page";
    const parentId = kind === "blogpost" ? null : (page.parent ?? null);
    const by = page.by ?? this.#anyone();
    const made: Page = {
      ...this.#entry(String(num), num, page.title, page.body, by, ""),
      kind,
      spaceId: space.id,
      parentId,
      folderId: page.folder ?? null,
      position: num % 100_000,
      readers: null,
      labels: [...(page.labels ?? [])],
    };
    this.#contents.set(made.id, made);
    push(this.#bySpace, space.id, made);
    if (parentId !== null) push(this.#children, parentId, made);
    else if (kind === "page") space.homepageId ??= made.id;
    return made;
  }

  /** `parent` is a folder or a page. */
  addFolder(folder: { space: string; title: string; parent?: string }): Folder {
    const id = String(++this.#lastId);
    const made = {
      id,
      title: folder.title,
      spaceId: this.spaceByKey(folder.space)!.id,
      parentId: folder.parent ?? null,
    };
    this.folders.set(id, made);
    return made;
  }

  attach(containerId: string, file: NewAttachment): Attachment {
    const num = ++this.#lastId;
    const hash = Bun.hash(`file ${num}`).toString(16).padStart(16, "0");
    const made: Attachment = {
      ...this.#entry(`att${num}`, num, file.name, "", file.by ?? this.#anyone(), ""),
      kind: "attachment",
      containerId,
      mediaType: file.mediaType,
      bytes: file.bytes,
      size: null,
      fileId: `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4000-8000-${String(num).padStart(12, "0")}`,
    };
    this.#contents.set(made.id, made);
    push(this.#attachments, containerId, made);
    return made;
  }

  comment(containerId: string, comment: NewComment): Comment {
    const num = ++this.#lastId;
    const title = `Re: ${this.page(containerId).title}`;
    const made: Comment = {
      ...this.#entry(String(num), num, title, comment.body, comment.by ?? this.#anyone(), ""),
      kind: "comment",
      containerId,
      parentCommentId: comment.parent ?? null,
      location: comment.location ?? "footer",
      selection: comment.selection ?? "",
      resolved: false,
    };
    this.#contents.set(made.id, made);
    push(this.#comments, containerId, made);
    return made;
  }

  // ---- changing

  /** A new version of a page, post, comment or attachment's metadata. */
  edit(
    id: string,
    change: { title?: string; body?: Lazy<string>; message?: string; minorEdit?: boolean; by?: string },
  ): Version {
    const content = this.#need(id);
    const last = content.versions.at(-1)!;
    const version: Version = {
      number: last.number + 1,
      when: this.now,
      by: change.by ?? last.by,
      message: change.message ?? "",
      minorEdit: change.minorEdit ?? false,
      title: change.title ?? last.title,
      body: change.body ?? last.body,
    };
    content.versions.push(version);
    content.title = version.title;
    return version;
  }

  /** A move in the tree or to another space (with all that is below); not a version. */
  move(id: string, to: { parent?: string | null; space?: string }): void {
    const page = this.page(id);
    if (to.parent !== undefined && to.parent !== page.parentId) this.#reparent(page, to.parent);
    if (to.space === undefined) return;
    const spaceId = this.spaceByKey(to.space)!.id;
    for (const moved of [page, ...this.descendantsOf(page)]) {
      drop(this.#bySpace, moved.spaceId, moved);
      moved.spaceId = spaceId;
      push(this.#bySpace, spaceId, moved);
    }
  }

  descendantsOf(page: Page): Page[] {
    return this.childrenOf(page.id).flatMap((child) => [child, ...this.descendantsOf(child)]);
  }

  /** Settles an inline comment; not a version. */
  resolve(commentId: string): void {
    const comment = this.#need(commentId);
    if (comment.kind === "comment") comment.resolved = true;
  }

  /** A page, attachment or comment into the trash. Children of a page go to its parent. */
  trash(id: string): void {
    const content = this.#need(id);
    content.status = "trashed";
    if (content.kind === "page") for (const child of [...this.childrenOf(id)]) this.#reparent(child, content.parentId);
  }

  /** Out of the trash or the archive. A page whose parent is gone comes back at the top. */
  restore(id: string): void {
    const content = this.#need(id);
    content.status = "current";
    if (content.kind !== "page" || content.parentId === null) return;
    if (this.content(content.parentId)?.status !== "current") this.#reparent(content, null);
  }

  /** Cloud only. */
  archive(id: string): void {
    this.page(id).status = "archived";
  }

  archiveSpace(key: string): void {
    this.spaceByKey(key)!.status = "archived";
  }

  /** Out of the trash for good, with its attachments and comments. */
  purge(id: string): void {
    const content = this.#need(id);
    if (content.status !== "trashed") this.trash(id);
    for (const hanging of [...this.attachmentsOf(id), ...this.commentsOf(id)]) this.#contents.delete(hanging.id);
    this.#contents.delete(content.id);
    if (content.kind === "attachment") drop(this.#attachments, content.containerId, content);
    else if (content.kind === "comment") drop(this.#comments, content.containerId, content);
    else {
      drop(this.#bySpace, content.spaceId, content);
      if (content.parentId !== null) drop(this.#children, content.parentId, content);
    }
  }

  label(id: string, ...names: string[]): void {
    const content = this.#need(id);
    content.labels = [...new Set([...content.labels, ...names])];
  }

  unlabel(id: string, name: string): void {
    const content = this.#need(id);
    content.labels = content.labels.filter((label) => label !== name);
  }

  /** New bytes under the same id: a new version of the attachment, none of the page. */
  replaceFile(id: string, bytes: Lazy<Uint8Array>): void {
    const attachment = this.attachment(id);
    attachment.bytes = bytes;
    attachment.size = null;
    this.edit(id, {});
  }

  /** Takes a space from everybody but these users (their ids). */
  forbidSpace(key: string, except: string[] = []): void {
    this.spaceByKey(key)!.readers = new Set(except);
  }

  allowSpace(key: string): void {
    this.spaceByKey(key)!.readers = null;
  }

  /** Takes a page and what is below it from everybody but these users. */
  restrict(id: string, except: string[] = []): void {
    this.page(id).readers = new Set(except);
  }

  unrestrict(id: string): void {
    this.page(id).readers = null;
  }

  #reparent(page: Page, parentId: string | null): void {
    if (page.parentId !== null) drop(this.#children, page.parentId, page);
    page.parentId = parentId;
    if (parentId !== null) push(this.#children, parentId, page);
  }

  #need(id: string): Content {
    const content = this.content(id);
    if (!content) throw new Error(`no content ${id}`);
    return content;
  }

  #anyone(): string {
    return this.users.keys().next().value ?? "nobody";
  }

  #entry(id: string, num: number, title: string, body: Lazy<string>, by: string, message: string): Entry {
    const version = { number: 1, when: this.now, by, message, minorEdit: false, title, body };
    return { id, num, title, status: "current", createdAt: this.now, createdBy: by, versions: [version], labels: [] };
  }
}
