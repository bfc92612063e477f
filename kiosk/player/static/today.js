/** Today by the hour: as published, with its noise, and the open hour as it stands. */

import { byId, el, isNumber, list, number, record, sync, text } from "/static/dom.js";
import { ageRows, moodRows, showBars, whole } from "/static/bars.js";

const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));

/** A sum of the day; with noise, the range that holds it 19 times of 20 stands beside it. */
function sum(figure) {
  const { value, sd } = record(figure);
  if (!isNumber(value)) return ["–", ""];
  return [number(value), sd ? `± ${number(2.1 * sd)} of noise` : ""];
}

const drowned = (value) => (value === null ? "lost in the noise" : "");

function figures(today) {
  const totals = record(today.totals);
  const [rate, multiplier] = [today.attention_rate, record(today.qty).multiplier];
  return [
    ["Opportunities to see", ...sum(totals.ots)],
    ["Watchers", ...sum(totals.watchers)],
    ["Dwell per OTS", number(today.dwell_s, 1, "s"), drowned(today.dwell_s)],
    ["Attention per OTS", number(today.attention_s, 1, "s"), drowned(today.attention_s)],
    ["Attention rate", isNumber(rate) ? number(100 * Math.min(rate, 1), 0, "%") : "–", drowned(rate)],
    ["Impressions per play", number(multiplier, 2), drowned(multiplier)],
  ];
}

function spoken(one) {
  if (!one) return "not counted";
  const kind = one.open ? "still open, exact" : one.noise === "off" ? "published" : "published with noise";
  if (!isNumber(one.ots)) return `${one.local}: lost in the noise`;
  return `${one.local}: ${number(one.ots)} opportunities to see, ${number(one.watchers)} watchers; ${kind}`;
}

function column() {
  const bar = el("span", "pile", null, el("i"), el("i"));
  bar.children[0].dataset.part = "ots";
  bar.children[1].dataset.part = "watchers";
  return el("li", "", null, bar, el("span", "hour-name muted"));
}

function showColumns(hours) {
  const found = new Map(hours.filter((one) => !one.late).map((one) => [String(one.local).slice(0, 2), one]));
  const most = Math.max(1, ...hours.map((one) => whole(one.ots)));
  sync(
    byId("today-hours"),
    HOURS,
    (hour) => hour,
    column,
    (item, hour) => {
      const one = found.get(hour);
      const [ots, watchers] = [whole(one?.ots), Math.min(whole(one?.watchers), whole(one?.ots))];
      item.dataset.state = one ? (one.open ? "open" : one.noise === "off" ? "exact" : "noisy") : "none";
      item.title = spoken(one);
      item.children[0].children[0].style.height = `${(ots / most) * 100}%`;
      item.children[0].children[1].style.height = `${(watchers / most) * 100}%`;
      text(item.children[1], hour);
    },
  );
  text(byId("today-scale"), most > 1 ? number(most) : "");
}

/** Draw the day. */
export function showToday(state) {
  const today = record(state.today);
  const hours = list(today.hours);
  const noisy = hours.some((one) => !one.open && one.noise !== "off");
  text(byId("today-date"), today.date ?? "");
  sync(
    byId("today-totals"),
    figures(today),
    ([name]) => name,
    ([name]) => el("div", "", null, el("dt", "", name), el("dd", "value"), el("dd", "note muted")),
    (item, [, value, note]) => {
      text(item.children[1], value);
      text(item.children[2], noisy ? note : "");
    },
  );
  showColumns(hours);
  const waits = whole(today.waiting);
  const notes = [
    noisy ? "Hours that are over stand as they were published, with noise; the open one is exact. What noise has drowned is a dash." : "",
    waits ? `${number(waits)} stretches of counts wait until the clock is set.` : "",
  ];
  text(byId("today-note"), notes.filter(Boolean).join(" "));
  showBars(byId("today-ages"), ageRows(today.age_gender), noisy ? "Lost in the noise" : "Nobody counted today");
  showBars(byId("today-moods"), moodRows(today.mood), noisy ? "Lost in the noise" : "No mood counted today");
}
