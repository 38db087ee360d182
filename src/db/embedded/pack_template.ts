/**
 * Packs the files of an empty embedded database into src/db/embedded/template.tar.zst. Running initdb inside PGlite
 * takes seconds of CPU at the first start of every installation, unpacking its result takes a fraction of one.
 * To be run again after an update of @electric-sql/pglite:
 *
 *   bun src/db/embedded/pack_template.ts
 */
import { PGlite } from "@electric-sql/pglite";

const output = new URL("./template.tar.zst", import.meta.url);
const database = await PGlite.create();
await database.exec("CHECKPOINT");
const tar = new Uint8Array(await (await database.dumpDataDir("none")).arrayBuffer());
await database.close();
// The highest level looks back far enough to see that the three databases of a cluster are nearly the same.
const packed = Bun.zstdCompressSync(tar, { level: 22 });
await Bun.write(output, packed);
console.log(`${output.pathname}: ${packed.length} bytes, ${tar.length} unpacked`);
