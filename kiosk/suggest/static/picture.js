/** The picture with its faces boxed, drawn here: the server never sends a picture back. */

import { kindOf, known } from "/static/dom.js";

const INK = { looking: ["#45cfae", "#06231c"], away: ["#98a1a9", "#14181c"], small: ["#98a1a9", "#14181c"] };
// A wide label over a narrow face would hide its neighbours.
const WORDS_FROM_PX = 84;
const TALLEST_SHARE = 0.68;

/** Draws on a canvas, as large as its room allows, as sharp as the display is. */
export class Picture {
  #canvas;
  #bitmap = null;
  #answer = null;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas.parentElement);
  }

  /** Shows a bitmap; nothing where the browser cannot decode the picture. */
  show(bitmap) {
    this.clear();
    this.#bitmap = bitmap;
    this.#canvas.hidden = !bitmap;
    this.#draw();
  }

  /** Draws the faces that were answered; without a bitmap on an empty field of the same shape. */
  box(answer) {
    this.#answer = answer;
    this.#canvas.hidden = false;
    this.#draw();
  }

  clear() {
    this.#bitmap?.close();
    [this.#bitmap, this.#answer] = [null, null];
    // Shrinking it frees the pixels.
    [this.#canvas.width, this.#canvas.height] = [1, 1];
    this.#canvas.hidden = true;
  }

  #draw() {
    if (this.#canvas.hidden) return;
    const [wide, tall] = this.#answer
      ? [this.#answer.width_px, this.#answer.height_px]
      : [this.#bitmap.width, this.#bitmap.height];
    const room = this.#canvas.parentElement.clientWidth;
    const scale = Math.min(room / wide, (window.innerHeight * TALLEST_SHARE) / tall);
    const [width, height] = [Math.max(1, wide * scale), Math.max(1, tall * scale)];
    const sharp = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * sharp);
    this.#canvas.height = Math.round(height * sharp);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    const pen = this.#canvas.getContext("2d");
    pen.scale(sharp, sharp);
    pen.imageSmoothingQuality = "high";
    if (this.#bitmap) pen.drawImage(this.#bitmap, 0, 0, width, height);
    for (const face of this.#answer?.faces ?? []) box(pen, face, width, height);
    for (const face of this.#answer?.faces ?? []) label(pen, face, width, height);
  }
}

function box(pen, face, width, height) {
  const [x, y, w, h] = face.box;
  const kind = kindOf(face);
  pen.beginPath();
  pen.roundRect(x * width, y * height, w * width, h * height, Math.min(8, (w * width) / 4));
  pen.lineWidth = 4;
  pen.strokeStyle = "#00000059";
  pen.setLineDash([]);
  pen.stroke();
  pen.lineWidth = 2;
  pen.strokeStyle = INK[kind][0];
  pen.setLineDash(kind === "looking" ? [] : [5, 5]);
  pen.stroke();
}

function label(pen, face, width, height) {
  const [x, y, w, h] = face.box;
  const [paper, ink] = INK[kindOf(face)];
  const words = [known(face.age_band), known(face.gender)].filter(Boolean).join(", ");
  const said = w * width >= WORDS_FROM_PX && words ? `${face.number} · ${words}` : String(face.number);
  pen.setLineDash([]);
  pen.font = "600 12.5px system-ui, sans-serif";
  const [wide, tall] = [pen.measureText(said).width + 14, 21];
  const below = (y + h) * height + 6;
  const top = below + tall <= height ? below : Math.max(0, y * height - tall - 6);
  const left = Math.min(Math.max(0, (x + w / 2) * width - wide / 2), Math.max(0, width - wide));
  pen.beginPath();
  pen.roundRect(left, top, wide, tall, 6);
  pen.fillStyle = paper;
  pen.fill();
  pen.fillStyle = ink;
  pen.textBaseline = "middle";
  pen.fillText(said, left + 7, top + tall / 2 + 0.5);
}
