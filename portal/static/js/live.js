// Keeps the live page true: server-sent events while the page is seen, and where there are none (no seat, an old
// browser, a proxy that holds them back) the same inside every while.
(() => {
  "use strict";

  const POLL_MS = 15000;
  const view = document.getElementById("live-view");
  let source = null;
  let timer = 0;

  // What is open or focused stays so: the new inside has the same parts.
  function show(html) {
    const focused = view.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const opened = view.querySelector("details[open]") !== null;
    view.innerHTML = html;
    if (opened) view.querySelector("details")?.setAttribute("open", "");
    if (focused) view.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  async function poll() {
    try {
      const answer = await fetch(view.dataset.view, { headers: { "HX-Request": "true" } });
      if (answer.status === 401 || answer.status === 404) return location.reload();
      if (answer.ok) show(await answer.text());
    } catch {
      // The next time is soon.
    }
    timer = setTimeout(poll, POLL_MS);
  }

  function stop() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function start() {
    stop();
    if (!window.EventSource) return poll();
    source = new EventSource(view.dataset.stream);
    source.addEventListener("view", (event) => show(event.data));
    source.addEventListener("end", () => location.reload());
    source.addEventListener("error", () => {
      if (source && source.readyState === EventSource.CLOSED) poll();
    });
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  addEventListener("pagehide", stop);
  start();
})();
