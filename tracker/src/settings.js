/**
 * The site's switches. The build leaves one placeholder, the string literal "__SF__" with its
 * quotes, and the edge puts this list in its place; what is absent means the default. What a site may
 * do without altogether is no setting: the build leaves it out (`WITH_…` in globals.d.ts).
 *
 * @typedef {[
 *   endpoint: string,
 *   pixel: string,
 *   keepsQuery?: 0 | 1,
 *   ignoresSignals?: 0 | 1,
 * ]} Settings
 *
 * `endpoint` takes the beacons: a path or an absolute URL; the pixel is named likewise.
 * `keepsQuery`: the site keeps query parameters of its own; the edge alone filters them.
 * `ignoresSignals`: the site does not follow Do Not Track and Global Privacy Control.
 */

export const [endpoint, pixel, keepsQuery, ignoresSignals] = /** @type {Settings} */ (__SF__);
