/**
 * Writes the vectors of chunks: one statement for any number of them. Chunks that vanished since they were read (a newer
 * version was swapped in while the endpoint answered) are passed over, and so are vectors that are there already.
 */
import type { PendingQuery, Row, Sql } from "postgres";

export interface VectorRow {
  tenantId: string;
  chunkId: string;
  /** SHA-256 of the embedded text, hexadecimal. */
  textSha256: string;
  vector: Float32Array;
}

/** Rows per statement: bounds the size of one message (1,000 vectors of 1,536 components are about 15 MB of text). */
const ROWS_PER_STATEMENT = 1_000;

/**
 * @param dim components of every vector
 * @returns how many rows were written
 */
export async function insertVectors(sql: Sql, rows: VectorRow[], model: string, dim: number): Promise<number> {
  let written = 0;
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    const part = rows.slice(start, start + ROWS_PER_STATEMENT);
    // One joined text: the driver would look through every character of an array's elements for quotes.
    const unit = part.every((row) => isUnit(row.vector));
    const texts = part.map((row) => vectorText(row.vector, unit)).join(";");
    const insert = (suffix: PendingQuery<Row[]>) => sql`
      INSERT INTO chunk_vectors (tenant_id, chunk_id, embedding_model, embedding_dim, text_sha256, embedding)
      SELECT given.tenant_id, given.chunk_id, ${model}, ${dim}, decode(given.text_sha256, 'hex'),
        ${unit ? sql`l2_normalize(given.embedding)` : sql`given.embedding`}
      FROM unnest(
        ${part.map((row) => row.tenantId)}::uuid[], ${part.map((row) => row.chunkId)}::uuid[],
        ${part.map((row) => row.textSha256)}::text[], string_to_array(${texts}, ';')::vector[]
      ) AS given (tenant_id, chunk_id, text_sha256, embedding) ${suffix}`;
    // As a rule all chunks are there and none has a vector. Looking first would double the cost of a row.
    const result = await insert(sql``).catch((error: { code?: string }) => {
      if (error.code !== UNIQUE_VIOLATION && error.code !== FOREIGN_KEY_VIOLATION) throw error;
      // LATERAL: by key, whatever the planner believes of a table that has just been filled.
      // FOR KEY SHARE holds the chunk until the vector refers to it.
      return insert(sql`
        CROSS JOIN LATERAL (
          SELECT FROM chunks WHERE chunks.tenant_id = given.tenant_id AND chunks.chunk_id = given.chunk_id FOR KEY SHARE
        ) AS present
        ON CONFLICT (tenant_id, chunk_id, embedding_model) DO NOTHING`);
    });
    written += result.count;
  }
  return written;
}

const UNIQUE_VIOLATION = "23505";
const FOREIGN_KEY_VIOLATION = "23503";

/** Significant digits of the largest component. */
const DIGITS = 5;
/** Bytes of a component at most: sign, digits, "e-99", comma. */
const COMPONENT_BYTES_MAX = DIGITS + 7;
const [ZERO, COMMA, MINUS, OPEN, CLOSE] = [48, 44, 45, 91, 93];
let buffer = Buffer.allocUnsafe(1 << 14);

/** Of length 1, as most models give them: then the common factor need not be sent. */
function isUnit(vector: Float32Array): boolean {
  let squares = 0;
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!;
  return Math.abs(squares - 1) < 1e-4;
}

/**
 * A vector as pgvector reads it: whole numbers with a common exponent (left out if `scaled`, when the reader restores the
 * length), five significant digits of the largest component. At most half as long as decimal fractions, and finer than the half-precision index that searches it. Written digit by digit:
 * number formatting and string building would cost more than the embedding of a text by hashing.
 */
export function vectorText(vector: Float32Array, scaled = false): string {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i]!));
  if (largest === 0) return `[${"0,".repeat(vector.length - 1)}0]`;
  if (buffer.length < vector.length * COMPONENT_BYTES_MAX)
    buffer = Buffer.allocUnsafe(vector.length * COMPONENT_BYTES_MAX);
  const exponent = Math.ceil(Math.log10(largest)) - DIGITS;
  const scale = 10 ** -exponent;
  const suffix = Buffer.from(scaled ? "" : `e${exponent}`);
  let at = 0;
  for (let i = 0; i < vector.length; i++) {
    buffer[at++] = i === 0 ? OPEN! : COMMA!;
    const number = Math.round(vector[i]! * scale);
    if (number === 0) {
      buffer[at++] = ZERO!;
      continue;
    }
    if (number < 0) buffer[at++] = MINUS!;
    at = writeDigits(Math.abs(number), at);
    for (let k = 0; k < suffix.length; k++) buffer[at++] = suffix[k]!;
  }
  buffer[at++] = CLOSE!;
  return buffer.toString("latin1", 0, at);
}

/** Appends a whole number from 1 to 10^DIGITS; returns the place after it. */
function writeDigits(number: number, at: number): number {
  let unit = 1;
  while (unit * 10 <= number) unit *= 10;
  for (let rest = number; unit >= 1; unit = Math.floor(unit / 10)) {
    const digit = Math.floor(rest / unit);
    buffer[at++] = ZERO! + digit;
    rest -= digit * unit;
  }
  return at;
}
