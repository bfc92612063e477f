/** The operator's page: who is there, what plays and why, this hour, health. No pictures of people. */

import { byId, clamp, clock, el, isNumber, list, number, percent, record, svg, sync, text } from "/static/dom.js";
import { ageRows, moodRows, showBars, whole } from "/static/bars.js";
import { showToday } from "/static/today.js";
import { connect } from "/static/socket.js";

// The director pushes four times a second; three seconds without one is not jitter.
const SILENCE_MS = 3000;
const REASONS_SHOWN = 6;
const RECENT_SHOWN = 5;
const LEFT_OUT_SHOWN = 12;

const band = (value) => (typeof value === "string" && value !== "unknown" ? value.replace("-", "–") : null);
const known = (value) => (typeof value === "string" && value !== "unknown" ? value : null);
const spoken = (id) => (typeof id === "string" && id ? id.replaceAll("-", " ") : "–");

// ---------------------------------------------------------------- health

const VISION = {
  live: ["good", "Live"],
  stale: ["warn", "Stale"],
  absent: ["bad", "Absent"],
};

function healthItems(state) {
  const vision = record(state.vision);
  const screen = record(state.screen);
  const outbox = record(state.outbox);
  const off = state.rest === "off hours";
  const [tone, word] = off ? ["warn", "Off hours"] : (VISION[vision.state] ?? ["", "Unknown"]);
  const screens = isNumber(screen.connected) ? screen.connected : screen.connected ? 1 : 0;
  const presented = screen.presented === true;
  const screenWord = !screens ? "Not connected" : presented ? "Presenting" : "Connected";
  return [
    { name: "Camera", value: word, tone, note: off ? "closed" : vision.message || vision.source || "" },
    { name: "Frame rate", value: number(vision.fps, 1, "fps"), note: isNumber(vision.frames) ? `${number(vision.frames)} frames` : "" },
    { name: "Inference", value: number(vision.inference_ms, 1, "ms"), note: vision.device ? `per frame, ${vision.device}` : "" },
    { name: "Screen", value: screenWord, tone: !screens ? "bad" : presented ? "good" : "warn", note: screens > 1 ? `${screens} pages` : "" },
    { name: "Notice", value: screen.notice === true ? "Shown" : "Not confirmed", tone: screen.notice === true ? "good" : "", note: "on the screen" },
    { name: "Outbox", value: number(outbox.waiting), note: isNumber(outbox.at_broker) ? `waiting, ${number(outbox.at_broker)} at the broker` : "waiting" },
  ];
}

function showHealth(state) {
  sync(
    byId("health"),
    healthItems(state),
    (item) => item.name,
    (item) => el("div", "", null, el("dt", "", item.name), el("dd", "value"), el("dd", "note muted")),
    (row, { value, tone = "", note = "" }) => {
      row.dataset.tone = tone;
      text(row.children[1], value);
      text(row.children[2], note);
      row.children[2].title = note;
    },
  );
}

// ---------------------------------------------------------------- audience

function describe(viewer) {
  return [band(viewer.age_band), known(viewer.gender)].filter(Boolean).join(", ") || "Unknown";
}

function hasBox(viewer) {
  return Array.isArray(viewer.box) && viewer.box.length === 4 && viewer.box.every(isNumber);
}

const keyOf = (viewer) => viewer.id ?? "?";

function showView(viewers) {
  const boxed = viewers.filter(hasBox);
  sync(
    byId("boxes"),
    boxed,
    keyOf,
    () => {
      const group = svg("g");
      group.append(svg("rect", { rx: 14 }), svg("path", { class: "gaze" }));
      return group;
    },
    (group, { box: [x, y, w, h], looking }) => {
      group.setAttribute("class", looking ? "face looking" : "face");
      const [left, top, width, height] = [x * 1600, y * 900, w * 1600, h * 900];
      const [rect, gaze] = group.children;
      for (const [name, value] of Object.entries({ x: left, y: top, width, height })) rect.setAttribute(name, value.toFixed(1));
      const cx = left + width / 2;
      const cy = top + height * 0.42;
      const eye = Math.max(26, width * 0.2);
      const lid = eye * 0.62;
      gaze.setAttribute(
        "d",
        `M${cx - eye} ${cy}Q${cx} ${cy - lid * 2} ${cx + eye} ${cy}Q${cx} ${cy + lid * 2} ${cx - eye} ${cy}z` +
          `M${cx - lid / 2} ${cy}a${lid / 2} ${lid / 2} 0 1 0 ${lid} 0a${lid / 2} ${lid / 2} 0 1 0 ${-lid} 0z`,
      );
    },
  );
  sync(
    byId("labels"),
    boxed,
    keyOf,
    () => el("span", "label", null, el("span"), el("span", "mood")),
    (label, viewer) => {
      const [x, y, w, h] = viewer.box;
      text(label.children[0], describe(viewer));
      text(label.children[1], known(viewer.mood) ? ` · ${viewer.mood}` : "");
      label.classList.toggle("looking", Boolean(viewer.looking));
      const below = y + h < 0.88;
      label.style.left = `clamp(6.5em, ${((x + w / 2) * 100).toFixed(2)}%, 100% - 6.5em)`;
      label.style.top = `${clamp(below ? y + h : y) * 100}%`;
      label.classList.toggle("above", !below);
    },
  );
}

function viewerCard() {
  const rows = ["Age", "Gender", "Mood"].map((name) =>
    el("div", "attribute", null, el("dt", "", name), el("dd"), el("dd", "muted"), el("dd", "meter", null, el("i"))),
  );
  return el(
    "article",
    "viewer",
    null,
    el("header", "", null, el("strong"), el("span", "tag")),
    el("dl", "", null, ...rows),
    el("p", "times", null, el("span"), el("span", "muted")),
    el("p", "minor", "Possibly under 18: all-ages adverts only"),
  );
}

function showCard(card, viewer) {
  const [head, attributes, times, minor] = card.children;
  text(head.children[0], describe(viewer));
  text(head.children[1], viewer.looking ? "Looking" : "Facing away");
  head.children[1].dataset.tone = viewer.looking ? "good" : "";
  const values = [
    [band(viewer.age_band), viewer.age_band_p],
    [known(viewer.gender), viewer.gender_p],
    [known(viewer.mood), viewer.mood_p],
  ];
  values.forEach(([value, p], index) => {
    const [, shown, confidence, meter] = attributes.children[index].children;
    text(shown, value ?? "unknown");
    shown.classList.toggle("muted", !value);
    text(confidence, value ? percent(p) : "");
    meter.firstChild.style.width = `${value && isNumber(p) ? clamp(p) * 100 : 0}%`;
  });
  text(times.children[0], `${number(viewer.dwell_s, 1, "s")} in view`);
  text(times.children[1], `${number(viewer.attention_s, 1, "s")} attention`);
  minor.hidden = viewer.minor_possible !== true;
}

const EMPTY_VIEW = {
  live: ["Nobody in view", "The untargeted rotation is playing."],
  stale: ["The camera has gone quiet", "The untargeted rotation plays until it is back."],
  absent: ["No camera", "The untargeted rotation is playing."],
};

function showAudience(state) {
  const vision = record(state.vision).state;
  const viewers = list(state.viewers);
  text(byId("audience-count"), viewers.length ? `${viewers.length} ${viewers.length === 1 ? "viewer" : "viewers"}` : "");
  showView(viewers);
  const empty = byId("view-empty");
  empty.hidden = viewers.length > 0;
  const [title, sentence] = EMPTY_VIEW[vision] ?? ["Waiting for the camera", ""];
  text(byId("view-empty-title"), title);
  text(byId("view-empty-text"), sentence);
  byId("view").dataset.vision = vision ?? "";
  byId("viewers-empty").hidden = viewers.length > 0;
  sync(byId("viewers"), viewers, keyOf, viewerCard, showCard);
}

// ---------------------------------------------------------------- plays

function preview(play) {
  // Only the director's own media: a path, never another host.
  const url = typeof play.url === "string" && /^\/(?!\/)/.test(play.url) ? play.url : null;
  if (!url) return el("p", "empty", "No preview");
  if (play.kind === "video") {
    const video = el("video");
    Object.assign(video, { muted: true, playsInline: true, preload: "metadata", src: `${url}#t=1` });
    return video;
  }
  if (play.kind === "html") {
    const frame = el("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    Object.assign(frame, { src: url, title: "Preview", tabIndex: -1 });
    return frame;
  }
  const image = el("img");
  Object.assign(image, { src: url, alt: "" });
  image.onerror = () => image.replaceWith(el("p", "empty", "No preview"));
  return image;
}

function showPlay(state) {
  const play = record(state.play);
  const playing = play.id !== undefined && play.id !== null;
  const presented = record(state.screen).presented;
  const tag = byId("play-state");
  text(tag, !playing ? "Idle" : presented === false ? "Not presented" : "Playing");
  tag.dataset.tone = !playing ? "" : presented === false ? "warn" : "good";

  const thumb = byId("thumb");
  const shown = playing ? `${play.kind} ${play.url}` : "";
  if (thumb.dataset.shown !== shown) {
    thumb.dataset.shown = shown;
    thumb.querySelectorAll("video").forEach((video) => {
      video.removeAttribute("src");
      video.load();
    });
    thumb.replaceChildren(playing ? preview(play) : el("p", "empty", "Nothing is playing"));
  }

  const share = isNumber(play.elapsed_s) && play.duration_s > 0 ? clamp(play.elapsed_s / play.duration_s) : 0;
  const progress = byId("progress");
  progress.classList.toggle("restart", progress.dataset.play !== String(play.id));
  progress.dataset.play = String(play.id);
  progress.firstChild.style.transform = `scaleX(${share})`;
  progress.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  text(byId("play-name"), playing ? spoken(play.creative) : "");
  text(byId("play-time"), playing ? `${number(play.elapsed_s, 1)} of ${number(play.duration_s, 0, "s")}` : "");
  text(byId("play-reason"), play.reason ?? "");
  text(byId("play-explanation"), play.explanation ?? "");
}

function showLeftOut(state) {
  const leftOut = list(state.left_out);
  const more = leftOut.length - LEFT_OUT_SHOWN;
  byId("left-out-panel").hidden = !leftOut.length;
  sync(
    byId("left-out"),
    more > 0 ? [...leftOut.slice(0, LEFT_OUT_SHOWN), { creative: "", why: `and ${more} more` }] : leftOut,
    (entry) => String(entry.creative),
    () => el("li", "", null, el("strong"), el("span", "muted")),
    (item, entry) => {
      text(item.children[0], entry.creative);
      text(item.children[1], entry.why);
    },
  );
}

function showRecent(state) {
  const recent = list(state.recent).slice(0, RECENT_SHOWN);
  byId("recent-empty").hidden = recent.length > 0;
  sync(
    byId("recent"),
    recent,
    (entry) => `${entry.t} ${entry.creative}`,
    () => el("li", "", null, el("time", "muted"), el("div", "", null, el("strong"), el("span", "muted"))),
    (row, entry) => {
      text(row.children[0], clock(entry.t) || entry.t || "");
      text(row.children[1].children[0], spoken(entry.creative));
      text(row.children[1].children[1], entry.reason ?? "");
    },
  );
}

// ---------------------------------------------------------------- this hour

function showHour(state) {
  const counts = record(state.counts);
  const since = state.clock_known === false ? "its time waits until the clock is set" : `since ${clock(counts.hour, false)} UTC`;
  text(byId("hour-from"), state.rest === "staff hours" ? "staff hours: nobody is counted" : counts.hour ? since : "");
  const totals = [
    ["Passes", counts.passes, "faces that crossed the view"],
    ["Opportunities to see", counts.ots, "passes long enough to notice the screen"],
    ["Watchers", counts.watchers, "of those, who faced it"],
  ];
  sync(
    byId("totals"),
    totals,
    ([name]) => name,
    ([name, , meaning]) => el("div", "", null, el("dt", "", name), el("dd", "value"), el("dd", "note muted", meaning)),
    (item, [, value]) => text(item.children[1], number(value)),
  );

  showBars(byId("ages"), ageRows(counts.age_gender), "Nobody counted yet: a pass is counted when it ends");
  showBars(byId("moods"), moodRows(counts.mood), "No mood counted this hour");

  const reasons = Object.entries(record(counts.plays_by_reason))
    .map(([name, value]) => ({ name, parts: [["plays", whole(value)]], total: whole(value) }))
    .sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
  showBars(byId("reasons"), reasons.slice(0, REASONS_SHOWN), "No play has ended this hour");
}

// ---------------------------------------------------------------- connection

let latest = null;
let heardAt = 0;
let linked = false;

function bannerFor() {
  if (!latest && !linked) return ["waiting", "Connecting to the director.", ""];
  if (!latest) return ["waiting", "Connected.", "Waiting for the first figures."];
  const silent = performance.now() - heardAt;
  if (!linked) return ["lost", "Connection to the director lost.", "Reconnecting. What is below is the last that was heard."];
  if (silent > SILENCE_MS) return ["lost", "The director has gone quiet.", `No figures for ${Math.floor(silent / 1000)} s.`];
  const vision = record(latest.vision);
  const reason = vision.message ? ` ${vision.message}` : "";
  if (vision.state === "stale") {
    const age = isNumber(vision.age_s) ? ` for ${number(vision.age_s, 0, "s")}` : "";
    return ["stale", `No audience from the camera${age}.`, `The untargeted rotation plays until it is back.${reason}`];
  }
  if (vision.state === "absent") return ["absent", "No vision process.", `The untargeted rotation plays until one starts.${reason}`];
  return ["live", "", ""];
}

function showLink() {
  const [link, title, sentence] = bannerFor();
  document.body.dataset.link = link;
  byId("banner").hidden = !title;
  text(byId("banner-title"), title);
  text(byId("banner-text"), sentence);
}

function show(state) {
  latest = state;
  heardAt = performance.now();
  text(byId("device"), state.device ?? "–");
  text(byId("version"), state.version ?? "");
  text(byId("time"), clock(state.t) ? `${clock(state.t)} UTC` : "");
  document.title = state.device ? `${state.device} · kiosk` : "kiosk";
  for (const part of [showHealth, showAudience, showPlay, showLeftOut, showRecent, showHour, showToday]) part(state);
  showLink();
}

connect("/operator/ws", {
  onOpen() {
    linked = true;
    heardAt = performance.now();
    showLink();
  },
  onClose() {
    linked = false;
    showLink();
  },
  onMessage: show,
});

setInterval(showLink, 500);
for (const part of [showHealth, showAudience, showPlay, showLeftOut, showRecent, showHour, showToday]) part({});
showLink();
