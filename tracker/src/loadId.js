/**
 * Read the id that the edge gave this load of the document, if it gave one: the description of
 * `Server-Timing: sf`. The entry's own JSON is read because it takes no guard: browsers without
 * server timings, pages without the header and ids without a value all give undefined.
 *
 * @returns {string | undefined}
 */
export const loadId = () =>
  (/"sf",.*?n":"(.*?)"/.exec(JSON.stringify(performance.getEntriesByType("navigation"))) || /** @type {any} */ (0))[1];
