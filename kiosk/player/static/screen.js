/**
 * The advert player: shows what the director prepares, never cuts a play, never
 * shows a blank frame, and loops the untargeted rotation while the director is away.
 *
 * A play goes loading → ready → shown → gone. `shown` is what is on screen,
 * `next` what waits behind it; every event ends in `advance()`, which decides alone.
 */

import { cover } from "/static/cover.js";
import { dispose, load, start, warm } from "/static/creative.js";
import { isNoticeShown, showNotice } from "/static/notice.js";
import { connect } from "/static/socket.js";

const FADE_MS = 450;
// How long a finished play stays while the director may still answer.
const GRACE_S = 2;
// A local rotation in which nothing loads must not spin.
const LOCAL_RETRY_S = 2;
const IDENTIFY_S = 30;
// Whatever is asked for: a shop's screen is for what plays.
const IDENTIFY_MAX_S = 600;
// Reports that found no connection; the director restarts in seconds, so few are enough.
const UNSENT_MAX = 64;
const NOTICE_CHECK_MS = 1000;
const BEAT_MS = 2000;

const byId = (id) => document.getElementById(id);
const stage = byId("stage");
const card = byId("card");
const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
const seconds = () => performance.now() / 1000;

let rotation = [];
let rotationIndex = 0;
let shown = null;
let next = null;
// The play that is being faded in, if any.
let swapping = null;
let connected = false;
let primary = false;
let greeted = false;
let idleSince = seconds();
let localBlockedUntil = 0;
let plays = 0;
// What the director was told of the notice since it greeted us; null: nothing.
let noticeTold = null;
let wake = 0;
const unsent = [];

// ---------------------------------------------------------------- reports

function report(message) {
  if (!primary) return;
  if (greeted && socket.send(message)) return;
  unsent.push(message);
  if (unsent.length > UNSENT_MAX) unsent.shift();
}

function reportUnsent() {
  const waiting = unsent.splice(0);
  if (primary) waiting.forEach(report);
}

// ---------------------------------------------------------------- plays

function isCreative(value) {
  return Boolean(value) && typeof value.url === "string" && typeof value.kind === "string";
}

/** Replaces whatever waits; a play that waits has not been shown, so nothing is cut. */
function queue(creative, playId) {
  drop(next);
  const { element, ready } = load(creative, stage);
  const play = { creative, playId, element, ready: false, dropped: false, since: 0, seen: 0, seenFrom: 0 };
  next = play;
  ready.then(
    () => {
      if (next !== play) return;
      play.ready = true;
      advance();
    },
    (error) => fail(play, error),
  );
}

function drop(play) {
  if (!play) return;
  if (next === play) next = null;
  play.dropped = true;
  dispose(play.element);
}

/** A play that was dropped on purpose may fail too: nobody waits for it. */
function fail(play, error) {
  if (play.dropped) return;
  drop(play);
  if (play.playId) report({ type: "failed", play_id: play.playId, error: String(error?.message ?? error) });
  else skipLocal();
  advance();
}

/** What broke off on screen need not stay for its time: its last frame does until the next is there. */
function breakOff(play, error) {
  if (play.dropped || play.broken) return;
  play.broken = true;
  play.creative = { ...play.creative, duration_s: 0.001 };
  if (play.playId) report({ type: "failed", play_id: play.playId, error: String(error?.message ?? error) });
  advance();
}

function skipLocal() {
  rotationIndex++;
  localBlockedUntil = seconds() + LOCAL_RETRY_S / Math.max(1, rotation.length);
}

function queueLocal() {
  if (!rotation.length) return;
  if (rotation.length > 1 && rotation[rotationIndex % rotation.length].url === shown?.creative.url) rotationIndex++;
  queue(rotation[rotationIndex % rotation.length], null);
}

const duration = (play) => (play.creative.duration_s > 0 ? play.creative.duration_s : 5);

/** When the director's turn is over and the page may go on by itself. */
function graceEnd() {
  if (!shown) return idleSince + GRACE_S;
  const end = shown.since + duration(shown);
  return connected && shown.playId ? end + GRACE_S : end;
}

/** The only place that decides; called after every event and by its own timer. */
function advance() {
  clearTimeout(wake);
  if (swapping) return;
  const now = seconds();
  const end = shown ? shown.since + duration(shown) : now;
  const at = [];

  if (next?.ready) {
    const due = next.playId ? end : Math.max(end, graceEnd());
    if (now >= due) {
      void swap();
      return;
    }
    at.push(due);
  }
  if (!next && rotation.length) {
    const alone = rotation.length === 1 && shown && !shown.playId && shown.creative.url === rotation[0].url;
    // Local candidates load during the grace, to be ready at its end.
    const due = Math.max(shown ? end : graceEnd() - GRACE_S / 2, localBlockedUntil);
    if (!alone && now >= due) queueLocal();
    else if (!alone) at.push(due);
  }
  if (at.length) wake = setTimeout(advance, Math.max(10, (Math.min(...at) - now) * 1000));
}

/** Brings the waiting play to the front; whatever goes wrong, what is on screen stays there. */
async function swap() {
  const incoming = next;
  swapping = incoming;
  try {
    await start(incoming.element, (error) => breakOff(incoming, error));
    // Until here a newer play may have replaced it.
    if (next === incoming) {
      next = null;
      await fadeIn(incoming.element);
      replaceShown(incoming);
    }
  } catch (error) {
    fail(incoming, error);
  } finally {
    swapping = null;
    advance();
  }
}

async function fadeIn(element) {
  await nextFrame();
  await nextFrame();
  // Document order stacks the newest layer on top, so the outgoing one stays
  // opaque underneath until the very end of the fade.
  const fade = element.animate([{ opacity: 0.001 }, { opacity: 1 }], {
    duration: FADE_MS,
    easing: "ease-in-out",
  });
  element.classList.add("shown");
  await fade.finished;
  await nextFrame();
  await nextFrame();
}

/** The incoming play now covers everything: the outgoing one ends in the same instant. */
function replaceShown(incoming) {
  const outgoing = shown;
  shown = incoming;
  plays++;
  incoming.since = seconds();
  incoming.seenFrom = document.hidden ? 0 : incoming.since;
  card.classList.add("covered");
  if (outgoing) {
    countSeen(outgoing);
    dispose(outgoing.element);
    if (outgoing.playId) {
      report({ type: "ended", play_id: outgoing.playId, shown_s: Math.round(outgoing.seen * 1000) / 1000 });
    }
  }
  if (incoming.playId) report({ type: "started", play_id: incoming.playId });
  else rotationIndex++;
}

/** Adds the visible time since it was last counted: a hidden window shows nothing to anybody. */
function countSeen(play) {
  if (!play) return;
  const now = seconds();
  if (play.seenFrom) play.seen += now - play.seenFrom;
  play.seenFrom = document.hidden ? 0 : now;
}

document.addEventListener("visibilitychange", () => countSeen(shown));

// ---------------------------------------------------------------- the director

function hello(message) {
  // A director that has just begun says so when the aiming page is to stay.
  if (!greeted) cover(0);
  greeted = true;
  primary = message.primary === true;
  const fresh = Array.isArray(message.rotation) ? message.rotation.filter(isCreative) : [];
  if (JSON.stringify(fresh) !== JSON.stringify(rotation)) {
    rotation = fresh;
    rotationIndex = 0;
    if (next && !next.playId) drop(next);
    void warm(rotation);
  }
  showNotice(message.notice);
  noticeTold = null;
  tellNotice();
  reportUnsent();
  if (!shown) idleSince = seconds();
  advance();
}

function prepare(message) {
  const { play_id: playId, creative } = message;
  if (typeof playId !== "string" || !playId) return;
  if ([shown, next, swapping].some((play) => play?.playId === playId)) return;
  if (!isCreative(creative)) {
    report({ type: "failed", play_id: playId, error: "not a creative" });
    return;
  }
  queue(creative, playId);
  advance();
}

/** Says whether the notice can be seen, when that is asked for or has changed. */
function tellNotice() {
  if (!primary || !greeted) return;
  const now = isNoticeShown();
  if (now !== noticeTold && socket.send({ type: "notice", shown: now })) noticeTold = now;
}

setInterval(tellNotice, NOTICE_CHECK_MS);
document.addEventListener("visibilitychange", tellNotice);

/** Says again and again that this page still draws: without a second frame after the first, no word. */
async function beat() {
  await nextFrame();
  await nextFrame();
  if (primary && greeted) socket.send({ type: "beat" });
  setTimeout(beat, BEAT_MS);
}

let identifyTimer = 0;

/** Says for a while which screen this is; what plays goes on behind it, and the notice stands above it. */
function identify(message) {
  const parts = String(message.name ?? "").split("/");
  byId("identify-place").textContent = parts.slice(0, -1).join(" / ");
  byId("identify-name").textContent = parts.at(-1) || "?";
  byId("identify-detail").textContent = [
    `${innerWidth} × ${innerHeight}`,
    primary ? "main screen" : "mirror",
  ].join("  ·  ");
  byId("identify").hidden = false;
  clearTimeout(identifyTimer);
  const seconds = message.seconds > 0 ? Math.min(message.seconds, IDENTIFY_MAX_S) : IDENTIFY_S;
  identifyTimer = setTimeout(() => (byId("identify").hidden = true), seconds * 1000);
}

/** What plays goes on underneath, and the director counts none of it as shown. */
function aim(message) {
  cover(message.seconds);
}

const handlers = { hello, prepare, identify, aim };

const socket = connect("/screen/ws", {
  onOpen() {
    connected = true;
  },
  onClose() {
    connected = false;
    greeted = false;
    // Nobody vouches any more for who is watching: what was chosen for them is not shown.
    if (next?.playId && next !== swapping) drop(next);
    advance();
  },
  onMessage(message) {
    if (Object.hasOwn(handlers, message.type)) handlers[message.type](message);
  },
});

Object.defineProperty(window, "__kiosk", {
  value: Object.freeze({
    get current() {
      return shown && { id: shown.creative.id ?? null, kind: shown.creative.kind };
    },
    get connected() {
      return connected;
    },
    get plays() {
      return plays;
    },
  }),
});

advance();
void beat();
