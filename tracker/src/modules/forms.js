/** Forms: in which order and for how long fields were filled, and how it ended; never a value. */
import { guard } from "../guard.js";
import { hooks } from "./hooks.js";
import { isPrivate } from "./isPrivate.js";
import { listen } from "./listen.js";
import { selectorOf } from "./selectorOf.js";

/**
 * @typedef {object} Begun
 * @property {number} since
 * @property {string} last
 * @property {Map<string, { ms: number, times: number }>} fields In order of first touch.
 */

/** @type {Map<HTMLFormElement, Begun>} */
const begun = new Map();
let enteredAt = 0;
/** @type {HTMLElement | undefined} */
let entered;

/**
 * @param {Element} element
 */
const nameOf = (element) =>
  (element.getAttribute("name") || element.id || selectorOf(element)).slice(0, 120);

/**
 * @param {any} target
 * @returns {boolean}
 */
const isField = (target) =>
  target instanceof Element &&
  target.matches("input:not([type=submit]):not([type=button]):not([type=hidden]),select,textarea") &&
  /** @type {HTMLInputElement} */ (target).form != null &&
  !isPrivate(target);

/** Add the time in the field that was left. */
const leaveField = () => {
  if (!entered) return;
  const { form } = /** @type {HTMLInputElement} */ (entered);
  const field = form && begun.get(form)?.fields.get(nameOf(entered));
  if (field) field.ms += performance.now() - enteredAt;
  entered = undefined;
};

/**
 * @param {HTMLFormElement} form
 * @param {"submitted" | "abandoned"} outcome
 */
const end = (form, outcome) => {
  leaveField();
  const found = begun.get(form);
  begun.delete(form);
  if (!found) return;
  const f = nameOf(form);
  const v = Math.round(performance.now() - found.since);
  statflow("$form", { props: { f, o: outcome, s: found.last, v, n: found.fields.size } });
  let i = 0;
  found.fields.forEach(({ ms, times }, s) => {
    if (++i <= 40) statflow("$field", { props: { f, s, i, v: Math.round(ms), n: times } });
  });
};

listen("focusin", ({ target }) => {
  leaveField();
  if (!isField(target)) return;
  const { form } = target;
  const name = nameOf(target);
  const now = performance.now();
  const found = begun.get(form) || { since: now, last: name, fields: new Map() };
  begun.set(form, found);
  found.last = name;
  const field = found.fields.get(name) || { ms: 0, times: 0 };
  found.fields.set(name, field);
  field.times++;
  entered = target;
  enteredAt = now;
});
listen("focusout", leaveField);
listen("submit", ({ target }) => end(target, "submitted"));
hooks.push(
  guard((leaving) => {
    // To look at another window is not to give up: the page must go, or another take its place.
    if (!leaving || leaving.type == "pagehide")
      begun.forEach((_, form) => end(form, "abandoned"));
  }),
);
