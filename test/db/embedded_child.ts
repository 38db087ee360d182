/**
 * A process of its own with an embedded database, for the tests that kill it: `bun embedded_child.ts DIR hold` only
 * holds it; `… DIR write FIRST` inserts rows from several connections and prints each id once its commit is acknowledged.
 */
import { connectDatabase } from "../../src/db/connect.ts";
import { startEmbedded } from "../../src/db/embedded/embedded.ts";

const spawnThread = () => new Worker(new URL("../../src/db/embedded/thread.ts", import.meta.url).href);
const [dataDir, mode, first] = process.argv.slice(2);
const database = await startEmbedded({ dataDir: dataDir!, spawnThread });
process.stdout.write("ready\n");
if (mode === "write") {
  const sql = connectDatabase(database.target, { max: 6, applicationName: "child" });
  await sql`CREATE TABLE IF NOT EXISTS acknowledged (id int8 PRIMARY KEY, payload text)`;
  let id = Number(first);
  const writer = async () => {
    for (;;) {
      id += 1;
      const mine = id;
      await sql.begin(async (tx) => {
        await tx`INSERT INTO acknowledged (id, payload) VALUES (${mine}, ${"x".repeat(mine % 3000)})`;
      });
      process.stdout.write(`${mine}\n`);
    }
  };
  await Promise.all(Array.from({ length: 6 }, writer));
}
setInterval(() => {}, 1000);
