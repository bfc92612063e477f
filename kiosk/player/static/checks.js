/** What to try while the camera is aimed: a list that ticks by itself. */

import { byId, el, sync, text } from "/static/dom.js";

// One message may hold a face that was none.
const ENOUGH = 2;
// Of the picture, for the middle of a face: nearer to the edge it is soon cut off.
const EDGE = 0.15;

const CHECKS = [
  ["A face is seen", "Stand in front of the screen and look at it.", () => true],
  ["Seen at 1.2 to 2 m", "Stand two big steps away.", ({ distance_m: m }) => m >= 1.2 && m <= 2],
  ["Seen at 3.5 m or more", "Walk back to five big steps, facing the screen.", ({ distance_m: m }) => m >= 3.5],
  ["Looks at the screen", "Look at its middle. Not ticked: hang the camera lower or nearer.", ({ looking }) => looking === true],
  ["Left edge reached", "Step to the left until the box stands at the edge.", ({ x, w }) => x + w / 2 < EDGE],
  ["Right edge reached", "Step to the right until the box stands at the edge.", ({ x, w }) => x + w / 2 > 1 - EDGE],
].map(([title, todo, met]) => ({ title, todo, met, times: 0 }));

/** Nothing is done yet. */
export function beginAnew() {
  for (const one of CHECKS) one.times = 0;
  show();
}

/** Takes in the faces of one message, as they are drawn. */
export function check(faces) {
  const people = faces.filter(({ seen, hints }) => seen && !hints.includes("picture"));
  for (const one of CHECKS) if (people.some(one.met)) one.times++;
  show();
}

function show() {
  sync(
    byId("checks"),
    CHECKS,
    ({ title }) => title,
    ({ title, todo }) => el("li", "", null, el("i"), el("strong", "", title), el("span", "", todo)),
    (item, { times }) => {
      const done = times >= ENOUGH;
      item.classList.toggle("done", done);
      text(item.firstElementChild, done ? "✓" : "");
      item.setAttribute("aria-label", done ? "done" : "to do");
    },
  );
}

show();
