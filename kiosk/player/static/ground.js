/** What stands behind a picture of another shape than the screen: the picture itself, soft and dark. */

// So few pixels are soft by themselves when they are stretched, and no filter runs while they are on
// screen. Each step doubles them: one step of forty would show them as lozenges.
const SMALL_PX = 24;
const STEPS = 3;
// Dark enough that the picture before it is what is looked at, and light enough to be no bar.
const SHADE = "rgb(8 14 22 / 0.42)";

/** A canvas that covers the screen; it shows the last frame that it was given. */
export function ground() {
  const canvas = document.createElement("canvas");
  canvas.className = "ground";
  let steps = null;
  return {
    canvas,
    draw(source, width, height) {
      steps ??= stepsOf(canvas, width, height);
      draw(steps, source);
    },
    /** Shows what another ground does. */
    copy(other) {
      [canvas.width, canvas.height] = [other.width, other.height];
      canvas.getContext("2d", { alpha: false }).drawImage(other, 0, 0);
    },
  };
}

/** Ever larger canvases of the picture's shape, the one on the page last. */
function stepsOf(canvas, width, height) {
  const scale = SMALL_PX / Math.max(width, height, 1);
  const small = [width, height].map((side) => Math.max(2, Math.round(side * scale) || SMALL_PX));
  const sizes = Array.from({ length: STEPS + 1 }, (_, step) => small.map((side) => side * 2 ** step));
  [canvas.width, canvas.height] = sizes.at(-1);
  const surfaces = [...sizes.slice(0, -1).map((size) => new OffscreenCanvas(...size)), canvas];
  return surfaces.map((surface) => {
    const context = surface.getContext("2d", { alpha: false });
    context.imageSmoothingQuality = "high";
    return context;
  });
}

function draw(steps, source) {
  steps.forEach((context, step) => {
    const { width, height } = context.canvas;
    context.drawImage(step ? steps[step - 1].canvas : source, 0, 0, width, height);
  });
  const last = steps.at(-1);
  last.fillStyle = SHADE;
  last.fillRect(0, 0, last.canvas.width, last.canvas.height);
}

/** Whether a picture leaves some of the screen to its ground. */
export function leavesRoom(width, height) {
  if (!(width > 0 && height > 0)) return false;
  return Math.abs((width * innerHeight) / (height * innerWidth) - 1) > 0.005;
}
