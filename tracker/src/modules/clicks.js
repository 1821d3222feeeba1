/**
 * Clicks: where on each element, in anger, and in vain. Told apart by the definitions of
 * docs/modules.md; what the visitor selects or types is never read.
 */
import { hooks } from "./hooks.js";
import { isPrivate } from "./isPrivate.js";
import { listen } from "./listen.js";
import { selectorOf } from "./selectorOf.js";
import { tell } from "./tell.js";

const SCALE = 32767;
const NEAR_PX = 30;
const QUICK_MS = 1000;
const REACTION_MS = 100;
const DEAD_MS = 2500;
/** Clicked often on purpose. */
const STEPPERS = "[type=number],[type=range],[role=spinbutton],[role=slider]";
/** What answers a click by itself, without a change of the document. */
const ANSWERING =
  "input,select,textarea,option,label,summary,video,audio,embed,object,iframe," +
  "a[href]:not([href^='#']):not([href^='javascript:'])";

/** When something last answered: a change of the document, a turning away, another page. */
let answeredAt = 0;
let movedAt = 0;
let watched = 0;
/**
 * The quick clicks so far, the last one first.
 *
 * @type {{ x: number, y: number, at: number }[]}
 */
let series = [];

const answer = () => {
  answeredAt = performance.now();
};
const observer = new MutationObserver(answer);

const hasSelection = () => getSelection()?.type == "Range";

/**
 * @param {number} at
 * @param {number} start
 * @param {number} size
 */
const scaled = (at, start, size) =>
  Math.round(Math.min(Math.max((at - start) / (size || 1), 0), 1) * SCALE);

/**
 * @param {MouseEvent} event
 * @param {Element} target
 * @param {DOMRect} box
 */
const placeOf = (event, target, box) => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return {
    s: selectorOf(target),
    x: scaled(event.clientX, box.left, box.width),
    y: scaled(event.clientY, box.top, box.height),
    px: scaled(event.pageX, 0, scrollWidth),
    py: Math.max(event.pageY | 0, 0),
    h: scrollHeight,
  };
};

/**
 * Tell what is clicked often on purpose. Looked up for the third click only: it may search far.
 *
 * @param {Element} target
 */
const isStepper = (target) =>
  target.closest(STEPPERS) || target.parentElement?.querySelector(STEPPERS);

/**
 * Tell a third quick click at one place, unless it selects text or steps a number.
 *
 * @param {MouseEvent} event
 * @param {Element} target
 * @param {Props} place
 */
const watchAnger = (event, target, place) => {
  const { clientX: x, clientY: y, timeStamp: at } = event;
  const last = series[0];
  const goesOn =
    last && at - last.at < QUICK_MS && Math.abs(x - last.x) + Math.abs(y - last.y) < NEAR_PX;
  series = [{ x, y, at }, ...(goesOn ? series : [])];
  if (series.length == 3 && !isStepper(target) && !hasSelection()) tell("$rage", place);
};

/**
 * Tell a click that nothing answers in time.
 *
 * @param {Element} target
 * @param {Props} place
 */
const watchDeath = (target, place) => {
  if (target.closest(ANSWERING)) return;
  const at = performance.now();
  if (!watched++)
    observer.observe(document, {
      subtree: true, childList: true, attributes: true, characterData: true,
    });
  setTimeout(() => {
    if (!--watched) observer.disconnect();
    const moved = movedAt >= at && movedAt - at < REACTION_MS;
    if (answeredAt < at && !moved && !hasSelection()) tell("$dead", place);
  }, DEAD_MS);
};

listen("scroll", () => {
  movedAt = performance.now();
});
listen("selectionchange", () => {
  if (hasSelection()) movedAt = performance.now();
});
listen("click", (event) => {
  const { target } = event;
  // A click by keyboard or program has no place; the visitor's own has a detail.
  if (event.button || !event.detail || !(target instanceof Element) || isPrivate(target)) return;
  const box = target.getBoundingClientRect();
  // A label passes its click on to a field that lies elsewhere.
  if (target.matches("input") && scaled(event.clientX, box.left, box.width) % SCALE == 0) return;
  const place = placeOf(event, target, box);
  tell("$click", place);
  watchAnger(event, target, place);
  watchDeath(target, place);
});
hooks.push(answer);
