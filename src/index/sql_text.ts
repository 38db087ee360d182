/**
 * The text of one statement whose shape depends on the query, with its parameters. Whatever comes from outside becomes
 * a parameter; only what this folder's own code writes becomes text.
 */
export class SqlText {
  readonly values: unknown[] = [];

  /** Adds a parameter and returns how the text refers to it, with a cast so that Postgres never has to guess. */
  parameter(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}
