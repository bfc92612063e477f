/** Creatives as layers of the page: load, begin, dispose. Knows nothing of plays or of the director. */

import { FRAME_URL } from "/frame.js";
import { ground, leavesRoom } from "/static/ground.js";

// Signs come twice a second; a busy machine may be late, a creative that hangs never comes.
const HANGS_AFTER_MS = 3000;
// Whatever it went to gives none; one that only wrote itself anew goes on to.
const LEFT_AFTER_MS = 1000;
const GROUND_AFTER_MS = 1500;
// Of films: the browser keeps 8 MB for each frame of one that is read, so few are.
const GROUNDS_MAX = 64;
// The browser's cache keeps no file of more than an eighth of its size (kiosk/screen: 64 MB).
const WARM_MOST_BYTES = 8 << 20;
// As `kiosk campaign check` says by the header of a file; a header may be made to say less.
const MOST_PIXELS = 50_000_000;
// A page is held as a text, here and in its frame.
const HTML_MOST_BYTES = 32 << 20;
const DRAWING = /\.svg(\?|$)/i;

/** Resolves on the named event, rejects on `error`. */
function once(element, name, signal) {
  return new Promise((resolve, reject) => {
    element.addEventListener(name, resolve, { once: true, signal });
    element.addEventListener("error", () => reject(new Error(describe(element))), { once: true, signal });
  });
}

function describe(element) {
  const detail = element.error?.message || element.error?.code;
  return `cannot load ${element.dataset.url}${detail ? `: ${detail}` : ""}`;
}

/** A creative draws no more; the process that it runs in serves no other one until it is disposed. */
export class HangsError extends Error {
  constructor(url) {
    super(`it hangs: ${url}`);
  }
}

const nothing = () => {};

/** An HTML creative as a text. */
async function textOf(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`cannot load ${url}: HTTP ${response.status}`);
  const bytes = Number(response.headers.get("content-length"));
  if (bytes <= HTML_MOST_BYTES) return response.text();
  await response.body.cancel();
  throw new Error(`${url} has ${Math.round(bytes / 1e6)} MB; ${HTML_MOST_BYTES >> 20} are the most`);
}

/** The sandbox of an HTML creative, not loaded. */
function sandbox() {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.setAttribute("allow", "");
  frame.referrerPolicy = "no-referrer";
  frame.tabIndex = -1;
  frame.title = "";
  return frame;
}

const grounds = new Map();

function keepGround(url, canvas) {
  grounds.delete(url);
  grounds.set(url, canvas);
  if (grounds.size > GROUNDS_MAX) grounds.delete(grounds.keys().next().value);
}

const loaders = {
  image(url, layer) {
    const content = new Image();
    const { canvas, draw } = ground();
    content.alt = "";
    content.decoding = "sync";
    content.dataset.url = url;
    const known = once(content, "load");
    content.src = url;
    const ready = known.then(async () => {
      const { naturalWidth: width, naturalHeight: height } = content;
      // A drawing is drawn as large as the screen, whatever it says.
      if (width * height > MOST_PIXELS && !DRAWING.test(url)) {
        throw new Error(`${url} has ${width} x ${height} pixels; ${MOST_PIXELS / 1e6} million are the most`);
      }
      // Not before: what is on the page is unpacked.
      layer.append(canvas, content);
      // decode() rejects with a bare EncodingError whatever went wrong: name the file instead.
      await content.decode().catch(() => {
        throw new Error(`cannot load or decode ${url}`);
      });
      draw(content, width, height);
    });
    return {
      ready,
      begin: nothing,
      dispose: () => content.removeAttribute("src"),
    };
  },

  video(url, layer) {
    const content = document.createElement("video");
    const { canvas, draw, copy } = ground();
    const using = new AbortController();
    const { signal } = using;
    Object.assign(content, { muted: true, loop: true, playsInline: true, preload: "auto" });
    content.disablePictureInPicture = true;
    content.dataset.url = url;
    const known = once(content, "loadedmetadata", signal).then(() => {
      if (!content.videoWidth) throw new Error(`no picture in ${url}`);
    });
    // Its first frame is there, and decoded, before it is to be shown.
    const first = new Promise((resolve) => content.requestVideoFrameCallback(resolve));
    const playable = once(content, "canplaythrough", signal);
    content.src = url;
    layer.append(canvas, content);
    const show = () => {
      const { videoWidth, videoHeight } = content;
      if (!leavesRoom(videoWidth, videoHeight)) return;
      draw(content, videoWidth, videoHeight);
      keepGround(url, canvas);
    };
    const before = grounds.get(url);
    let timer = 0;
    return {
      ready: Promise.all([known, playable, first]).then(() => (before ? copy(before) : show())),
      begin(broken) {
        // A film may break off long after its first frame was decoded.
        content.addEventListener("error", () => broken(new Error(describe(content))), { signal });
        content.play().catch((error) => signal.aborted || broken(error));
        // Many films begin in black.
        if (!before) timer = setTimeout(show, GROUND_AFTER_MS);
      },
      dispose() {
        clearTimeout(timer);
        using.abort();
        content.pause();
        // Merely removed it would keep its decoder and its buffers.
        content.removeAttribute("src");
        content.load();
      },
    };
  },

  html(url, layer) {
    const content = sandbox();
    let hung = 0;
    let broken = null;
    let html = "";
    let drawn = nothing;
    let failed = nothing;
    let loads = 0;
    let answered = false;
    let left = false;
    let gone = null;
    const heard = {
      // An opaque origin has no name; nobody but the frame has this window.
      // Once for each load: the creative can say it too.
      empty: () => {
        if (!answered) content.contentWindow.postMessage(html, "*");
        answered = true;
      },
      drawn: () => drawn(),
    };
    const signs = ({ source, data }) => {
      if (source !== content.contentWindow) return;
      left = false;
      clearTimeout(hung);
      if (broken) watch();
      if (Object.hasOwn(heard, data?.type)) heard[data.type]();
    };
    const watch = () => {
      clearTimeout(hung);
      // A page that is not seen draws nothing, whatever is in it.
      hung = setTimeout(() => (document.hidden ? watch() : giveUp()), left ? LEFT_AFTER_MS : HANGS_AFTER_MS);
    };
    const giveUp = () => {
      gone = left ? new Error(`it goes elsewhere: ${url}`) : new HangsError(url);
      (broken ?? failed)(gone);
    };
    addEventListener("message", signs);
    // The frame itself, the creative in it, and then whatever that goes to: another document, or the
    // browser's word that it may not go there.
    content.addEventListener("load", () => {
      answered = false;
      if (++loads <= 2) return;
      left = true;
      watch();
    });
    // Its text, and no address: nobody could tell the browser's own error page from it.
    const ready = textOf(url).then(async (text) => {
      html = text;
      await new Promise((resolve, reject) => {
        [drawn, failed] = [resolve, reject];
        content.src = FRAME_URL;
        layer.append(content);
      });
    });
    return {
      ready,
      begin(told) {
        broken = told;
        if (gone) told(gone);
        else if (!left) watch();
      },
      dispose() {
        removeEventListener("message", signs);
        clearTimeout(hung);
        broken = null;
      },
    };
  },
};

/**
 * Begins to load a creative inside `stage`, invisible, and gives up after so many seconds.
 *
 * @returns {{element: HTMLElement, ready: Promise<void>, begin: (broken: (error: Error) => void) => void,
 *   dispose: () => void}} `ready` rejects when it cannot be shown, and otherwise says that its first
 *   frame is decoded; `begin` sets it in motion and tells if it breaks off; the caller disposes it in
 *   any case.
 */
export function load(creative, stage, patienceS) {
  const element = document.createElement("div");
  element.className = "layer";
  stage.append(element);
  const loader = loaders[creative.kind];
  const loading = loader
    ? loader(creative.url, element)
    : { ready: Promise.reject(new Error(`unknown kind ${creative.kind}`)), begin: nothing, dispose: nothing };
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not ready after ${patienceS} s: ${creative.url}`)),
      patienceS * 1000,
    );
  });
  return {
    element,
    ready: Promise.race([loading.ready, late]).finally(() => clearTimeout(timer)),
    begin: loading.begin,
    dispose() {
      loading.dispose();
      element.remove();
    },
  };
}

let warming = 0;

/** Reads creatives once so that the HTTP cache holds them while the director is away. */
export async function warm(creatives) {
  const mine = ++warming;
  if (creatives.some(({ kind }) => kind === "html")) warmFrame();
  for (const { url } of creatives) {
    // Another list has come meanwhile.
    if (mine !== warming) return;
    try {
      const response = await fetch(url);
      if (!(Number(response.headers.get("content-length")) <= WARM_MOST_BYTES)) {
        await response.body.cancel();
        continue;
      }
      const reader = response.body.getReader();
      while (!(await reader.read()).done);
    } catch {
      // Only a head start: the play itself reports what cannot be loaded.
    }
  }
}

/** The cache keeps what a frame loads apart from what a script fetches. */
function warmFrame() {
  const frame = sandbox();
  frame.hidden = true;
  frame.addEventListener("load", () => frame.remove(), { once: true });
  frame.src = FRAME_URL;
  document.body.append(frame);
}
