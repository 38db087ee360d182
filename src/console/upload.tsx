/** Uploading: a button for those who look for one; with scripts, files may be dropped on any page. */
/** @jsxImportSource hono/jsx */
import { FORMATS } from "../convert/converted.ts";
import { apiRoute, callApi } from "./act.ts";
import { size } from "./format.ts";
import { Heading } from "./layout.tsx";
import { act, type ConsoleRoute, leadTo, view } from "./page.ts";
import { shownTenant } from "./visit.ts";

/** What a person has as a file; the others are what Confluence answers. */
const FORMAT_NAMES = Object.keys(FORMATS).filter((name) => !name.startsWith("confluence"));

const show = view("/upload", async (visit) => {
  const { maxBytes, maxFiles } = visit.deps.config.upload;
  const tenant = await shownTenant(visit);
  const body = (
    <>
      <Heading title="Upload" />
      <form method="post" action="/upload" enctype="multipart/form-data" class="stack drop" data-upload>
        <input type="hidden" name="tenant_id" value={tenant} />
        <label for="file">Files to index</label>
        <input id="file" type="file" name="file" multiple required aria-describedby="limits" />
        <button type="submit" class="primary">
          Upload
        </button>
        <p class="muted" id="limits">
          Or drop them here, or on any other page. {FORMAT_NAMES.join(", ")}; up to {maxFiles} files at once of{" "}
          {size(maxBytes)} each. The same name again makes a new version of the same document.
        </p>
      </form>
    </>
  );
  return { title: "Upload", section: "upload", body };
});

const uploadRoute = apiRoute("post", "/v1/ingest/files/upload");
const upload = act("/upload", async (visit) => {
  const answer = await callApi(visit, uploadRoute);
  const { job_id: jobId } = (await answer.json()) as { job_id: string };
  return leadTo(visit, `/jobs/${jobId}`);
});

export const uploadPages: ConsoleRoute[] = [show, upload];
