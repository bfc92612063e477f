/**
 * The advert player: shows what the director prepares, never cuts a play, never
 * shows a blank frame, and loops the untargeted rotation while the director is away.
 *
 * A play goes loading → ready → shown → gone. `shown` is what is on screen,
 * `next` what waits behind it; every event ends in `advance()`, which decides alone.
 */

import { cover } from "/static/cover.js";
import { HangsError, load, warm } from "/static/creative.js";
import { isNoticeShown, showNotice } from "/static/notice.js";
import { connect } from "/static/socket.js";

const TRANSITION_MAX_MS = 2000;
// Of the first frame of a fade: it counts as presented, so it has to be seen.
const FIRST_OPACITY = 0.12;
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
// Between two beats that come when they should; whoever draws no frame for longer shows nothing.
const SEEN_MAX_S = 3;
// A play that is long over gives way to the card: what it was booked for may be over too.
const OVERDUE_S = 20;
// A swap is begun so much earlier that its first frame comes when it is due: as the fastest of the
// last ones took, and less than the director allows a play to be short of its time.
const HEAD_START_MAX_S = 0.1;
const SWAPS_LEAST = 3;
const SWAPS_KEPT = 8;

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
let transitionMs = 0;
let patienceS = 8;
// What the director was told of the notice since it greeted us; null: nothing.
let noticeTold = null;
const tookS = [];
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
  const layer = load(creative, stage, patienceS);
  const play = { creative, playId, layer, ready: false, dropped: false, since: 0, seen: 0, seenFrom: 0 };
  next = play;
  layer.ready.then(
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
  play.layer.dispose();
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
  if (error instanceof HangsError && play === shown) {
    unhang(play, error);
    return;
  }
  play.creative = { ...play.creative, duration_s: play.since ? Math.max(0.001, seconds() - play.since) : 0.001 };
  if (play.playId) report({ type: "failed", play_id: play.playId, error: String(error?.message ?? error) });
  advance();
}

/** HTML creatives share a process: all that are in it go, or the next one would hang with them. */
function unhang(play, error) {
  const waiting = next?.creative.kind === "html" ? next : null;
  const culprit = waiting && !waiting.ready ? waiting : play;
  if (culprit.playId) report({ type: "failed", play_id: culprit.playId, error: error.message });
  else skipLocal();
  retire();
  if (!waiting) return;
  drop(waiting);
  if (waiting !== culprit) queue(waiting.creative, waiting.playId);
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

const headStartS = () =>
  shown && !shown.broken && tookS.length >= SWAPS_LEAST ? Math.min(HEAD_START_MAX_S, ...tookS) : 0;

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
    const due = (next.playId ? end : Math.max(end, graceEnd())) - headStartS();
    if (now >= due) {
      void swap();
      return;
    }
    at.push(due);
  }
  const alone = rotation.length === 1 && shown && !shown.playId && shown.creative.url === rotation[0].url;
  if (!next && rotation.length && !alone) {
    // Local candidates load during the grace, to be ready at its end.
    const due = Math.max(shown ? end : graceEnd() - GRACE_S / 2, localBlockedUntil);
    if (now >= due) queueLocal();
    else at.push(due);
  }
  if (shown && !alone) {
    if (now >= end + OVERDUE_S) retire();
    else at.push(end + OVERDUE_S);
  }
  if (at.length) wake = setTimeout(advance, Math.max(1, (Math.min(...at) - now) * 1000));
}

/** Brings the waiting play to the front; whatever goes wrong, what is on screen stays there. */
async function swap() {
  const incoming = next;
  const outgoing = shown;
  swapping = incoming;
  next = null;
  const beganS = seconds();
  incoming.layer.begin((error) => breakOff(incoming, error));
  const shownWhole = reveal(incoming.layer.element);
  // The first of these frames draws it, the second one begins when that is on its way to the screen.
  await nextFrame();
  await nextFrame();
  takeOver(incoming);
  tookS.push(seconds() - beganS);
  if (tookS.length > SWAPS_KEPT) tookS.shift();
  await shownWhole;
  if (shown === incoming) card.classList.add("covered");
  if (outgoing) drop(outgoing);
  swapping = null;
  advance();
}

/** Resolves when a layer hides all that is below; document order puts the newest on top. */
async function reveal(element) {
  element.classList.add("shown");
  if (transitionMs > 0) {
    const fade = element.animate([{ opacity: FIRST_OPACITY }, { opacity: 1 }], { duration: transitionMs });
    // One that was cancelled is over, too: whoever waited for it for ever would show nothing else.
    await fade.finished.catch(() => {});
  }
  // What is below stays opaque until the frame that covers it has been drawn.
  await nextFrame();
  await nextFrame();
}

/** The first frame is presented: the play begins, and with it ends the one before. */
function takeOver(incoming) {
  const outgoing = shown;
  shown = incoming;
  plays++;
  incoming.since = seconds();
  incoming.seenFrom = document.hidden ? 0 : incoming.since;
  if (outgoing) tellEnd(outgoing);
  if (incoming.playId) report({ type: "started", play_id: incoming.playId });
  else rotationIndex++;
}

/** Nothing came after it for long: the card stands there until something does. */
function retire() {
  const outgoing = shown;
  shown = null;
  idleSince = seconds();
  card.classList.remove("covered");
  tellEnd(outgoing);
  drop(outgoing);
  advance();
}

function tellEnd(play) {
  countSeen(play);
  if (play.playId) {
    report({ type: "ended", play_id: play.playId, shown_s: Math.round(play.seen * 1000) / 1000 });
  }
}

/** Adds the time since it was last counted, as far as frames were drawn: nobody sees a hidden window. */
function countSeen(play) {
  if (!play) return;
  const now = seconds();
  if (play.seenFrom) play.seen += Math.min(now - play.seenFrom, SEEN_MAX_S);
  play.seenFrom = document.hidden ? 0 : now;
}

/** Whether anybody can see the page: while nobody can, the director counts nothing as shown. */
function tellSight() {
  if (primary && greeted) socket.send({ type: "visible", shown: !document.hidden });
}

document.addEventListener("visibilitychange", () => {
  countSeen(shown);
  tellSight();
});

// ---------------------------------------------------------------- the director

function hello(message) {
  const again = greeted;
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
  transitionMs = Math.min(Math.max(0, Number(message.transition_ms) || 0), TRANSITION_MAX_MS);
  if (message.load_timeout_s > 0) patienceS = message.load_timeout_s;
  if (document.hidden) tellSight();
  showNotice(message.notice);
  noticeTold = null;
  tellNotice();
  reportUnsent();
  // A rotation that changes again and again must not put off the page's own plays for ever.
  if (!shown && !again) idleSince = seconds();
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
  countSeen(shown);
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

const MAIN = new URLSearchParams(location.search).has("main");

const socket = connect(MAIN ? "/screen/ws?main" : "/screen/ws", {
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
