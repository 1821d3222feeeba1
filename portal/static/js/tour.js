// Goes through the stops of the tour one by one: the stop's place on the page is framed, its words stand in the
// panel that stays in view. Without this script the panel lists all stops.
(() => {
  "use strict";

  let at = 0;

  const tour = () => document.querySelector("[data-tour]");

  function show(step) {
    const place = tour();
    if (!place) return;
    const stops = [...place.querySelectorAll(".tour-stops li")];
    at = Math.min(Math.max(step, 0), stops.length - 1);
    place.classList.add("walked");
    stops.forEach((stop, index) => {
      stop.hidden = index !== at;
    });
    for (const button of place.querySelectorAll(".tour-step")) {
      button.hidden = false;
      button.disabled = !stops[at + Number(button.dataset.by)];
    }
    for (const framed of document.querySelectorAll(".toured")) framed.classList.remove("toured");
    const target = document.querySelector(stops[at].dataset.at);
    target?.classList.add("toured");
    if (step) target?.scrollIntoView({ block: "center" });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".tour-step");
    if (button) show(at + Number(button.dataset.by));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "view") show(at);
  });
  show(0);
})();
