/** The notice that a camera is at work: what it says, and whether anybody can see it. */

import { byId, el } from "/static/dom.js";

const POSITIONS = ["bottom-right", "bottom-left", "top-right", "top-left"];
const SIZES = ["medium", "small", "large"];
// Two languages are read at a glance; of more, each stands long enough to be read twice.
const TOGETHER = 2;
const TURN_MS = 8000;

let before = "";
let turns = 0;

/** Puts up what the director says; the same again changes nothing. */
export function showNotice(notice) {
  const now = JSON.stringify(notice ?? null);
  if (now === before) return;
  before = now;
  clearInterval(turns);
  const texts = (Array.isArray(notice?.texts) ? notice.texts : []).filter((one) => Array.isArray(one?.lines));
  const element = byId("notice");
  element.hidden = !(notice?.show && texts.length);
  if (element.hidden) return;
  element.dataset.position = POSITIONS.includes(notice.position) ? notice.position : POSITIONS[0];
  element.dataset.size = SIZES.includes(notice.size) ? notice.size : SIZES[0];
  byId("notice-link").textContent = notice.link ?? "";
  showCode(notice);
  showTexts(texts);
}

function showCode({ qr, link }) {
  const code = byId("notice-qr");
  // A picture that holds itself and nothing else: no address is ever fetched for it.
  code.hidden = !String(qr ?? "").startsWith("data:image/svg+xml");
  if (code.hidden) return;
  code.src = qr;
  code.alt = `QR code: ${link}`;
}

function showTexts(texts) {
  const spoken = texts.map(({ lang, lines }) => {
    const one = el("div", "", null, ...lines.map((line) => el("p", "", line)));
    if (lang) one.lang = lang;
    return one;
  });
  const holder = byId("notice-texts");
  holder.replaceChildren(...spoken);
  holder.toggleAttribute("data-turns", spoken.length > TOGETHER);
  let turn = 0;
  const take = () => spoken.forEach((one, index) => one.classList.toggle("current", index === turn % spoken.length));
  take();
  if (spoken.length > TOGETHER) {
    turns = setInterval(() => {
      turn++;
      take();
    }, TURN_MS);
  }
}

/** Whether somebody in front of the screen can see the notice, all of it. */
export function isNoticeShown() {
  const element = byId("notice");
  if (document.hidden || !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
  const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
  const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  return inside && width > 0 && height > 0 && element.innerText.trim() !== "";
}
