import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../src/config.ts";

const faultsOf = (env: Record<string, string>): string => {
  try {
    readConfig("info", env);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

test("an empty environment is a whole configuration: embedded database, local objects, feature hashing", () => {
  const config = readConfig("info", {});
  expect(config.database.url).toBeNull();
  expect(config.objects.kind).toBe("local");
  expect(config.embeddings.provider).toBe("hash");
  expect(config.http).toEqual({ host: "127.0.0.1", port: 8100 });
});

test("an empty variable counts as not set", () => {
  expect(readConfig("info", { DATABASE_URL: "", PORT: "" }).http.port).toBe(8100);
});

test("all faults are reported at once, each with the name of its variable", () => {
  const faults = faultsOf({
    PORT: "high",
    DATABASE_URL: "mysql://x",
    WORKER_THREADS: "0",
    EMBEDDINGS_URL: "not a url",
    LOG_LEVEL: "loud",
  });
  for (const name of ["PORT", "DATABASE_URL", "WORKER_THREADS", "EMBEDDINGS_URL", "LOG_LEVEL"])
    expect(faults).toContain(name);
});

test("settings that contradict each other are named together", () => {
  expect(faultsOf({ S3_BUCKET_RAW: "raw" })).toContain("S3_BUCKET_MARKDOWN");
  expect(faultsOf({ S3_ACCESS_KEY_ID: "x" })).toContain("S3_SECRET_ACCESS_KEY");
  expect(faultsOf({ CHUNK_TARGET_TOKENS: "600" })).toContain("CHUNK_MAX_TOKENS");
  expect(faultsOf({ LEASE_SECONDS: "10" })).toContain("HEARTBEAT_SECONDS");
  expect(faultsOf({ EMBEDDINGS_PROVIDER: "openai" })).toContain("EMBEDDINGS_MODEL");
  expect(faultsOf({ FILE_CATALOG_ROOTS: "relative/path" })).toContain("FILE_CATALOG_ROOTS");
});

test("secrets come from files, without the line end, and never from both places", () => {
  const file = join(mkdtempSync(join(tmpdir(), "sluice-config-")), "url");
  writeFileSync(file, "postgres://db/x\n");
  expect(readConfig("info", { DATABASE_URL_FILE: file }).database.url).toBe("postgres://db/x");
  expect(faultsOf({ DATABASE_URL_FILE: file, DATABASE_URL: "postgres://y" })).toContain("DATABASE_URL_FILE");
  expect(faultsOf({ SECRET_KEY_FILE: "/no/such/file" })).toContain("/no/such/file");
});

test("an endpoint or a model alone means that it is to be used", () => {
  expect(
    readConfig("info", { EMBEDDINGS_URL: "http://localhost:11434/v1", EMBEDDINGS_MODEL: "m" }).embeddings.provider,
  ).toBe("openai");
});
