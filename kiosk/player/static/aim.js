/** The aiming page: where faces are, how far and how surely they are seen. No pictures of people. */

import { byId, clamp, el, isNumber, list, number, percent, record, svg, sync, text } from "/static/dom.js";
import { beginAnew, check } from "/static/checks.js";
import { connect } from "/static/socket.js";

// On the screen itself people expect a mirror; on a laptop, what zones are written in.
const MIRROR = new URLSearchParams(location.search).has("mirror");
// The director pushes four times a second; three seconds without one is not jitter.
const SILENCE_MS = 3000;
const CARDS = 3;

// The first that holds is said: there is room for one.
const HINTS = {
  picture: "Taken for a picture: not counted until it moves.",
  edge: "Too near the edge: part of the face may be cut off.",
  limit: "Almost too far: a step back, and it is passed over.",
  small: "Too far for a sure age, gender and mood.",
};

const known = (value) => (typeof value === "string" && value !== "unknown" ? value.replace("-", "–") : null);

/** Faces as they are drawn, from left to right. */
function drawn(state) {
  const hasBox = ({ box }) => Array.isArray(box) && box.length === 4 && box.every(isNumber);
  return list(state.faces)
    .filter(hasBox)
    .map((face) => {
      const [x, y, w, h] = face.box;
      return { ...face, hints: Array.isArray(face.hints) ? face.hints : [], x: MIRROR ? 1 - x - w : x, y, w, h };
    })
    .sort((a, b) => a.x + a.w / 2 - b.x - b.w / 2);
}

const kindOf = ({ seen, looking, hints }) =>
  hints.includes("picture") ? "picture" : !seen ? "lost" : looking ? "looking" : "away";

// ---------------------------------------------------------------- the field

function showField(state, faces) {
  const camera = record(state.camera);
  if (camera.width_px > 0 && camera.height_px > 0) document.body.style.setProperty("--ratio", camera.width_px / camera.height_px);
  sync(
    byId("boxes"),
    faces,
    (face) => face.id,
    () => svg("rect"),
    (box, face) => {
      const places = { x: face.x * 1600, y: face.y * 900, width: face.w * 1600, height: face.h * 900 };
      for (const [name, value] of Object.entries(places)) box.setAttribute(name, value.toFixed(1));
      box.dataset.kind = kindOf(face);
    },
  );
  sync(
    byId("labels"),
    faces,
    (face) => face.id,
    () => el("span", "label"),
    (label, face) => {
      text(label, number(face.distance_m, 1, "m"));
      label.dataset.kind = kindOf(face);
      // Beneath the box, else above it, else in it.
      const below = face.y + face.h < 0.86;
      label.classList.toggle("above", !below && face.y > 0.14);
      label.style.left = `clamp(2.5em, ${((face.x + face.w / 2) * 100).toFixed(2)}%, 100% - 2.5em)`;
      label.style.top = `${clamp(below ? face.y + face.h : face.y) * 100}%`;
    },
  );
}

function showZones(state) {
  const zones = list(state.zones).filter(({ polygon }) => Array.isArray(polygon));
  const corners = ({ polygon }) => polygon.map(([x, y]) => [MIRROR ? 1 - x : x, y]);
  sync(
    byId("zones"),
    zones,
    (zone) => zone.name,
    () => svg("polygon"),
    (shape, zone) => shape.setAttribute("points", corners(zone).map(([x, y]) => `${x * 1600},${y * 900}`).join(" ")),
  );
  sync(
    byId("names"),
    zones,
    (zone) => zone.name,
    () => el("span", "zone"),
    (name, zone) => {
      const places = corners(zone);
      text(name, `ignored: ${zone.name}`);
      name.style.left = `${Math.min(...places.map(([x]) => x)) * 100}%`;
      name.style.top = `${Math.min(...places.map(([, y]) => y)) * 100}%`;
    },
  );
}

// ---------------------------------------------------------------- who is seen

function card() {
  const bars = ["age", "gender", "mood"].map((name) =>
    el("div", "estimate", null, el("dt", "", name), el("dd", "word"), el("dd", "sure"), el("dd", "meter", null, el("i"))),
  );
  return el(
    "article",
    "",
    null,
    el("div", "figures", null, el("strong"), el("span", "gaze"), el("span", "width")),
    el("dl", "", null, ...bars),
    el("p", "hint"),
  );
}

function showCard(article, face, state) {
  const [figures, bars, hint] = article.children;
  const least = record(state.camera).min_face_px;
  article.dataset.kind = kindOf(face);
  text(figures.children[0], number(face.distance_m, 1, "m"));
  text(figures.children[1], { picture: "a picture", lost: "lost from sight", looking: "looking", away: "not looking" }[kindOf(face)]);
  text(figures.children[2], `face ${number(face.width_px)} px wide (least ${number(least)})`);
  ["age", "gender", "mood"].forEach((name, index) => {
    const row = bars.children[index];
    const [, word, sure, meter] = row.children;
    const [value, p] = [known(face[name]), face[`${name}_p`]];
    const estimated = Array.isArray(state.estimated) && state.estimated.includes(name);
    row.classList.toggle("unsure", !value);
    text(word, !estimated ? "not estimated" : (value ?? "unsure"));
    text(sure, estimated ? percent(p) : "");
    meter.firstChild.style.width = `${estimated && isNumber(p) ? clamp(p) * 100 : 0}%`;
  });
  text(hint, HINTS[Object.keys(HINTS).find((name) => face.hints.includes(name))] ?? "");
}

function showPeople(state, faces) {
  const nearest = [...faces].sort((a, b) => b.w - a.w).slice(0, CARDS);
  sync(
    byId("people"),
    faces.filter((face) => nearest.includes(face)),
    (face) => face.id,
    card,
    (article, face) => showCard(article, face, state),
  );
}

// ---------------------------------------------------------------- in a sentence

function sentence(state, faces) {
  const silent = performance.now() - heardAt;
  if (!linked || silent > SILENCE_MS) return ["bad", "The director does not answer", "It is started again by itself; this page waits for it."];
  if (!latest) return ["", "Waiting for the first figures", ""];
  if (state.aiming !== true) return ["", "Nothing is shown now", "`kiosk aim` on the device shows for some minutes whom the camera sees."];
  if (state.rest === "off hours") return ["warn", "Off hours: the camera is closed", "Aim it outside of vision.off_hours, or empty that list meanwhile."];
  if (state.vision === "absent") return ["bad", "No camera process is running", "`systemctl status kiosk-vision` says why; `kiosk doctor` looks at the camera."];
  if (state.vision !== "live") {
    const since = isNumber(state.age_s) ? ` for ${number(state.age_s, 0, "s")}` : "";
    return ["bad", `The camera gives no picture${since}`, "Is it plugged in? It is opened again by itself."];
  }
  if (state.dark === true) return ["bad", "The picture is black", "Is a cap on the lens, a shutter closed, or the light off?"];
  if (!faces.length) return ["", "Nobody is seen", "Stand two big steps in front of the screen, and look at it."];
  return null;
}

function showSentence(state, faces) {
  const said = sentence(state, faces);
  byId("say").hidden = !said;
  const [tone, title, rest] = said ?? ["", "", ""];
  byId("say").dataset.tone = tone;
  text(byId("say-title"), title);
  text(byId("say-text"), rest);
}

function showFacts(state) {
  const camera = record(state.camera);
  const left = Math.ceil(isNumber(state.left_s) ? state.left_s : 0);
  text(byId("rate"), isNumber(state.fps) ? `${number(state.fps, 0)} frames per second` : "");
  text(byId("left"), state.aiming ? `ends in ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "");
  text(byId("side"), MIRROR ? "As in a mirror. Boxes only: nobody sees a picture." : "As the camera sees it. Boxes only: nobody sees a picture.");
  text(
    byId("facts"),
    isNumber(camera.farthest_m)
      ? `Faces count up to ${number(camera.farthest_m, 1, "m")}. That and the distances hold for a lens of ${number(camera.fov_deg, 0)}° and a picture ${number(camera.width_px)} px wide, as configured.`
      : "",
  );
}

// ---------------------------------------------------------------- connection

let latest = null;
let heardAt = performance.now();
let linked = false;

function refresh() {
  const lost = !linked || performance.now() - heardAt > SILENCE_MS;
  // Boxes that are no longer live must not look live.
  const state = lost ? {} : (latest ?? {});
  const faces = drawn(state);
  showField(state, faces);
  showZones(state);
  showPeople(state, faces);
  showSentence(state, faces);
  showFacts(state);
}

connect("/aim/ws", {
  onOpen() {
    linked = true;
    heardAt = performance.now();
    refresh();
  },
  onClose() {
    linked = false;
    refresh();
  },
  onMessage(state) {
    if (state.aiming === true && latest?.aiming === false) beginAnew();
    latest = state;
    heardAt = performance.now();
    check(drawn(state));
    refresh();
  },
});

setInterval(refresh, 500);
refresh();
