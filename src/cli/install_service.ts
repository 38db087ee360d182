/**
 * `sluice install-service`: what systemd needs to run this binary as a service of its own user: unit, user, configuration
 * file, and the binary in a place that the hardened unit can reach. Existing configuration is never touched. Nothing is
 * started; the next steps are printed.
 */
import { chmod, copyFile, mkdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "../errors.ts";
import type { Launch } from "./launch.ts";
import { EXIT, print, say } from "./terminal.ts";

const BINARY = "/usr/local/bin/sluice";
const ENV_FILE = "/etc/sluice/sluice.env";
const UNIT = "/etc/systemd/system/sluice.service";
const USER_FILE = "/etc/sysusers.d/sluice.conf";
const STATE = "/var/lib/sluice";

export interface InstallOptions {
  dryRun: boolean;
  workerOnly: boolean;
  /** Writes below this folder and runs nothing, for packages and images. */
  destdir?: string;
}

interface NewFile {
  path: string;
  mode: number;
  text: string;
  /** What an operator may have changed stays. */
  keep: boolean;
}

/** The unit; `systemd-analyze security` says 1.2 for it, since the JIT needs memory that is writable and executable. */
export function unitText({ workerOnly }: Pick<InstallOptions, "workerOnly">): string {
  return `[Unit]
Description=Sluice, documents to searchable Postgres
Wants=network-online.target
After=network-online.target postgresql.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=${BINARY} serve${workerOnly ? " --worker-only" : ""}
# Log level and limits; the rest of the file waits for a restart.
ExecReload=/bin/kill -HUP $MAINPID
Environment=SLUICE_ENV_FILE=${ENV_FILE} DATA_DIR=${STATE}
# What the garbage collector takes for the machine's memory: it lets the heap double only while that is a quarter of it.
Environment=BUN_JSC_forceRAMSize=268435456
User=sluice
Group=sluice
StateDirectory=sluice
StateDirectoryMode=0700
WorkingDirectory=${STATE}
UMask=0077
LimitNOFILE=65536

Restart=always
RestartSec=2
# Wrong configuration does not mend by itself.
RestartPreventExitStatus=78
# Fed by the main loop while it runs and its workers answer.
WatchdogSec=60
# A migration, or the recovery of the embedded database.
TimeoutStartSec=300
# Requests and items may finish, SHUTDOWN_SECONDS each; the service asks for more time by itself where that is longer.
TimeoutStopSec=70
KillMode=mixed
# A document that exhausts the memory costs its parser, not the service.
OOMPolicy=continue

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
# Folders to be read that lie in /home: ProtectHome=read-only in a drop-in (systemctl edit sluice).
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateMounts=yes
PrivateUsers=yes
PrivateIPC=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# Parsers run with less priority than the service that waits for them.
SystemCallFilter=setpriority
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute cannot be: JavaScript is compiled while it runs.

[Install]
WantedBy=multi-user.target
`;
}

const SYSUSERS = `u sluice - "Sluice" ${STATE}\n`;

const ENV_TEXT = `# Configuration of the service sluice. "systemctl reload sluice" takes over log level and limits, a restart the rest.
# Without any of it the embedded database is used, in ${STATE}.

#DATABASE_URL=postgres://sluice:...@db.example/sluice
#S3_ENDPOINT=https://s3.example
#S3_REGION=eu-1
#S3_ACCESS_KEY_ID=...
#S3_SECRET_ACCESS_KEY=...
#S3_BUCKET_RAW=docs-raw
#S3_BUCKET_MARKDOWN=docs-markdown

# Seals the secrets of connections; the same on all machines. openssl rand -base64 32
#SECRET_KEY=...

# Folders that connections may read.
#FILE_CATALOG_ROOTS=/srv/documents

#EMBEDDINGS_URL=http://gpu.example:11434/v1
#EMBEDDINGS_MODEL=bge-m3

#HOST=127.0.0.1
#PORT=8100
#LOG_LEVEL=info
`;

/** Throws InputError `cli.bad_option` where there is no systemd, no right to write, or no executable to install. */
export async function installService(options: InstallOptions, launch: Pick<Launch, "childCommand">): Promise<number> {
  const [binary = "", ...more] = launch.childCommand;
  if (more.length > 1) throw new InputError("cli.bad_option", "install-service is for the executable: make build");
  const files: NewFile[] = [
    { path: USER_FILE, mode: 0o644, text: SYSUSERS, keep: false },
    { path: ENV_FILE, mode: 0o640, text: ENV_TEXT, keep: true },
    { path: UNIT, mode: 0o644, text: unitText(options), keep: false },
  ];
  if (options.dryRun) {
    for (const { path, mode, text } of files) print(`# ${path} (mode ${mode.toString(8)})\n${text}`);
    if (binary !== BINARY) print(`# ${BINARY} (mode 755)\n# a copy of ${binary}`);
    return EXIT.ok;
  }
  const below = (path: string): string => (options.destdir ? join(options.destdir, path) : path);
  if (!options.destdir && process.getuid?.() !== 0)
    throw new InputError("cli.bad_option", "install-service writes to /etc: run it with sudo, or see --dry-run");
  for (const file of files) await write(file, below(file.path));
  await install(binary, below(BINARY));
  if (!options.destdir) {
    run("systemd-sysusers", USER_FILE);
    run("chgrp", "sluice", ENV_FILE);
    run("systemctl", "daemon-reload");
  }
  print(nextSteps(options));
  return EXIT.ok;
}

async function write({ mode, text, keep }: NewFile, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (keep && (await stat(path).catch(() => null))) return say(`kept  ${path}`);
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  say(`wrote ${path}`);
}

/** A running binary cannot be written over, but its name can be given to another file. */
async function install(binary: string, path: string): Promise<void> {
  if (binary === path) return;
  await mkdir(dirname(path), { recursive: true });
  await copyFile(binary, `${path}.new`);
  await chmod(`${path}.new`, 0o755);
  await rename(`${path}.new`, path);
  say(`wrote ${path}`);
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "inherit" });
  if (exitCode !== 0)
    throw new InputError(
      "cli.bad_option",
      `${command.join(" ")} failed: ${stderr.toString().trim() || `exit code ${exitCode}`}`,
    );
}

function nextSteps({ workerOnly }: InstallOptions): string {
  const as = `sudo -u sluice SLUICE_ENV_FILE=${ENV_FILE} DATA_DIR=${STATE} sluice`;
  const made = workerOnly
    ? ""
    : `
  ${as} tenant create acme        # with a database of your own
  ${as} token create --tenant acme --name ci`;
  return `
Next:
  sudoedit ${ENV_FILE}
  ${as} doctor${made}
  sudo systemctl enable --now sluice
  systemctl status sluice
  journalctl -u sluice -f`;
}
