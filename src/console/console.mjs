// What pages do beyond links and forms: follow what changes, take dropped files, ask before what cannot be undone.
// Every page works without it.

const main = document.getElementById("main");

/** Times in the reader's own zone, beside the server's. */
function localise(root) {
  for (const time of root.querySelectorAll("time"))
    time.title = `${new Date(time.dateTime).toLocaleString()} (${time.title})`;
}
localise(document);
// On narrow screens the navigation scrolls sideways.
document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});

// --- What changes -----------------------------------------------------------------------------------------------------

/** What each part looked like when it came. */
const shownAs = new Map();

const parse = (html) => new DOMParser().parseFromString(html, "text/html");

/** Puts the parts of a page in place of those shown. One that holds the focus waits until the end. */
function showParts(fresh, last) {
  for (const shown of document.querySelectorAll("[data-part]")) {
    const part = fresh.getElementById(shown.id);
    if (!part || part.innerHTML === shownAs.get(shown.id)) continue;
    const focused = shown.contains(document.activeElement);
    if (focused && !last) continue;
    shownAs.set(shown.id, part.innerHTML);
    localise(part);
    shown.replaceChildren(...part.childNodes);
    if (focused) main.focus();
  }
}

const POLL_MS = 3000;

/** Through an event stream; where none gets through (a proxy that collects answers), by asking for the page again. */
function follow() {
  let source = null;
  let timer = 0;
  let heard = false;
  let over = false;

  const stop = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
  };
  const end = () => {
    over = true;
    stop();
  };
  const poll = async () => {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    // Signed out, or there is no such thing any more: only a server that does not answer is asked again.
    if (answer && (answer.redirected || (answer.status >= 400 && answer.status < 500))) return end();
    if (answer?.ok) {
      const fresh = parse(await answer.text());
      const goesOn = fresh.querySelector("main[data-live]") !== null;
      showParts(fresh, !goesOn);
      if (!goesOn) return end();
    }
    if (!document.hidden) timer = setTimeout(poll, POLL_MS);
  };
  const start = () => {
    if (over || source) return;
    source = new EventSource(location.href);
    source.addEventListener("look", (event) => {
      heard = true;
      showParts(parse(event.data), false);
    });
    source.addEventListener("last", (event) => {
      showParts(parse(event.data), true);
      end();
    });
    source.onerror = () => {
      // Streams end by themselves and the browser opens the next one; only one that never said anything is given up.
      if (heard && source?.readyState !== EventSource.CLOSED) return;
      stop();
      timer = setTimeout(poll, POLL_MS);
    };
  };
  // Browsers allow six connections to a server at once: tabs that nobody looks at must not hold them.
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start);
  if (!document.hidden) start();
}

if (main?.dataset.live !== undefined) follow();

// --- Dropped files ----------------------------------------------------------------------------------------------------

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
const notice = document.createElement("p");
notice.className = "dropping";
notice.setAttribute("role", "status");
notice.hidden = true;
document.body.append(notice);

function say(text) {
  notice.hidden = text === "";
  notice.textContent = text;
}

/** Sends the form and goes where the server leads; what it refuses is said here. */
function send(form) {
  const request = new XMLHttpRequest();
  request.open("POST", "/upload");
  request.responseType = "document";
  request.upload.onprogress = ({ loaded, total }) => say(`Sending: ${Math.round((loaded / total) * 100)} %`);
  request.onerror = () => say("The connection broke; nothing was indexed.");
  request.onload = () => {
    if (request.status < 300) return location.assign(request.responseURL);
    const reason = request.response?.querySelector("[role=alert] p")?.textContent;
    say(reason ?? `The server refused it (${request.status}).`);
  };
  say("Sending …");
  request.send(form);
}

const uploadForm = document.querySelector("form[data-upload]");
uploadForm?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(new FormData(uploadForm));
});

const tenant = main?.dataset.tenant;
if (tenant) {
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    if (!hasFiles(event)) return;
    event.preventDefault();
    const form = new FormData();
    form.append("tenant_id", tenant);
    for (const file of event.dataTransfer.files) form.append("file", file);
    send(form);
  });
}
