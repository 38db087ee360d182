/** Reads CQL: clauses joined by and, or, not and parentheses, and an order. Whatever it cannot read is the 400 of the product. */
import { refusedV1 } from "./answer.ts";

export interface Value {
  text: string;
  quoted: boolean;
  /** Of a function such as now("-4w"). */
  call: string | null;
}

export type Operator = "=" | "!=" | ">" | ">=" | "<" | "<=" | "~" | "!~" | "in" | "not in";

export type Condition =
  | { kind: "and" | "or"; parts: Condition[] }
  | { kind: "not"; part: Condition }
  | { kind: "clause"; field: string; operator: Operator; values: Value[] };

export interface Query {
  /** Null for an order alone. */
  where: Condition | null;
  order: { field: string; descending: boolean }[];
}

interface Token {
  text: string;
  quoted: boolean;
}

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(>=|<=|!=|!~|[=<>~(),])|([^\s"'()=<>~!,]+))/gy;
const OPERATORS = new Set(["=", "!=", ">", ">=", "<", "<=", "~", "!~"]);

export const unparseable = (cql: string) => refusedV1(400, `Could not parse cql : ${cql}`);

function tokensOf(cql: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of cql.matchAll(TOKEN)) {
    const quoted = match[1] ?? match[2];
    tokens.push(
      quoted === undefined
        ? { text: match[3] ?? match[4]!, quoted: false }
        : { text: quoted.replace(/\\(.)/g, "$1"), quoted: true },
    );
    end = match.index + match[0].length;
  }
  if (cql.slice(end).trim() !== "") throw unparseable(cql);
  return tokens;
}

class Reader {
  #at = 0;

  constructor(
    readonly cql: string,
    readonly tokens: Token[],
  ) {}

  query(): Query {
    const where = this.#isWord("order") ? null : this.#or();
    const order: Query["order"] = [];
    if (this.#word("order")) {
      if (!this.#word("by")) throw unparseable(this.cql);
      do {
        const field = this.#take().text.toLowerCase();
        const descending = this.#word("desc");
        if (!descending) this.#word("asc");
        order.push({ field, descending });
      } while (this.#word(","));
    }
    if (this.#at < this.tokens.length) throw unparseable(this.cql);
    return { where, order };
  }

  #or(): Condition {
    const parts = [this.#and()];
    while (this.#word("or")) parts.push(this.#and());
    return parts.length === 1 ? parts[0]! : { kind: "or", parts };
  }

  #and(): Condition {
    const parts = [this.#not()];
    while (this.#word("and")) parts.push(this.#not());
    return parts.length === 1 ? parts[0]! : { kind: "and", parts };
  }

  #not(): Condition {
    if (this.#word("not")) return { kind: "not", part: this.#not() };
    if (!this.#word("(")) return this.#clause();
    const inner = this.#or();
    if (!this.#word(")")) throw unparseable(this.cql);
    return inner;
  }

  #clause(): Condition {
    const field = this.#take();
    if (field.quoted || !/^[a-z][\w.]*$/i.test(field.text)) throw unparseable(this.cql);
    const name = field.text.toLowerCase();
    const negated = this.#word("not");
    if (this.#word("in"))
      return { kind: "clause", field: name, operator: negated ? "not in" : "in", values: this.#list() };
    const operator = this.#take();
    if (negated || operator.quoted || !OPERATORS.has(operator.text)) throw unparseable(this.cql);
    return { kind: "clause", field: name, operator: operator.text as Operator, values: [this.#value()] };
  }

  #list(): Value[] {
    const values: Value[] = [];
    if (!this.#word("(")) throw unparseable(this.cql);
    do values.push(this.#value());
    while (this.#word(","));
    if (!this.#word(")")) throw unparseable(this.cql);
    return values;
  }

  #value(): Value {
    const token = this.#take();
    if (!token.quoted && /^([=<>~(),]|[<>!]=|!~|and|or|not|in|order)$/i.test(token.text)) throw unparseable(this.cql);
    if (token.quoted || !this.#word("(")) return { ...token, call: null };
    const argument = this.#isWord(")") ? "" : this.#take().text;
    if (!this.#word(")")) throw unparseable(this.cql);
    return { text: argument, quoted: false, call: token.text.toLowerCase() };
  }

  #take(): Token {
    const token = this.tokens[this.#at++];
    if (!token) throw unparseable(this.cql);
    return token;
  }

  #isWord(word: string): boolean {
    const token = this.tokens[this.#at];
    return token !== undefined && !token.quoted && token.text.toLowerCase() === word;
  }

  #word(word: string): boolean {
    const is = this.#isWord(word);
    if (is) this.#at++;
    return is;
  }
}

/** Throws the 400 of a search whose CQL cannot be read. */
export const parseCql = (cql: string): Query => new Reader(cql, tokensOf(cql)).query();
