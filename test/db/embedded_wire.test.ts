import { describe, expect, test } from "bun:test";
import { MessageReader, ReplyWatch, refuseCopyIn, renameStatement, WireFault } from "../../src/db/embedded/wire.ts";

function frame(type: string, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

describe("a stream of client messages", () => {
  const messages = [frame("P", "s\0select 1\0\0\0"), frame("S", ""), frame("Q", `select '${"ü".repeat(500)}'\0`)];

  test("is cut at the same places however it arrives", () => {
    const stream = Buffer.concat(messages);
    for (const step of [1, 2, 3, 7, 100, stream.length]) {
      const reader = new MessageReader(10_000);
      reader.started();
      const seen: Buffer[] = [];
      for (let at = 0; at < stream.length; at += step) {
        reader.push(stream.subarray(at, at + step));
        for (let message = reader.next(); message; message = reader.next()) seen.push(message);
      }
      expect(seen).toEqual(messages);
    }
  });

  test("is refused when a length is impossible or over the limit", () => {
    for (const length of [0, 3, -1, 0x7fffffff]) {
      const reader = new MessageReader(10_000);
      reader.started();
      const head = Buffer.from("Q....");
      head.writeInt32BE(length, 1);
      reader.push(head);
      expect(() => reader.next()).toThrow(WireFault);
    }
  });
});

describe("statement names", () => {
  test("get the client's prefix in Parse, Bind, Describe and Close, and the length follows", () => {
    expect(renameStatement(frame("P", "s1\0select 1\0\0\0"), "7_")).toEqual({
      message: frame("P", "7_s1\0select 1\0\0\0"),
      creates: "7_s1",
    });
    const rest = "\0\0\0\0\0\0";
    expect(renameStatement(frame("B", `portal\0s1\0${rest}`), "7_").message).toEqual(
      frame("B", `portal\x007_s1\0${rest}`),
    );
    expect(renameStatement(frame("D", "Ss1\0"), "7_").message).toEqual(frame("D", "S7_s1\0"));
    expect(renameStatement(frame("C", "Ss1\0"), "7_").message).toEqual(frame("C", "S7_s1\0"));
  });

  test("stay as they are for unnamed statements, portals and all other messages", () => {
    for (const message of [
      frame("P", "\0select 1\0\0\0"),
      frame("B", "portal\0\0\0\0\0\0\0\0"),
      frame("D", "Pportal\0"),
      frame("C", "Pportal\0"),
      frame("E", "portal\0\0\0\0\0"),
      frame("Q", "s1\0"),
      frame("B", ""),
    ])
      expect(renameStatement(message, "7_")).toEqual({ message });
  });
});

describe("the status of the backend", () => {
  test("is that of the last ReadyForQuery, in whatever pieces replies come, and unknown until there is one", () => {
    const replies = Buffer.concat([frame("D", "ZZZZZZZZ"), frame("C", "SELECT 1\0"), frame("Z", "T")]);
    for (let step = 1; step <= replies.length; step++) {
      const watch = new ReplyWatch();
      watch.expect();
      for (let at = 0; at < replies.length; at += step) {
        expect(watch.status).toBeUndefined();
        watch.feed(replies.subarray(at, at + step));
      }
      expect(watch.status).toBe("T");
    }
  });
});

describe("COPY FROM STDIN", () => {
  const text = (message: Buffer) => message.toString("latin1");
  test("is replaced in whatever dress it comes, and only it", () => {
    for (const sql of ["copy t from stdin", "\n/* x */ -- y\n COPY t (a, b) FROM STDIN WITH (FORMAT csv)"]) {
      expect(text(refuseCopyIn(frame("Q", `${sql}\0`)))).toContain("RAISE EXCEPTION");
      expect(text(refuseCopyIn(frame("P", `s1\0${sql}\0\0\0`)))).toContain("Ps1\0DO $$".slice(1));
    }
    const insert = frame("P", "\0insert into t values ('copy t from stdin')\0\0\0");
    expect(refuseCopyIn(insert)).toEqual(insert);
    const second = frame("Q", "select 1; copy t from stdin\0");
    expect(refuseCopyIn(second).subarray(0, second.length)).toEqual(second);
    expect(refuseCopyIn(second)[second.length]).toBe("f".charCodeAt(0));
  });
});
