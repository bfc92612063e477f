/** Creatives as page elements: load, start, dispose. Knows nothing of plays or of the director. */

const LOAD_TIMEOUT_MS = 8000;
// An iframe reports `load` before its first paint; without this pause a fade
// can begin on its still white canvas.
const FRAME_PAINT_MS = 150;
// A hidden or occluded window presents no video frames; the fade must not wait for them.
const FIRST_FRAME_TIMEOUT_MS = 1000;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves on the named event, rejects on `error`. */
function once(element, name) {
  return new Promise((resolve, reject) => {
    element.addEventListener(name, resolve, { once: true });
    element.addEventListener("error", () => reject(new Error(describe(element))), { once: true });
  });
}

function describe(element) {
  const detail = element.error?.message || element.error?.code;
  return `cannot load ${element.dataset.url}${detail ? `: ${detail}` : ""}`;
}

const loaders = {
  image(url) {
    const element = new Image();
    element.alt = "";
    element.decoding = "sync";
    element.src = url;
    // decode() rejects with a bare EncodingError whatever went wrong: name the file instead.
    const ready = element.decode().catch(() => {
      throw new Error(`cannot load or decode ${url}`);
    });
    return { element, ready };
  },

  video(url) {
    const element = document.createElement("video");
    Object.assign(element, { muted: true, loop: true, playsInline: true, preload: "auto" });
    element.disablePictureInPicture = true;
    element.dataset.url = url;
    const ready = once(element, "canplaythrough");
    element.src = url;
    return { element, ready };
  },

  html(url) {
    const element = document.createElement("iframe");
    element.setAttribute("sandbox", "allow-scripts");
    element.referrerPolicy = "no-referrer";
    element.tabIndex = -1;
    element.title = "";
    element.dataset.url = url;
    // `load` also fires for the browser's own error page, and a sandboxed frame
    // cannot be looked into: ask for the document first.
    const ready = fetch(url, { cache: "no-store" }).then(async (response) => {
      if (!response.ok) throw new Error(`cannot load ${url}: HTTP ${response.status}`);
      const loaded = once(element, "load");
      element.src = url;
      await loaded;
      await wait(FRAME_PAINT_MS);
    });
    return { element, ready };
  },
};

/**
 * Begins to load a creative inside `stage`, invisible.
 *
 * @returns {{element: HTMLElement, ready: Promise<void>}} `ready` rejects when it
 *   cannot be shown; the caller disposes the element in either case.
 */
export function load(creative, stage) {
  const loader = loaders[creative.kind];
  if (!loader) {
    const element = document.createElement("div");
    return { element, ready: Promise.reject(new Error(`unknown kind ${creative.kind}`)) };
  }
  const { element, ready } = loader(creative.url);
  element.classList.add("layer");
  stage.append(element);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not ready after ${LOAD_TIMEOUT_MS / 1000} s: ${creative.url}`)),
      LOAD_TIMEOUT_MS,
    );
  });
  return { element, ready: Promise.race([ready, late]).finally(() => clearTimeout(timer)) };
}

/** Sets a loaded creative in motion; resolves once it has a frame to show, tells if it breaks off. */
export async function start(element, broken) {
  if (!(element instanceof HTMLVideoElement)) return;
  // A film may break off long after its first frame was decoded.
  element.addEventListener("error", () => broken(element.error ?? new Error("it broke off")));
  const frame = element.requestVideoFrameCallback
    ? new Promise((resolve) => element.requestVideoFrameCallback(resolve))
    : once(element, "timeupdate");
  await element.play();
  await Promise.race([frame, wait(FIRST_FRAME_TIMEOUT_MS)]);
}

/** Removes the element and lets go of its decoder: a video merely removed keeps its buffers. */
export function dispose(element) {
  if (element instanceof HTMLVideoElement) {
    element.pause();
    element.removeAttribute("src");
    element.load();
  } else if (element instanceof HTMLIFrameElement) {
    element.src = "about:blank";
  } else if (element instanceof HTMLImageElement) {
    element.removeAttribute("src");
  }
  element.remove();
}

/**
 * Reads creatives once so that the HTTP cache holds them while the director is away.
 * HTML is left out: its frame is fetched under a cache key of its own.
 */
export async function warm(creatives) {
  for (const { kind, url } of creatives) {
    if (kind === "html") continue;
    try {
      const response = await fetch(url);
      const reader = response.body.getReader();
      while (!(await reader.read()).done);
    } catch {
      // Only a head start: the play itself reports what cannot be loaded.
    }
  }
}
