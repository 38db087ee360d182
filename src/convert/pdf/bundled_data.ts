/**
 * Data files that PDF.js asks for while it reads fonts. Nothing is ever fetched: what is not bundled is refused, and
 * PDF.js goes on without it.
 */
export class BundledData {
  /** Called by PDF.js with a kind such as `cMapUrl` and a file name such as `UniGB-UCS2-H.bcmap`. */
  async fetch(request: { kind: string; filename: string }): Promise<Uint8Array> {
    throw new Error(`not bundled: ${request.filename}`);
  }
}
