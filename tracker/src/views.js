import { guard } from "./guard.js";
import { errorStatus, loadId } from "./navigation.js";
import { now } from "./now.js";
import { flush, put } from "./outbox.js";
import { pageUrl, route } from "./pageUrl.js";

/** What the page or an earlier run left on window. */
export const before = window.statflow || /** @type {Partial<Statflow>} */ ({});

/** Shortest engaged time worth an event, unless the visitor saw more of the page. */
const WORTH_MS = 3000;

/**
 * The address of the page that was last counted; undefined before the first.
 *
 * @type {string}
 */
export let page;

/** @type {string} */
let path;
/** @type {number} */
let engagedMs;
/** @type {number} */
let activeSince;
/** @type {number} */
let lowestPx;
/** @type {number} */
let sentDepth;

/**
 * Set while the page goes, or lies in the back/forward cache.
 *
 * @type {0 | 1 | undefined}
 */
export let isGone;

const isActive = () => !isGone && !document.hidden && document.hasFocus();

const currentPath = () => location.pathname + route();

/** Note how far down the visitor has seen. */
export const measure = guard(() => {
  lowestPx = Math.max(lowestPx, scrollY + innerHeight);
});

/** Add the time since the last look, if the page was seen and focused; start anew if it is. */
const tick = () => {
  engagedMs += activeSince && now() - activeSince;
  activeSince = isActive() ? now() : 0;
};

/**
 * Report the engagement with the current page, if there is something to say.
 *
 * @param {unknown} [leaving] The event by which the visitor turns away: everything is sent at once,
 *   for there may be no later. Without one it travels with what follows, in order.
 */
export const report = (leaving) => {
  // While `page` still names the page that is left: first what puts our listeners back, then what
  // lazily loaded parts have to say.
  for (const hook of /** @type {any} */ (track).r) hook(leaving);
  tick();
  // Not before the first view: to ask a page that is being loaded for its height would cost a layout.
  if (page) {
    // The page may have grown since: its height is what it is now. If it shrank this is more than
    // 100, which the edge cuts down.
    const depth = ((lowestPx / document.documentElement.scrollHeight) * 100 + 0.5) | 0;
    if (engagedMs >= WORTH_MS || depth > sentDepth) {
      put("engagement", { g: engagedMs, d: depth });
      engagedMs = 0;
      sentDepth = depth;
    }
    if (leaving) flush();
  }
};

/** Count a page view, and measure that page from now on. */
const view = () => {
  report();
  path = currentPath();
  put("pageview", {
    r: document.referrer.split("?")[0],
    l: loadId(),
    s: errorStatus(),
    // Not before the two above, which are told with the first view only.
    u: (page = pageUrl()),
  });
  engagedMs = lowestPx = 0;
  // The first report of a page is always sent.
  sentDepth = -1;
  // A single-page site draws the new page after the address has changed.
  setTimeout(measure, 200);
};

/** Count a page view if the address now names another page than the one counted last. */
export const onRoute = () => {
  if (page && path != currentPath()) view();
};

/**
 * Count a page that came back out of the back/forward cache.
 *
 * @param {PageTransitionEvent} event
 */
export const onPageShow = (event) => {
  isGone = 0;
  if (event.persisted) view();
};

/** @type {[name: string, options?: Options][]} */
const early = before.q || [];

/**
 * Count a custom event; kept for later while the page has not been shown.
 *
 * @param {string} name
 * @param {Options} [options]
 */
export const track = (name, options = {}) => {
  if (page) put(name, { p: options.props, $: options.revenue, i: options.interactive });
  else early.push([name, options]);
};

/**
 * Follow what became visible or hidden, got or lost the focus. A page opened in the background or
 * rendered ahead counts when it is first seen.
 *
 * @param {unknown} [event]
 */
export const onAttention = (event) => {
  if (!(page || document.hidden)) {
    view();
    for (const call of early) track(...call);
  }
  if (isActive()) tick();
  else report(event);
};

/**
 * Say the last words of a page that goes.
 *
 * @param {unknown} event
 */
export const onPageHide = (event) => {
  isGone = 1;
  onAttention(event);
};
