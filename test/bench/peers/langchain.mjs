/**
 * The same folder with LangChain.js as its documentation shows it: MarkdownTextSplitter → PGVectorStore through index()
 * with the Postgres record manager, defaults everywhere, beside a generated tsvector column with its GIN index. Embedder
 * and Postgres are Sluice's. Three phases in one process: first time, unchanged, one paragraph changed.
 * Usage: bun langchain.mjs '{"url": …, "folder": …, "edit": path of the file that gets a paragraph}'
 */
import { PostgresRecordManager } from "@langchain/community/indexes/postgres";
import { PGVectorStore } from "@langchain/community/vectorstores/pgvector";
import { Document } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";
import { index } from "@langchain/core/indexing";
import { MarkdownTextSplitter } from "@langchain/textsplitters";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { hashText } from "../../../src/embed/hash.ts";

const { url, folder, edit } = JSON.parse(process.argv[2]);

let embedded = 0;
class HashEmbeddings extends Embeddings {
  async embedDocuments(texts) {
    embedded += texts.length;
    return texts.map((text) => Array.from(hashText(text)));
  }
  async embedQuery(text) {
    return Array.from(hashText(text));
  }
}

const pool = new pg.Pool({ connectionString: url });
const store = await PGVectorStore.initialize(new HashEmbeddings({}), { pool, tableName: "passages", dimensions: 256 });
await pool.query(`ALTER TABLE passages ADD COLUMN tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED`);
await pool.query("CREATE INDEX ON passages USING gin (tsv)");
const recordManager = new PostgresRecordManager("bench", { pool });
await recordManager.createSchema();
const splitter = new MarkdownTextSplitter();

async function phase() {
  embedded = 0;
  const start = performance.now();
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.(md|markdown|txt)$/.test(name));
  const documents = files.map(
    (name) => new Document({ pageContent: readFileSync(join(folder, name), "utf8"), metadata: { source: name } }),
  );
  const docsSource = await splitter.splitDocuments(documents);
  const counts = await index({ docsSource, recordManager, vectorStore: store, options: { cleanup: "incremental", sourceIdKey: "source" } });
  return { ms: performance.now() - start, documents: files.length, chunks: docsSource.length, embedded, ...counts };
}

const first = await phase();
const again = await phase();
appendFileSync(edit, "\n\nOne more paragraph.\n");
const changed = await phase();
await store.end();
console.log(JSON.stringify({ first, again, changed }));
process.exit(0);
