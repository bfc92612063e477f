/** A JSON WebSocket to the page's own host that reconnects for ever. */

const RETRY_MIN_S = 0.5;
const RETRY_MAX_S = 5;
// A stopped director still accepts TCP (the kernel does), so an opening
// handshake that never completes has to be given up here.
const OPEN_TIMEOUT_MS = 5000;

/** Seconds to wait before the given attempt; jitter keeps many pages from returning as one. */
function retryDelay(attempt) {
  const ceiling = Math.min(RETRY_MAX_S, RETRY_MIN_S * 2 ** (attempt + 1));
  return RETRY_MIN_S + Math.random() * (ceiling - RETRY_MIN_S);
}

/**
 * @param {string} path
 * @param {{onMessage: (message: object) => void, onOpen?: () => void, onClose?: () => void}} handlers
 * @returns {{send: (message: object) => boolean}} `send` answers whether the message left.
 */
export function connect(path, { onMessage, onOpen = () => {}, onClose = () => {} }) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  let socket = null;
  let attempt = 0;

  function open() {
    socket = new WebSocket(`${scheme}://${location.host}${path}`);
    const current = socket;
    const timeout = setTimeout(() => current.close(), OPEN_TIMEOUT_MS);
    current.onopen = () => {
      clearTimeout(timeout);
      attempt = 0;
      onOpen();
    };
    current.onmessage = (event) => {
      let message;
      try {
        message = JSON.parse(event.data);
      } catch {
        console.warn("kiosk: a message that is not JSON was ignored");
        return;
      }
      if (message && typeof message === "object") onMessage(message);
    };
    current.onclose = () => {
      clearTimeout(timeout);
      onClose();
      setTimeout(open, retryDelay(attempt++) * 1000);
    };
  }

  open();
  return {
    send(message) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(message));
      return true;
    },
  };
}
