/**
 * What the tracker calls before it reports on the page: with an event when the visitor turns away
 * (blur, hidden, pagehide), without one when a single-page site goes on to another page. What is
 * told from within still belongs to the page that is left.
 */
export const hooks = /** @type {((leaving?: Event) => void)[]} */ (statflow.r);
