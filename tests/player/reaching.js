// What a creative tries to get out of its sandbox; "there" is an address that it must not reach.
const tries = [
  () => open("http://there/window"),
  () => (top.location = "http://there/top"),
  () => (parent.location = "http://there/parent"),
  () => fetch("http://there/fetch", { mode: "no-cors" }),
  () => new WebSocket("ws://there/socket"),
  () => (new Image().src = "http://there/image.png"),
  () => navigator.sendBeacon("http://there/beacon", "x"),
  () => new EventSource("http://there/events"),
  () => new Worker("http://there/worker.js"),
  () => document.head.append(Object.assign(document.createElement("script"), { src: "http://there/s.js" })),
  () => document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "http://there/s.css" })),
  () => document.head.append(Object.assign(document.createElement("link"), { rel: "preconnect", href: "http://there" })),
  () => document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", href: "http://there/prefetch" })),
  () => document.head.append(Object.assign(document.createElement("iframe"), { src: "http://there/frame" })),
  () => {
    const form = Object.assign(document.createElement("form"), { action: "http://there/form", target: "_top" });
    document.head.append(form);
    form.submit();
  },
  () => {
    const peer = new RTCPeerConnection({ iceServers: [{ urls: "stun:there" }] });
    peer.createDataChannel("x");
    peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  },
  () => parent.document.body.remove(),
  () => top.postMessage({ type: "drawn" }, "*"),
  () => alert("hello"),
  () => print(),
  () => document.documentElement.requestFullscreen(),
  () => localStorage.setItem("a", "b"),
  () => (document.cookie = "a=b"),
];
const attempt = () => tries.forEach((one) => { try { one(); } catch {} });
attempt();
setInterval(attempt, 500);
setTimeout(() => (location = "http://there/itself"), 1200);
