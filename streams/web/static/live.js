// When to fetch: at each snapshot that the worker's stream announces; on a timer while it is silent.

const TICK_SECONDS = 2;
// A worker announces a snapshot each second, unless the stream is broken or held up on its way.
const SILENCE_SECONDS = 4;
// A browser does not come back by itself to a stream that was refused.
const AGAIN_SECONDS = 30;

// Call `then` now and whenever there are new numbers. A hidden page listens to nothing.
export function listen(address, then) {
  let stream = null;
  let heardAt = -Infinity;
  let openedAt = -Infinity;

  function open() {
    stream?.close();
    openedAt = performance.now();
    stream = new EventSource(address);
    stream.addEventListener("picture", () => { heardAt = performance.now(); then(); });
  }

  function close() {
    stream?.close();
    stream = null;
  }

  function tick() {
    if (document.hidden || !stream) return;
    const now = performance.now();
    if (stream.readyState === EventSource.CLOSED && now - openedAt > 1000 * AGAIN_SECONDS) open();
    if (now - heardAt > 1000 * SILENCE_SECONDS) then();
  }

  function wake() {
    if (document.hidden) close();
    else if (!stream) { open(); then(); }
  }

  document.addEventListener("visibilitychange", wake);
  // A page that the browser keeps for Back holds no connection meanwhile.
  addEventListener("pagehide", close);
  addEventListener("pageshow", wake);
  setInterval(tick, 1000 * TICK_SECONDS);
  wake();
}
