import { ignoresSignals } from "./settings.js";

/**
 * Tell whether this visitor asked not to be counted: Global Privacy Control, Do Not Track, or the
 * opt-out page's cookie, the one thing that is ever read from the device. Asked before every request,
 * so that a choice made in another tab counts at once.
 *
 * @throws {DOMException} In a sandboxed document, which may not look at its cookies; it belongs to
 *   another page's frame and is not counted.
 */
export const isSilent = () =>
  (!ignoresSignals && (navigator.globalPrivacyControl || /** @type {any} */ (navigator.doNotTrack) == 1)) ||
  /sf_out=1/.test(document.cookie);
