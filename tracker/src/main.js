/**
 * The tracker: page views, engagement and events of one page, sent to the site's own edge.
 *
 * Nothing is stored on the device and nothing is read from it but the opt-out cookie. It may run
 * twice in one window: the second run only puts the listeners back, which `document.open` wipes.
 */
import { onClick } from "./clicks.js";
import { guard } from "./guard.js";
import { onViolation } from "./outbox.js";
import { before, measure, onAttention, onPageHide, onPageShow, onRoute, track } from "./views.js";

/** @type {Record<string, (event: any) => void>} */
const listeners = {
  // In the order that compresses best; the browser does not mind.
  click: onClick,
  pagehide: onPageHide,
  // A change of the fragment alone is one too.
  popstate: onRoute,
  scroll: measure,
  blur: onAttention,
  auxclick: onClick,
  pageshow: onPageShow,
  focus: onAttention,
  ...(WITH_FORMS && { submit: () => track("Form: Submission") }),
  visibilitychange: onAttention,
  securitypolicyviolation: onViolation,
};

/**
 * Pass an event to its listener.
 *
 * @type {(event: { type: string }) => void}
 */
const hear = guard((event) => listeners[event.type](event));

const listen = () => {
  for (const type in listeners) addEventListener(type, hear, true);
};

if (before.r) before.r[0]();
// A frame in a page of the same site is counted there.
else if (!frameElement) {
  /** @type {Statflow} */ (window.statflow = track).r = [listen];
  for (const name of /** @type {("pushState" | "replaceState")[]} */ ([
    "pushState",
    "replaceState",
  ])) {
    const original = history[name];
    history[name] = (...call) => {
      original.apply(history, call);
      hear({ type: "popstate" });
    };
  }
  listen();
  // In a task of its own, for a slow phone: what goes before that is counted as it goes.
  guard(setTimeout)(guard(onAttention));
}
