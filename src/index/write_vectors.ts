/**
 * Writes the vectors of chunks: one statement for any number of them. Chunks that vanished since they were read (a newer
 * version was swapped in while the endpoint answered) are passed over, and so are vectors that are there already.
 */
import type { Sql, TransactionSql } from "postgres";

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
export async function insertVectors(
  sql: Sql | TransactionSql,
  rows: VectorRow[],
  model: string,
  dim: number,
): Promise<number> {
  let written = 0;
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    const part = rows.slice(start, start + ROWS_PER_STATEMENT);
    // One joined text: the driver would look through every character of an array's elements for quotes.
    // FOR KEY SHARE holds the chunk until the vector refers to it.
    const result = await sql`
      INSERT INTO chunk_vectors (tenant_id, chunk_id, embedding_model, embedding_dim, text_sha256, embedding)
      SELECT given.tenant_id, given.chunk_id, ${model}, ${dim}, decode(given.text_sha256, 'hex'), given.embedding
      FROM unnest(
        ${part.map((row) => row.tenantId)}::uuid[], ${part.map((row) => row.chunkId)}::uuid[],
        ${part.map((row) => row.textSha256)}::text[], string_to_array(${part.map((row) => vectorText(row.vector)).join(";")}, ';')::vector[]
      ) AS given (tenant_id, chunk_id, text_sha256, embedding)
      JOIN chunks ON chunks.tenant_id = given.tenant_id AND chunks.chunk_id = given.chunk_id
      ORDER BY given.tenant_id, given.chunk_id
      FOR KEY SHARE OF chunks
      ON CONFLICT (tenant_id, chunk_id, embedding_model) DO NOTHING`;
    written += result.count;
  }
  return written;
}

/**
 * A vector as pgvector reads it: whole numbers with a common exponent, five significant digits of the largest component.
 * Half as long and three times as fast as decimal fractions, and finer than the half-precision index that searches it.
 */
export function vectorText(vector: Float32Array): string {
  let largest = 0;
  for (const component of vector) largest = Math.max(largest, Math.abs(component));
  if (largest === 0) return `[${"0,".repeat(vector.length - 1)}0]`;
  const exponent = Math.ceil(Math.log10(largest)) - 5;
  const scale = 10 ** -exponent;
  const suffix = `e${exponent}`;
  let text = "[";
  for (let i = 0; i < vector.length; i++) {
    if (i > 0) text += ",";
    const digits = Math.round(vector[i]! * scale);
    text += digits === 0 ? "0" : digits + suffix;
  }
  return `${text}]`;
}
