import { guard } from "../guard.js";
import { hooks } from "./hooks.js";

/**
 * Follow an event of the window, passively, before the page's own listeners. Put back at every
 * report: `document.open` wipes listeners, and to add the same one again is no act.
 *
 * @param {string} type
 * @param {(event: any) => void} listener
 */
export const listen = (type, listener) => {
  const guarded = guard(listener);
  const add = () => addEventListener(type, guarded, { capture: true, passive: true });
  hooks.push(add);
  add();
};
