// Fetches the chart library that an element names; it is larger than all the rest of a page.
(() => {
  "use strict";

  let coming = null;

  // Settles once charts can be drawn, or once it is known that they cannot.
  window.statflowLibrary = (place) => {
    coming ||= new Promise((done) => {
      const script = document.createElement("script");
      script.src = place.dataset.library;
      script.addEventListener("load", done, { once: true });
      script.addEventListener("error", () => {
        coming = null;
        done();
      }, { once: true });
      document.head.append(script);
    });
    return coming;
  };
})();
