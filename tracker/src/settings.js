/**
 * The site's switches. The build leaves one placeholder, the string literal "__SF__" with its
 * quotes, and the edge puts this object in its place; absent keys mean the default.
 *
 * @typedef {object} Settings
 * @property {string} e Endpoint that takes the beacons: a path or an absolute URL.
 * @property {string} p The pixel, named likewise.
 * @property {0 | 1} h 1: routes live in the fragment.
 * @property {0 | 1} [k] 1: the site keeps query parameters of its own; the edge alone filters them.
 * @property {0 | 1} [n] 1: the site does not follow Do Not Track and Global Privacy Control.
 */

export const {
  e: endpoint,
  p: pixel,
  h: hashRoutes,
  k: keepsQuery,
  n: ignoresSignals,
} = /** @type {Settings} */ (__SF__);
