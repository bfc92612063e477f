/** Bars: rows of parts that add up, all on one scale. */

import { el, isNumber, number, sync, text } from "/static/dom.js";

export const AGE_BANDS = ["0-12", "13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+", "unknown"];
export const MOODS = ["happy", "neutral", "surprised", "sad", "angry", "fearful", "disgusted", "unknown"];
const GENDERS = ["female", "male", "unknown"];

const record = (value) => (value && typeof value === "object" ? value : {});

/** Rows of one or several stacked parts, all on one scale. */
export function showBars(parent, rows, nothing) {
  const most = Math.max(1, ...rows.map((row) => row.total));
  const shown = rows.length ? rows : [{ name: nothing, empty: true, parts: [], total: 0 }];
  sync(
    parent,
    shown,
    (row) => (row.empty ? "nothing" : row.name),
    (row) => (row.empty ? el("p", "empty", nothing) : el("div", "bar", null, el("span", "name", row.name), el("span", "track"), el("span", "count"))),
    (line, row) => {
      if (row.empty) {
        text(line, nothing);
        return;
      }
      line.children[0].title = row.name;
      line.classList.toggle("zero", !row.total);
      text(line.children[2], row.lost ? "–" : number(row.total));
      sync(
        line.children[1],
        row.parts.filter(([, value]) => value > 0),
        ([part]) => part,
        ([part]) => Object.assign(el("i"), { title: part }),
        (piece, [part, value]) => {
          piece.dataset.part = part;
          piece.style.width = `${(value / most) * 100}%`;
        },
      );
    },
  );
}

/** A count to draw: with noise on it, it may be below zero. */
export const whole = (value) => (isNumber(value) && value > 0 ? value : 0);

/** Rows of an age and gender table; none when nobody stands in it. */
export function ageRows(table) {
  const named = Object.keys(record(table));
  const bands = named.some((band) => !AGE_BANDS.includes(band)) ? named : AGE_BANDS;
  const rows = bands.map((band) => {
    const row = record(record(table)[band]);
    const parts = GENDERS.map((gender) => [gender, whole(row[gender])]);
    const lost = GENDERS.every((gender) => row[gender] === null);
    return { name: band.replace("-", "–"), parts, lost, total: parts.reduce((sum, [, value]) => sum + value, 0) };
  });
  return rows.some((row) => row.total) ? rows : [];
}

/** Rows of a mood table; none when nobody stands in it. */
export function moodRows(table) {
  const rows = MOODS.map((name) => {
    const count = record(table)[name];
    return { name, parts: [["mood", whole(count)]], lost: count === null, total: whole(count) };
  });
  return rows.some((row) => row.total) ? rows : [];
}
