import { page } from "./views.js";

/**
 * Read what the browser was told of this load, while no page of it has been counted: the first group
 * of a pattern in the JSON of the navigation's timing. Its own JSON is read because that takes no
 * guard: browsers without what is looked for, and pages without it, all give undefined.
 *
 * @param {RegExp} pattern
 * @returns {string | undefined}
 */
const told = (pattern) =>
  ((!page && pattern.exec(JSON.stringify(performance.getEntriesByType("navigation")))) ||
    /** @type {any} */ (0))[1];

/** The id that the edge gave this load of the document: the description of `Server-Timing: sf`. */
export const loadId = () => told(/"sf",.*?n":"(.*?)"/);

/** The status of the document, if it is an error: `PerformanceResourceTiming.responseStatus`. */
export const errorStatus = () => told(/eStatus":([45]..)/);
