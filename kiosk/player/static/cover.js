/** The aiming page over what plays, for a while; the notice keeps its place, and a strip of its own. */

import { byId, el } from "/static/dom.js";

// Whatever is asked for: the director takes it away sooner, if it still can.
const MOST_S = 1800;

let timer = 0;

/** Lays it over the stage for so many seconds; 0 takes it away. Asked again, it stays as it is. */
export function cover(seconds) {
  clearTimeout(timer);
  const holder = byId("aim");
  if (!(seconds > 0)) {
    holder.hidden = true;
    holder.replaceChildren();
    return;
  }
  if (holder.hidden) {
    const frame = Object.assign(el("iframe"), { src: "/aim?mirror", title: "Aiming the camera", tabIndex: -1 });
    holder.replaceChildren(frame);
    holder.hidden = false;
  }
  makeRoom();
  timer = setTimeout(() => cover(0), Math.min(seconds, MOST_S) * 1000);
}

/** Nothing of the page may lie under the notice. */
function makeRoom() {
  const [holder, notice] = [byId("aim"), byId("notice")];
  if (holder.hidden) return;
  const { top, bottom, height } = notice.getBoundingClientRect();
  const atTop = top < innerHeight - bottom;
  holder.style.paddingTop = height && atTop ? `${bottom}px` : "";
  holder.style.paddingBottom = height && !atTop ? `${innerHeight - top}px` : "";
}

addEventListener("resize", makeRoom);
