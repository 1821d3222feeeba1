// Fetches the chart library once the page is there and a chart comes into view: it is larger than all the rest.
(() => {
  "use strict";

  const NEAR = "200px";
  let coming = null;

  const loaded = () => new Promise((done) => {
    if (document.readyState === "complete") done();
    else addEventListener("load", done, { once: true });
  });
  const quiet = () => new Promise((done) => {
    if (window.requestIdleCallback) requestIdleCallback(done, { timeout: 1000 });
    else setTimeout(done, 100);
  });
  const seen = (place) => new Promise((done) => {
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watch.disconnect();
      done();
    }, { rootMargin: NEAR });
    watch.observe(place);
  });

  const fetched = (url) => new Promise((done) => {
    const script = document.createElement("script");
    script.src = url;
    script.addEventListener("load", done, { once: true });
    document.head.append(script);
  });

  // Settles once charts can be drawn; where the library does not come, the still line stays.
  window.statflowLibrary = async (place) => {
    if (window.echarts) return;
    await Promise.all([seen(place), loaded()]);
    await quiet();
    coming ||= fetched(place.dataset.library);
    await coming;
  };
})();
