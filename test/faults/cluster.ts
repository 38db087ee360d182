/**
 * A Postgres server of the suite's own, to be killed. Its programs are those of PG_BIN, else of the server that
 * TEST_DATABASE_URL leads to if it runs on this machine (also inside a chroot), else what Debian installs; whichever has
 * pgvector. It is started directly, without pg_ctl, so that its process id is known.
 */
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import postgres from "postgres";

interface Programs {
  /** Where the programs see their file system begin. */
  root: string;
  bin: string;
  /** Who may run them: Postgres refuses root. */
  uid: number;
  gid: number;
}

const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  dynamic_shared_memory_type: "mmap",
  shared_buffers: "64MB",
  max_connections: "100",
  // Only its processes are killed here, never the machine.
  fsync: "off",
};

export class Cluster {
  private server: Bun.Subprocess | null = null;

  private constructor(
    private readonly programs: Programs,
    private readonly folder: string,
    readonly port: number,
  ) {}

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** A running server; a text that says why where there can be none. */
  static async start(testUrl: string): Promise<Cluster | string> {
    const programs = await findPrograms(testUrl);
    if (!programs) return "no Postgres programs with pgvector on this machine: set PG_BIN to their folder";
    const temp = join(programs.root, "tmp");
    const folder = mkdtempSync(join(temp, "sluice-faults-"));
    const cluster = new Cluster(programs, folder, await freePort());
    chownSync(folder, programs.uid, programs.gid);
    mkdirSync(cluster.data);
    chownSync(cluster.data, programs.uid, programs.gid);
    const init = cluster.spawn("initdb", ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"]);
    if ((await init.exited) !== 0)
      return `initdb failed: ${(await new Response(init.stderr ?? null).text()).slice(0, 300)}`;
    await cluster.restart();
    return cluster;
  }

  private get data(): string {
    return join(this.folder, "pg");
  }

  private spawn(program: string, args: string[]): Bun.Subprocess<"ignore", "ignore", "pipe" | "ignore"> {
    const { root, bin, uid, gid } = this.programs;
    const data = root === "/" ? this.data : this.data.slice(root.length);
    const command = [join(bin, program), "-D", data, ...args];
    const asUser = process.getuid?.() === 0 ? ["chroot", `--userspec=${uid}:${gid}`, root, ...command] : command;
    return Bun.spawn(asUser, {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
      cwd: "/",
      stdin: "ignore",
      stdout: "ignore",
      // Nobody reads what the server says, and a full pipe would stop it.
      stderr: program === "initdb" ? "pipe" : "ignore",
    });
  }

  /** Starts the server unless it runs, and waits until it answers. */
  async restart(): Promise<void> {
    const settings = Object.entries({ ...SETTINGS, port: String(this.port) }).flatMap(([k, v]) => ["-c", `${k}=${v}`]);
    for (let attempt = 0; attempt < 100; attempt++) {
      // After a kill its orphans hold the shared memory for a moment, and it refuses to start.
      if (this.server === null || this.server.killed) this.server = this.spawn("postgres", settings);
      if (await answers(this.url)) return;
      await Bun.sleep(100);
    }
    throw new Error("the private Postgres server does not come up");
  }

  /** SIGKILL to the server's first process; the others follow it by themselves. */
  async kill(): Promise<void> {
    this.server?.kill("SIGKILL");
    await this.server?.exited;
  }

  async stop(): Promise<void> {
    this.server?.kill("SIGQUIT");
    await this.server?.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function findPrograms(testUrl: string): Promise<Programs | null> {
  const given = process.env["PG_BIN"];
  const debian = "/usr/lib/postgresql";
  const candidates = [
    given ? { root: "/", bin: given } : null,
    await programsOfServer(testUrl),
    ...(existsSync(debian)
      ? readdirSync(debian).map((version) => ({ root: "/", bin: join(debian, version, "bin") }))
      : []),
  ];
  const found = candidates.find(
    (candidate) =>
      candidate !== null &&
      existsSync(join(candidate.root, candidate.bin, "initdb")) &&
      existsSync(join(candidate.root, candidate.bin, "../lib/vector.so")),
  );
  return found ? { ...found, ...unprivileged() } : null;
}

/** The programs of a server on this machine, by the process that serves a connection to it. */
async function programsOfServer(url: string): Promise<{ root: string; bin: string } | null> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const [row] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    const executable = readlinkSync(`/proc/${row!.pid}/exe`);
    const root = readlinkSync(`/proc/${row!.pid}/root`);
    if (!executable.endsWith("/postgres") || !executable.startsWith(root)) return null;
    return { root, bin: join("/", executable.slice(root === "/" ? 0 : root.length), "..") };
  } catch {
    return null;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** The user that owns nothing, if this process is root; else this user. */
function unprivileged(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { uid, gid: statSync("/proc/self").gid };
  return { uid: 65_534, gid: 65_534 };
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 1, onnotice: () => {} });
  try {
    await sql`SELECT 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 }).catch(() => {});
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });
}
