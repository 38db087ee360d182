import { expect, test } from "bun:test";
import { createSecretBox } from "../../src/store/secrets.ts";

const ID = "0192f000-0000-7000-8000-000000000001";
const box = createSecretBox("correct horse battery staple");

test("what is sealed can be opened with the same key for the same connection, and hides its text", () => {
  const sealed = box.seal(ID, { api_token: "hunter2" });
  expect(Buffer.from(sealed).includes("hunter2")).toBe(false);
  expect(box.open(ID.toUpperCase(), sealed)).toEqual({ api_token: "hunter2" });
  expect(createSecretBox("correct horse battery staple").open(ID, sealed)).toEqual({ api_token: "hunter2" });
  expect(box.seal(ID, { api_token: "hunter2" })).not.toEqual(sealed);
});

test("another key, another connection, and a changed or cut value are refused without a word of the text", () => {
  const sealed = box.seal(ID, { api_token: "hunter2" });
  const changed = Buffer.from(sealed);
  changed[20]! ^= 1;
  const attempts = [
    () => createSecretBox("another key altogether").open(ID, sealed),
    () => box.open(ID.replace("1", "2"), sealed),
    () => box.open(ID, changed),
    () => box.open(ID, sealed.slice(0, 20)),
    () => box.open(ID, new Uint8Array()),
  ];
  for (const attempt of attempts)
    expect(attempt).toThrow(
      expect.objectContaining({
        code: "connector.secrets_unreadable",
        message: expect.not.stringContaining("hunter2"),
      }),
    );
});
