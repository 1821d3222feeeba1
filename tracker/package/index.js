/**
 * Calls for Statflow's tracker from code that is bundled: nothing is counted here. A site behind the
 * edge has the tracker in its pages already and needs `track` alone. On a server nothing happens.
 */

/** The page's tracker, or what keeps calls until it has loaded. */
const tracker = () =>
  (window.statflow =
    window.statflow ||
    function () {
      (window.statflow.q = window.statflow.q || []).push(arguments);
    });

/** @type {import("./index.d.ts").track} */
export const track = (name, options) => {
  if (typeof window !== "undefined") tracker()(name, options);
};

/** @type {import("./index.d.ts").load} */
export const load = ({ src = "/sf/tracker.js", nonce } = {}) => {
  if (typeof document === "undefined" || tracker().r || document.querySelector("script[data-sf]"))
    return;
  const script = document.createElement("script");
  script.async = true;
  script.dataset.sf = "";
  if (nonce) script.nonce = nonce;
  script.src = src;
  document.head.append(script);
};
