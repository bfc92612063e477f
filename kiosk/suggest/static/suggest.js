/** Try it with a photo: upload, drop, paste or a snapshot; faces and adverts come back as JSON. */

import { showAnswer } from "/static/answer.js";
import { Camera, Sentence } from "/static/camera.js";
import { byId } from "/static/dom.js";
import { Picture } from "/static/picture.js";

const picture = new Picture(byId("canvas"));
const camera = new Camera(byId("video"));
let about = { camera: {}, most_bytes: Infinity, estimated: [] };
// Only the last picture that was asked about is answered for.
let turn = 0;

/** idle, camera, busy, answered or problem: exactly one is shown. */
function enter(state) {
  byId("view").dataset.state = state;
  byId("idle").hidden = state !== "idle";
  byId("busy").hidden = state !== "busy";
  byId("problem").hidden = state !== "problem";
  byId("choose").hidden = byId("camera").hidden = state === "camera";
  byId("snap").hidden = byId("stop").hidden = state !== "camera";
  byId("clear").hidden = state !== "answered" && state !== "problem";
  for (const id of ["choose", "camera"]) byId(id).disabled = state === "busy";
}

function say(sentence) {
  byId("said").textContent = sentence;
}

function complain(bad) {
  camera.close();
  picture.clear();
  showAnswer(null, about.camera);
  enter("problem");
  byId("problem-title").textContent = bad.message;
  byId("problem-hint").textContent = bad.hint ?? "";
}

async function ask(file) {
  const mine = ++turn;
  camera.close();
  showAnswer(null, about.camera);
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (mine !== turn) return bitmap?.close();
  picture.show(bitmap);
  enter("busy");
  say("Looking at the photo");
  try {
    const answer = await answerTo(file);
    if (mine !== turn) return;
    picture.box(answer);
    showAnswer(answer, about.camera);
    enter("answered");
    const count = answer.faces.length;
    say(`${count === 1 ? "1 face" : `${count || "No"} faces`} found. ${answer.adverts[0] ? `${answer.adverts[0].creative} would play.` : ""}`);
  } catch (bad) {
    if (mine === turn) complain(bad);
  }
}

async function answerTo(file) {
  if (!file.size) throw new Sentence("The file is empty");
  if (file.size > about.most_bytes) {
    throw new Sentence(`The picture is larger than the ${about.most_bytes >> 20} MB that are read`, "A smaller copy of it will do.");
  }
  let response;
  try {
    // The name of the file stays here: only its bytes are sent.
    response = await fetch("/look", { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  } catch {
    throw new Sentence("The command does not answer", "Start it again: kiosk suggest --page");
  }
  const answer = await response.json().catch(() => ({ error: "The answer is not understood" }));
  if (!response.ok) throw new Sentence(capital(answer.error), answer.hint ?? "");
  return answer;
}

const capital = (sentence) => (sentence ? sentence[0].toUpperCase() + sentence.slice(1) : "It failed");

function clear() {
  turn++;
  camera.close();
  picture.clear();
  showAnswer(null, about.camera);
  say("");
  enter("idle");
}

const imageIn = (items) => [...(items ?? [])].find((file) => file.type.startsWith("image/")) ?? items?.[0];

// ---------------------------------------------------------------- ways in

byId("choose").onclick = () => byId("file").click();
byId("file").onchange = ({ target }) => {
  const file = target.files[0];
  // The same file may be chosen again.
  if (file) ask(file).finally(() => (target.value = ""));
};

byId("camera").onclick = async () => {
  const mine = ++turn;
  picture.clear();
  showAnswer(null, about.camera);
  try {
    await camera.open(about.camera);
    if (mine !== turn) return camera.close();
    enter("camera");
    byId("snap").focus();
  } catch (bad) {
    if (mine === turn) complain(bad);
  }
};
byId("snap").onclick = () => camera.snapshot().then(ask, complain);
byId("stop").onclick = () => {
  clear();
  byId("camera").focus();
};
byId("clear").onclick = () => {
  clear();
  byId("choose").focus();
};

const view = byId("view");
addEventListener("dragover", (event) => {
  event.preventDefault();
  view.dataset.drop = "";
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) delete view.dataset.drop;
});
addEventListener("drop", (event) => {
  // A photo that is dropped beside the field must not replace the page.
  event.preventDefault();
  delete view.dataset.drop;
  const file = imageIn(event.dataTransfer?.files);
  if (file) ask(file);
});
addEventListener("paste", (event) => {
  const file = imageIn(event.clipboardData?.files);
  if (file) ask(file);
});
addEventListener("pagehide", () => camera.close());

// ---------------------------------------------------------------- begin

try {
  about = await (await fetch("/about")).json();
  byId("device").textContent = about.device;
  byId("about").textContent = `campaign ${about.campaign}, privacy ${about.policy}`;
} catch {
  complain(new Sentence("The command does not answer", "Start it again: kiosk suggest --page"));
}
