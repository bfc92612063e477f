/**
 * Holds one HTML creative, in the sandbox and on the thread that it runs on: as long as frames are
 * drawn here, they are drawn there, and when the creative hangs, nothing is said from here either.
 */

"use strict";

const SIGN_MS = 500;

const url = decodeURIComponent(location.hash.slice(1));

function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

function say(type) {
  // The page above knows this window by its identity; an opaque origin has no other name for it.
  parent.postMessage({ type }, "*");
}

async function goOn() {
  await nextFrame();
  say("alive");
  setTimeout(goOn, SIGN_MS);
}

async function begin() {
  // Frames are drawn after everything that the creative's own load listeners do.
  await nextFrame();
  await nextFrame();
  say("drawn");
  await goOn();
}

if (url.startsWith("/media/")) {
  const creative = document.createElement("iframe");
  creative.setAttribute("sandbox", "allow-scripts");
  creative.setAttribute("allow", "");
  creative.referrerPolicy = "no-referrer";
  creative.tabIndex = -1;
  // A creative that goes elsewhere is loaded again; it begins once.
  creative.addEventListener("load", begin, { once: true });
  creative.src = url;
  document.body.append(creative);
}
