/**
 * The tree of pages as a list gives it, each row naming its parent only. A page is placed when all that stands above it
 * has come; one that comes before its ancestors is held back until they have.
 */
import type { Ancestor, ListedPage } from "./content.ts";
import { idOf, type Json, textOf } from "./json.ts";

const DEPTH_MAX = 50;

/** The first one upwards that was not listed. */
interface Missing {
  id: string;
  /** `page`, or what no list of pages gives: `folder`, `whiteboard`, `database`, `embed`. */
  type: string;
}

export class ListedTree {
  private readonly nodes = new Map<string, { title: string; parent: Missing | null }>();

  add(id: string, row: Json): void {
    const parentId = idOf(row.parentId);
    const parent = parentId === undefined ? null : { id: parentId, type: textOf(row.parentType) ?? "page" };
    this.nodes.set(id, { title: textOf(row.title) ?? id, parent });
  }

  /** Pages with their place, and those of which a page above is still to come. */
  place(pages: ListedPage[]): [ready: ListedPage[], early: ListedPage[]] {
    const [ready, early]: [ListedPage[], ListedPage[]] = [[], []];
    for (const page of pages) {
      const { ancestors, missing } = this.pathTo(page.id);
      if (missing?.type === "page") early.push(page);
      else ready.push(placed(page, ancestors, missing));
    }
    return [ready, early];
  }

  /** The same for pages of which nothing above is to come any more. */
  placeAll(pages: ListedPage[]): ListedPage[] {
    return pages.map((page) => {
      const { ancestors, missing } = this.pathTo(page.id);
      return placed(page, ancestors, missing);
    });
  }

  /** Ids of the pages that keep these from being placed. */
  missingAbove(pages: ListedPage[]): Set<string> {
    const ids = new Set<string>();
    for (const page of pages) {
      const { missing } = this.pathTo(page.id);
      if (missing?.type === "page") ids.add(missing.id);
    }
    return ids;
  }

  private pathTo(pageId: string): { ancestors: Ancestor[]; missing: Missing | null } {
    const ancestors: Ancestor[] = [];
    for (let above = this.nodes.get(pageId)?.parent ?? null; above !== null; ) {
      const node = this.nodes.get(above.id);
      if (node === undefined || ancestors.length > DEPTH_MAX) return { ancestors, missing: above };
      ancestors.unshift({ id: above.id, title: node.title });
      above = node.parent;
    }
    return { ancestors, missing: null };
  }
}

function placed(page: ListedPage, ancestors: Ancestor[], missing: Missing | null): ListedPage {
  const lineage = ancestors.map(({ id }) => id);
  if (missing === null) return { ...page, ancestors, lineage };
  return { ...page, ancestors: null, lineage: [missing.id, ...lineage] };
}
