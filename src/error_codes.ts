/**
 * Every error code of the product, once: `stage.reason` → HTTP status and the way out for whoever meets it.
 * The troubleshooting page is generated from this list. Keep it sorted by stage.
 */
interface CodeInfo {
  /** Status of an HTTP answer that carries this code. */
  status: number;
  /** What to do about it, one sentence, addressed to the person who sees it. */
  help: string;
}

const code = (status: number, help: string): CodeInfo => ({ status, help });

export const CODES = {
  "config.invalid": code(500, "Correct the named environment variables and start again."),

  "convert.unsupported_type": code(415, "Convert the file to .md, .txt, .html, .docx or .pdf and send it again."),
  "convert.empty": code(422, "The file has no bytes; check how it was written or exported."),
  "convert.encrypted": code(422, "Remove the password protection and send the file again."),
  "convert.malformed": code(422, "The file is damaged or not of the type it claims; open and save it again."),
  "convert.too_large": code(413, "The document exceeds a conversion limit; split it or raise the named limit."),
  "convert.deadline": code(422, "Conversion took longer than its deadline; split the document or raise the deadline."),
  "convert.memory": code(422, "Conversion needed more memory than its cap; split the document or raise the cap."),
  "convert.crashed": code(422, "The parser crashed on this document; save it again with another program."),

  "internal.unexpected": code(500, "This is a defect: report it with the correlation id and the log lines that carry it."),
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof CODES;
