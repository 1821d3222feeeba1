/**
 * Core Web Vitals, by the definitions of the library `web-vitals`, which is too large for the
 * budget; the tests hold both to the same values. Each is told whenever the visitor hides or leaves
 * the page and it has another value than the last time: of what bears one key the last one counts.
 * Another page of a single-page site ends them; a page out of the back/forward cache begins
 * cumulative layout shift and interaction to next paint anew, under another key.
 */
import { guard } from "../guard.js";
import { hooks } from "./hooks.js";
import { listen } from "./listen.js";
import { selectorOf } from "./selectorOf.js";

/** A gap that ends a window of layout shifts, and the longest window. */
const [GAP_MS, WINDOW_MS] = [1000, 5000];
/** Of so many interactions one may be slower than what is told: the 98th percentile. */
const FORGIVEN = 50;

/** @type {any} */
const navigation = performance.getEntriesByType("navigation")[0] || {};
/** A page that was rendered ahead counts from when it was shown. */
const shownAt = navigation.activationStart || 0;
/** Paints after the page was first hidden say nothing. */
let hiddenAt = document.hidden ? 0 : Infinity;

/**
 * What was measured: value, selector, what took the most of it.
 *
 * @type {Record<string, [value: number, selector?: string, why?: string]>}
 */
let found = {};
/**
 * The longest event of each interaction, with the end of the last one handled for the same frame.
 *
 * @type {Map<number, { ms: number, end: number, entry: any }>}
 */
let interactions = new Map();
let [shift, shiftFirst, shiftLast, isPainted] = [0, 0, 0, 0];

/**
 * @param {string} type
 * @param {(entry: any) => void} take
 * @param {object} [options]
 */
const observe = (type, take, options) => {
  try {
    const observer = new PerformanceObserver(guard((list) => list.getEntries().forEach(take)));
    observer.observe({ type, buffered: true, ...options });
    hooks.unshift(guard(() => observer.takeRecords().forEach(take)));
  } catch (_) {
    // This browser does not measure it.
  }
};

/**
 * Name the longest part.
 *
 * @param {Record<string, number>} parts
 */
const longest = (parts) => Object.keys(parts).reduce((a, b) => (parts[b] > parts[a] ? b : a));

observe("paint", (entry) => {
  if (entry.name == "first-contentful-paint" && entry.startTime < hiddenAt)
    found.FCP = [Math.max(entry.startTime - shownAt, 0)];
});

observe("largest-contentful-paint", (entry) => {
  if (isPainted || entry.startTime >= hiddenAt) return;
  const ttfb = navigation.responseStart || 0;
  const resource = /** @type {any} */ (entry.url && performance.getEntriesByName(entry.url)[0]) || {};
  const asked = Math.max(ttfb, resource.requestStart || resource.startTime || 0);
  const loaded = Math.max(asked, resource.responseEnd || 0);
  const why = longest({
    "time to first byte": ttfb - shownAt,
    "resource load delay": asked - ttfb,
    "resource load duration": loaded - asked,
    "element render delay": entry.startTime - loaded,
  });
  found.LCP = [Math.max(entry.startTime - shownAt, 0), selectorOf(entry.element), why];
});

observe("layout-shift", (entry) => {
  if (entry.hadRecentInput) return;
  const goesOn =
    shift && entry.startTime - shiftLast < GAP_MS && entry.startTime - shiftFirst < WINDOW_MS;
  if (!goesOn) [shift, shiftFirst] = [0, entry.startTime];
  shift += entry.value;
  shiftLast = entry.startTime;
  if (shift > found.CLS?.[0]) {
    const largest = [...entry.sources].sort((a, b) => area(b) - area(a))[0];
    found.CLS = [shift, selectorOf(elementOf(largest?.node))];
  }
});

/** @param {any} source */
const area = ({ currentRect: { width, height } }) => width * height;

/**
 * @param {Node | undefined} node
 * @returns {Element | null}
 */
const elementOf = (node) =>
  node instanceof Element ? node : node ? node.parentElement : null;

/** @param {any} entry */
const onInteraction = (entry) => {
  if (!entry.interactionId) return;
  const { interactionId: id, duration: ms, processingEnd: end, startTime } = entry;
  const known = interactions.get(id);
  if (!known || ms > known.ms) interactions.set(id, { ms, end, entry });
  // Press, release and click of one frame end with the same paint, to within its rounding.
  else if (Math.abs(startTime + ms - known.entry.startTime - known.ms) < 9)
    known.end = Math.max(known.end, end);
};
observe("event", onInteraction, { durationThreshold: 40 });
observe("first-input", onInteraction);

const measureInteractions = () => {
  const slowest = [...interactions.values()].sort((a, b) => b.ms - a.ms);
  const count = /** @type {any} */ (performance).interactionCount || slowest.length;
  const chosen = slowest[Math.min(slowest.length - 1, Math.floor(count / FORGIVEN))];
  if (!chosen) return;
  const { startTime, processingStart, target, name } = chosen.entry;
  const why = longest({
    "input delay": processingStart - startTime,
    "processing duration": chosen.end - processingStart,
    "presentation delay": startTime + chosen.ms - chosen.end,
  });
  found.INP = [chosen.ms, selectorOf(target), `${name}: ${why}`];
};

/**
 * The values told so far.
 *
 * @type {Record<string, number>}
 */
let told;
/** Says of values that they are of one load of the page. */
let key = 0;
let isOver = 0;
const start = () => {
  found = { CLS: [0] };
  interactions = new Map();
  told = {};
  key = (Math.random() * 2e9) | 0;
  isOver = shift = 0;
};

start();
if (navigation.responseStart > 0) found.TTFB = [Math.max(navigation.responseStart - shownAt, 0)];
for (const type of ["keydown", "click"])
  listen(type, () => {
    isPainted = 1;
  });
listen("visibilitychange", () => {
  if (document.hidden) hiddenAt = Math.min(hiddenAt, performance.now());
});
listen("pageshow", (event) => {
  if (event.persisted) start();
});
hooks.push(
  guard((leaving) => {
    // To look at another window for a moment ends nothing.
    if (isOver || (leaving && leaving.type == "blur")) return;
    if (!leaving) isOver = 1;
    measureInteractions();
    for (const m in found) {
      const [value, s, w] = found[m];
      const v = Math.round(value * 1e4) / 1e4;
      if (told[m] != v)
        statflow("$vital", { props: { m, v: (told[m] = v), s: s || "", w: w || "", k: key } });
    }
  }),
);
