/** This browser's camera: open while it is aimed, closed with the snapshot. */

const WHY = {
  NotAllowedError: ["The browser may not use a camera", "Allow it for this page in the browser's address bar, then try again."],
  NotFoundError: ["No camera is found", "Plug one in, or choose a photo."],
  NotReadableError: ["The camera is in use by another program", "On the device itself that is `kiosk vision`: stop it while you aim, or use `kiosk aim`."],
};

export class Camera {
  #video;
  #stream = null;

  constructor(video) {
    this.#video = video;
  }

  /** Opens it, near the size that the device's own camera is asked for. */
  async open(size) {
    this.close();
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Sentence("This browser gives no page a camera here", "Open the page as http://127.0.0.1 or http://localhost.");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: size.width_px ?? 1280 }, height: { ideal: size.height_px ?? 720 } },
      });
    } catch (bad) {
      throw new Sentence(...(WHY[bad.name] ?? ["The camera cannot be opened", bad.message]));
    }
    this.#video.srcObject = this.#stream;
    this.#video.hidden = false;
    await this.#video.play();
  }

  /** One picture of it as a file, at its full size. */
  async snapshot() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width || !height) throw new Sentence("The camera has given no picture yet", "Try again in a moment.");
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  }

  close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
    this.#video.hidden = true;
  }
}

/** Something that a person can act on: what is wrong, and what to do. */
export class Sentence extends Error {
  constructor(message, hint = "") {
    super(message);
    this.hint = hint;
  }
}
