/**
 * Entry of the executable: arguments → command. The only file that ends the process, and the only one that creates
 * worker threads: in a compiled binary `new URL("./…", import.meta.url)` finds their code only when written here.
 */
import { runCommandLine } from "./cli/program.ts";
import { runConvertChild } from "./worker/convert_child.ts";

/** Hidden subcommand: this process parses hostile documents for a worker thread and holds no secrets. */
const CONVERT_CHILD = "__convert-child";

/** How to start this very program again: the compiled binary alone, or Bun with this file. */
const selfCommand = import.meta.path.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, import.meta.path];

// Whoever reads the output has seen enough: `sluice search … | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
});

const argv = process.argv.slice(2);
if (argv[0] === CONVERT_CHILD) {
  await runConvertChild();
  process.exit(0);
} else {
  const code = await runCommandLine(argv, {
    spawnWorker: () => new Worker(new URL("./worker/thread.ts", import.meta.url).href),
    spawnDatabase: () => new Worker(new URL("./db/embedded/thread.ts", import.meta.url).href),
    childCommand: [...selfCommand, CONVERT_CHILD],
  });
  process.exit(code);
}
