/** Runs around all test files of a process. */
import { afterAll } from "bun:test";
import { closeDatabase } from "./database.ts";

afterAll(closeDatabase);
