/** What was answered: a card for each face, the adverts, and what is left out by which rule. */

import { byId, clamp, el, isNumber, kindOf, known, percent, spoken } from "/static/dom.js";

const LOOKS = { looking: ["Looking", "good"], away: ["Facing away", ""], small: ["Too small", "warn"] };
const RUNNERS_UP = 2;
const WAITING = byId("faces-empty").textContent;
const NO_FACE = "No face is found. Come nearer, face the camera, and mind the light: it should fall on the face, not come from behind it.";

export function showAnswer(answer, camera) {
  byId("photo-size").textContent = answer ? `${answer.width_px} by ${answer.height_px} pixels` : "";
  const faces = answer?.faces ?? [];
  byId("faces").replaceChildren(...faces.map((face) => faceCard(face, answer, camera)));
  const empty = byId("faces-empty");
  empty.hidden = faces.length > 0;
  empty.textContent = answer ? NO_FACE : WAITING;
  const notes = answer?.notes ?? [];
  byId("notes").hidden = !notes.length;
  byId("notes").replaceChildren(...notes.map((note) => el("li", "", note)));
  showAdverts(answer);
  showLeftOut(answer);
}

// ---------------------------------------------------------------- faces

function faceCard(face, answer, camera) {
  const kind = kindOf(face);
  const [word, tone] = LOOKS[kind];
  const tag = el("span", "tag", word);
  tag.dataset.tone = tone;
  const who = [known(face.age_band), known(face.gender)].filter(Boolean).join(", ");
  const number = el("span", "number", String(face.number));
  const title = el("strong", "", who || (kind === "small" ? "Not looked at" : answer.estimated.length ? "Unknown" : "A face"));
  const card = el("li", "face", null, el("header", "", null, number, title, tag));
  card.dataset.kind = kind;
  if (kind !== "small" && answer.estimated.length) card.append(attributes(face, answer.estimated));
  card.append(size(face, answer, camera));
  if (face.minor_possible) {
    const why = answer.estimated.includes("age") ? "Possibly under 18" : "Age is not estimated";
    card.append(el("p", "minor", `${why}: nobody is targeted`));
  }
  return card;
}

function attributes(face, estimated) {
  const rows = el("dl");
  if (estimated.includes("age")) {
    const years = face.years;
    const told = years ? `about ${Math.round(years.mean)} years, likely ${years.low} to ${years.high}` : "";
    rows.append(attribute("Age", face.age_band, face.age_p, spread(face.ages), told));
  }
  if (estimated.includes("gender")) rows.append(attribute("Gender", face.gender, face.gender_p, meter(face.gender_p), others(face.genders)));
  if (estimated.includes("mood")) rows.append(attribute("Mood", face.mood, face.mood_p, meter(face.mood_p), others(face.moods)));
  return rows;
}

function attribute(name, value, p, drawn, second) {
  const shown = el("dd", known(value) ? "" : "muted", known(value) ?? "unknown");
  const sure = el("dd", "muted", percent(p));
  const row = el("div", "attribute", null, el("dt", "", name), shown, sure, drawn);
  if (second) row.append(el("dd", "second", second));
  return row;
}

function meter(p) {
  const bar = el("i");
  bar.style.width = `${isNumber(p) ? clamp(p) * 100 : 0}%`;
  const track = el("dd", "meter", null, bar);
  track.setAttribute("aria-hidden", "true");
  return track;
}

/** The probability of each age band, side by side: doubt has a shape. */
function spread(ages) {
  const entries = Object.entries(ages ?? {});
  const most = Math.max(0.01, ...entries.map(([, p]) => p));
  const chart = el("dd", "spread");
  chart.setAttribute("aria-hidden", "true");
  for (const [band, p] of entries) {
    const bar = el("i");
    bar.style.height = `${Math.max(10, (p / most) * 100)}%`;
    bar.title = `${known(band) ?? band}: ${percent(p)}`;
    if (p === most) bar.dataset.best = "";
    chart.append(bar);
  }
  return chart;
}

/** What else it may be. */
function others(labels) {
  const sorted = Object.entries(labels ?? {}).sort((a, b) => b[1] - a[1]);
  const rest = sorted.slice(1, 1 + RUNNERS_UP).filter(([, p]) => p >= 0.005);
  return rest.length ? `else ${rest.map(([name, p]) => `${name} ${percent(p)}`).join(", ")}` : "";
}

/** For whoever aims a camera: is the face large enough? */
function size(face, answer, camera) {
  const least = answer.min_face_px;
  const tag = el("span", "tag", face.large_enough ? "Large enough" : `Least ${least} px`);
  tag.dataset.tone = face.large_enough ? "good" : "warn";
  const row = el("p", "size", null, el("span", "", `${face.width_px} px, least ${least}`), tag);
  if (answer.width_px !== camera.width_px && isNumber(face.camera_width_px)) {
    row.append(el("span", "second", `${face.camera_width_px} px in a frame of ${camera.width_px}`));
  }
  return row;
}

// ---------------------------------------------------------------- adverts

function showAdverts(answer) {
  const adverts = answer?.adverts ?? [];
  byId("campaign").textContent = answer ? `campaign ${answer.campaign}` : "";
  byId("minor").hidden = answer?.minor_possible !== true;
  byId("adverts").replaceChildren(...adverts.map((advert, place) => advertCard(advert, place === 0)));
  const later = answer?.on_schedule ?? [];
  byId("h-on-schedule").hidden = !later.length;
  byId("on-schedule").replaceChildren(...later.map((advert) => advertCard(advert, false)));
  const empty = byId("adverts-empty");
  empty.hidden = adverts.length > 0;
  empty.textContent = answer
    ? "Nothing of this campaign may play now; a card of our own would."
    : "The adverts that the running campaign would choose, and why, appear here.";
}

function advertCard(advert, first) {
  const thumb = el("div", "thumb", null, preview(advert));
  const line = el("div", "line", null, el("strong", "", spoken(advert.creative)), el("span", "muted", percent(advert.p)));
  const words = el("div", "", null, line);
  const chance = el("div", "meter", null, meter(advert.p).firstChild);
  chance.setAttribute("aria-hidden", "true");
  words.append(chance);
  words.append(el("p", "reason", advert.reason));
  if (first) words.append(el("p", "muted", advert.explanation));
  return el("li", "advert", null, thumb, words);
}

function preview(advert) {
  // Only the command's own media: a path, never another host.
  const url = typeof advert.url === "string" && /^\/(?!\/)/.test(advert.url) ? advert.url : null;
  if (!url) return el("p", "empty", "No preview");
  if (advert.kind === "video") return Object.assign(el("video"), { muted: true, playsInline: true, preload: "metadata", src: `${url}#t=1` });
  if (advert.kind === "html") {
    const frame = el("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    return Object.assign(frame, { src: url, title: "Preview", tabIndex: -1 });
  }
  const image = Object.assign(el("img"), { src: url, alt: "" });
  image.onerror = () => image.replaceWith(el("p", "empty", "No preview"));
  return image;
}

function showLeftOut(answer) {
  const rows = answer?.left_out ?? [];
  const rules = Map.groupBy ? Map.groupBy(rows, (row) => row.rule) : grouped(rows);
  byId("left-out-count").textContent = answer ? `${rows.length} left out` : "";
  byId("left-out").replaceChildren(...[...rules].map(([rule, those]) => rulePart(rule, those)));
  const empty = byId("left-out-empty");
  empty.hidden = rows.length > 0;
  empty.textContent = answer ? "Every advert of the campaign may play." : "Each advert that is left out, with the rule that leaves it out.";
}

function grouped(rows) {
  const rules = new Map();
  for (const row of rows) rules.set(row.rule, [...(rules.get(row.rule) ?? []), row]);
  return rules;
}

function rulePart(rule, those) {
  const words = el("dl", "", null, ...those.flatMap((one) => [el("dt", "", spoken(one.creative)), el("dd", "", one.why)]));
  return el("details", "", null, el("summary", "", null, el("span", "", rule), el("span", "muted", String(those.length))), words);
}
