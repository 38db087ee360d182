/** The command line: commands, options, help. Each command's work is in a file of its own, loaded when it is called. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Config, readConfig } from "../config.ts";
import { createLog, type Log } from "../log.ts";
import { TOKEN_SCOPES } from "../store/tokens.ts";
import { VERSION } from "../version.ts";
import type { Launch } from "./launch.ts";
import { EXIT, print, printJson, reportError } from "./terminal.ts";

const number = (value: string): number => {
  const parsed = Number(value);
  if (!Number.isInteger(parsed) || parsed < 1) throw new InvalidArgumentError("must be a whole number above 0");
  return parsed;
};
const collect = (value: string, before: string[]): string[] => [...before, value];

/** What a command gets beside its own options. */
interface Context {
  config: Config;
  launch: Launch;
  log: Log;
}

type Run = (work: (context: Context) => Promise<number>, quiet?: boolean) => Promise<void>;

/** Runs the command line and returns the exit code; never throws. */
export async function runCommandLine(argv: string[], launch: Launch): Promise<number> {
  let code: number = EXIT.ok;
  const run: Run = async (work, quiet = false) => {
    // A command's own messages are for people; log lines of the machinery show only what is wrong.
    const config = readConfig(quiet ? "warn" : "info");
    code = await work({ config, launch, log: createLog(config.logLevel) });
  };
  const program = new Command("sluice")
    .description(
      "Keeps documents searchable in your own Postgres: syncs sources, converts them to Markdown, keeps every version, and indexes chunks for search by words and by meaning.",
    )
    .configureHelp({
      // "(default: false)" on every switch says nothing.
      optionDescription: ({ description, defaultValue }) =>
        ["string", "number"].includes(typeof defaultValue) ? `${description} (default: ${defaultValue})` : description,
    })
    .showHelpAfterError("(run with --help for the options)")
    .exitOverride();
  addDocumentCommands(program, run);
  addConnectionCommands(program, run);
  addAutomationCommands(program, run);
  addOperatorCommands(program, run);
  addKeepingCommands(program, run);
  const version = `sluice ${VERSION.version} (commit ${VERSION.commit}, Bun ${VERSION.bun}, schema ${VERSION.schema})`;
  program.version(version, "-V, --version", "print the version");
  program
    .command("version")
    .description("print version, commit, Bun version and schema version")
    .option("--json", "as one JSON object", false)
    .action((o) => {
      if (o.json) printJson(VERSION);
      else print(version);
    });
  try {
    if (argv.length === 0) program.help();
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(error);
  }
  return code;
}

function addDocumentCommands(program: Command, run: Run): void {
  program
    .command("ingest <dir>")
    .description("sync a folder: what changed is converted and indexed, what is unchanged costs nothing")
    .option("--json", "print the ledger as one JSON object", false)
    .option("--force", "ingest unchanged files too", false)
    .option("--include <glob>", "only files that match (may be repeated)", collect, [])
    .option("--exclude <glob>", "leave out files that match (may be repeated)", collect, [])
    .option("--confirm-deletions", "delete even when more than a quarter of the files is gone", false)
    .action((dir, o) =>
      run(async (c) => (await import("./ingest.ts")).ingest(dir, o, c.config, c.launch, c.log), true),
    );
  program
    .command("upload <file...>")
    .description("ingest single files (.md .txt .html .docx .pdf); the same name again makes a new version")
    .option("--json", "print the ledger as one JSON object", false)
    .action((files, o) =>
      run(async (c) => (await import("./upload.ts")).upload(files, o, c.config, c.launch, c.log), true),
    );
  program
    .command("search <query>")
    .description("find chunks by words and by meaning")
    .option("-k, --top-k <n>", "how many hits", number, 5)
    .option("--mode <mode>", "hybrid, lexical or vector", "hybrid")
    .option("--json", "print the hits as one JSON object", false)
    .action((query, o) =>
      run(async (c) => (await import("./search.ts")).searchCommand(query, o, c.config, c.launch, c.log), true),
    );
  program
    .command("jobs [job]")
    .description("list jobs, or show one: its ledger and what failed")
    .option("--items <status>", "list its items of this status (failed, skipped, ingested, …)")
    .option("--cancel", "cancel it", false)
    .option("--retry", "try its failed items again", false)
    .option("--limit <n>", "how many rows", number, 20)
    .option("--json", "as one JSON object", false)
    .action((job, o) => run(async (c) => (await import("./jobs.ts")).jobs(job, o, c.config, c.launch, c.log), true));
  program
    .command("convert <path...>")
    .description("convert files, or all documents of folders, to Markdown without indexing them")
    .option("--out <dir>", "write DIR/NAME.ext.md for each file instead of printing")
    .option("--type <type>", "md, txt, html, docx, pdf or confluence, instead of looking at the file")
    .option("--json", "report each file as a JSON line", false)
    .action((paths, o) =>
      run(
        async (c) =>
          (await import("./convert.ts")).runConvert(paths, {
            ...o,
            childCommand: c.launch.childCommand,
            ...c.config.convert,
          }),
        true,
      ),
    );
}

function addConnectionCommands(program: Command, run: Run): void {
  const connection = program
    .command("connection")
    .description("create, list, change, test and delete connections to sources");
  const load = () => import("./connection.ts");
  connection
    .command("list")
    .description("list connections, newest first")
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await load()).connectionList(o, c.config, c.launch, c.log), true));
  connection
    .command("create <name>")
    .description("save a connection and print its id")
    .requiredOption("--config <json>", "its configuration, as JSON or @FILE")
    .addOption(
      new Option("--type <type>", "its source type, where config.kind does not tell").choices([
        "CONFLUENCE_PAGE",
        "FILE_CATALOG_OBJECT",
      ]),
    )
    .option("--secret <name=@file>", "a secret from a file, or from standard input with NAME=-", collect, [])
    .option("--secret-env <name=variable>", "a secret from an environment variable", collect, [])
    .option("--json", "as one JSON object", false)
    .action((name, o) => run(async (c) => (await load()).connectionCreate(name, o, c.config, c.launch, c.log), true));
  connection
    .command("update <connection>")
    .description("change what is given (by id or name) and leave the rest")
    .option("--name <name>", "another name")
    .option("--config <json>", "its whole configuration, as JSON or @FILE")
    .option("--secret <name=@file>", "a secret from a file, or from standard input with NAME=-", collect, [])
    .option("--secret-env <name=variable>", "a secret from an environment variable", collect, [])
    .option("--remove-secrets", "forget the secrets that were saved", false)
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await load()).connectionUpdate(id, o, c.config, c.launch, c.log), true));
  connection
    .command("test <connection>")
    .description("try what a sync would need (by id or name)")
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await load()).connectionTest(id, o, c.config, c.launch, c.log), true));
  connection
    .command("delete <connection>")
    .description("delete a connection (by id or name); its documents stay")
    .action((id) => run(async (c) => (await load()).connectionDelete(id, c.config, c.launch, c.log), true));
}

function addKeepingCommands(program: Command, run: Run): void {
  program
    .command("gc")
    .description("delete what the RETENTION_* variables no longer keep, and objects that no row names")
    .option("--dry-run", "only say what would be deleted", false)
    .option("--rows-only", "do not look through the buckets for orphaned objects", false)
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./gc.ts")).gc(o, c.config, c.launch), true));
  program
    .command("install-service")
    .description("write systemd unit, user and configuration file for this binary, and say what comes next")
    .option("--dry-run", "only print what would be written", false)
    .option("--worker-only", "a service that works and has no API", false)
    .option("--destdir <dir>", "write below this folder and run nothing, for packages and images")
    .action((o) => run(async (c) => (await import("./install_service.ts")).installService(o, c.launch), true));
  program
    .command("backup <file>")
    .description("write all of DATA_DIR into one archive (.tar.zst); embedded mode, while the service is stopped")
    .option("--json", "as one JSON object", false)
    .action((file, o) => run(async (c) => (await import("./backup.ts")).backup(file, o, c.config), true));
  program
    .command("restore <file>")
    .description("make a new DATA_DIR from a backup, after every file in it was verified")
    .option("--json", "as one JSON object", false)
    .action((file, o) => run(async (c) => (await import("./restore.ts")).restore(file, o, c.config, c.launch), true));
}

function addAutomationCommands(program: Command, run: Run): void {
  const schedule = program.command("schedule").description("sync connections by themselves");
  const schedules = () => import("./schedule.ts");
  schedule
    .command("list")
    .description("list schedules with their next and last run")
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await schedules()).scheduleList(o, c.config, c.launch, c.log), true));
  schedule
    .command("set <connection>")
    .description("sync a connection (by id or name) by itself, every so many minutes or by a cron expression")
    .option("--every <minutes>", "so many minutes apart", number)
    .option("--cron <expression>", "at these times: minute, hour, day of month, month, day of week")
    .option("--timezone <name>", "the clock that --cron is read by, such as Europe/Berlin")
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await schedules()).scheduleSet(id, o, c.config, c.launch, c.log), true));
  schedule
    .command("clear <connection>")
    .description("sync a connection (by id or name) on demand only")
    .action((id) => run(async (c) => (await schedules()).scheduleClear(id, c.config, c.launch, c.log), true));

  const webhook = program.command("webhook").description("tell other services when a job ends");
  const webhooks = () => import("./webhook.ts");
  webhook
    .command("create <url>")
    .description("have an address told, and print the secret that signs what it is sent, once")
    .option("--connection <connection>", "only of syncs of this connection, by id or name")
    .option("--json", "as one JSON object", false)
    .action((url, o) => run(async (c) => (await webhooks()).webhookCreate(url, o, c.config, c.launch, c.log), true));
  webhook
    .command("list")
    .description("list webhooks, newest first, and how many deliveries each has")
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await webhooks()).webhookList(o, c.config, c.launch, c.log), true));
  webhook
    .command("test <webhook>")
    .description("send a test now and say what came of it")
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await webhooks()).webhookTest(id, o, c.config, c.launch, c.log), true));
  webhook
    .command("deliveries <webhook>")
    .description("list what it was told, newest first")
    .option("--status <status>", "pending, delivered or failed")
    .option("--limit <n>", "how many rows", number, 20)
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await webhooks()).webhookDeliveries(id, o, c.config, c.launch, c.log), true));
  webhook
    .command("delete <webhook>")
    .description("delete a webhook with its deliveries")
    .action((id) => run(async (c) => (await webhooks()).webhookDelete(id, c.config, c.launch, c.log), true));
}

function addOperatorCommands(program: Command, run: Run): void {
  program
    .command("serve")
    .description("serve the HTTP API and work, until SIGTERM")
    .option("--worker-only", "work on the queue without serving the API", false)
    .action((o) => run(async (c) => (await import("./serve.ts")).serve(o, c.config, c.launch, c.log)));
  program
    .command("migrate")
    .description("bring the database to this binary's schema")
    .option("--status", "only show what is applied", false)
    .option("--dry-run", "only show what would be applied", false)
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./operate.ts")).migrateCommand(o, c.config, c.launch), true));
  program
    .command("doctor")
    .description("check database, objects, embeddings and machine, and say what to do")
    .option("--fix", "create missing buckets", false)
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./doctor.ts")).doctor(o, c.config, c.launch), true));
  program
    .command("fsck")
    .description("check that what must be true of the database and its objects is true")
    .option("--fast", "look for objects without reading them", false)
    .option("--repair", "repair what can be repaired without doing harm", false)
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./fsck.ts")).fsckCommand(o, c.config, c.launch), true));

  const tenant = program.command("tenant").description("create, limit and list tenants");
  tenant
    .command("create <name>")
    .description("create a tenant and print its id")
    .option("--json", "as one JSON object", false)
    .action((name, o) =>
      run(async (c) => (await import("./operate.ts")).tenantCreate(name, o, c.config, c.launch), true),
    );
  const limit = "a number, none, or default";
  tenant
    .command("set <tenant>")
    .description("limit what a tenant, by id or name, may use; what is not named stays")
    .option("--open-jobs <n>", `unfinished jobs: ${limit}`)
    .option("--queued-items <n>", `items in the queue: ${limit}`)
    .option("--upload-bytes-per-day <n>", `bytes uploaded in a day of UTC: ${limit}`)
    .option("--requests-per-minute <n>", `requests to each process: ${limit}`)
    .option("--json", "as one JSON object", false)
    .action((id, o) => run(async (c) => (await import("./operate.ts")).tenantSet(id, o, c.config, c.launch), true));
  tenant
    .command("list")
    .description("list tenants")
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./operate.ts")).tenantList(o, c.config, c.launch), true));

  const token = program.command("token").description("create, list and revoke API tokens");
  token
    .command("create")
    .description("print a new token, once")
    .requiredOption("--name <name>", "what it is for")
    .option("--tenant <id>", "the tenant it may act for, by id or name")
    .addOption(new Option("--scope <scope>", "what it may do").choices(TOKEN_SCOPES))
    .option("--expires-days <n>", "valid for so many days", number)
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./operate.ts")).tokenCreate(o, c.config, c.launch), true));
  token
    .command("list")
    .description("list tokens; the tokens themselves are shown only when they are made")
    .option("--tenant <id>", "of this tenant only")
    .option("--json", "as one JSON object", false)
    .action((o) => run(async (c) => (await import("./operate.ts")).tokenList(o, c.config, c.launch), true));
  token
    .command("revoke <token-id>")
    .description("make a token invalid at once")
    .action((id) => run(async (c) => (await import("./operate.ts")).tokenRevoke(id, c.config, c.launch), true));
}
