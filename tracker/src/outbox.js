import { guard } from "./guard.js";
import { isSilent } from "./isSilent.js";
import { now } from "./now.js";
import { endpoint, pixel } from "./settings.js";
import { isGone, page } from "./views.js";

/** The most events one request carries; with long addresses they still fit into 64 KiB. */
const BATCH = 25;
/** With doubling pauses this bridges two minutes without an edge. */
const RETRIES = 6;

/**
 * Events not yet acknowledged, each as what writes it: what may cost a layout or changes while the event
 * waits is asked when its batch is written, at each try.
 *
 * @type {(() => object)[]}
 */
let waiting = [];
let timer = 0;
let failures = 0;
/** @type {1 | undefined} */
let blocked;

/**
 * Keep an event until the end of the task, so that what happens together travels together.
 *
 * @type {(name: string, fields: WireFields) => void}
 */
export const put = guard((name, fields, happenedAt = now(), seen = page) => {
  // Props that are no JSON throw here, before they can spoil a batch.
  JSON.stringify(fields);
  waiting.push(() => ({
    n: name,
    u: seen,
    w: innerWidth,
    // A browser driven by a program is marked, not hidden.
    b: navigator.webdriver,
    a: now() - happenedAt,
    ...fields,
  }));
  timer = timer || setTimeout(flush);
});

/**
 * Send what waits, unless the visitor asked not to be counted. A refused batch comes back and is tried
 * again, from memory only.
 */
export const flush = guard(() => {
  timer = 0;
  const batch = waiting.slice(0, BATCH);
  if (!batch[0]) return;
  const body = JSON.stringify({ v: 1, e: batch.map((write) => write()) });
  const retry = () => {
    if (failures++ < RETRIES) {
      waiting.unshift(...batch);
      timer = timer || setTimeout(flush, 1000 << failures);
    }
  };
  // A page that goes sends a beacon: Firefox starts no fetch in a process that ends with its page. While
  // the page lives on a fetch is better, for it tells whether the batch was refused.
  blocked ||
    isSilent() ||
    (isGone && navigator.sendBeacon && navigator.sendBeacon(endpoint, body)) ||
    fetch(endpoint, { method: "POST", body, keepalive: true }).then(
      // 429 and 5xx pass; a batch refused with another 4xx will never be taken.
      (response) => (response.status > 428 ? retry() : (failures = 0)),
      // The page that is left fails its requests a moment before it goes, and they arrive all the
      // same: what fails counts as lost only where the page lives on.
      () => guard(setTimeout)(retry, 200),
    );
  // Not before: Firefox stops the script of a process that ends with its page wherever it is, and what
  // was not sent by then goes with the next event by which the page goes.
  waiting = waiting.slice(BATCH);
  flush();
});

/**
 * Note that the page's own policy forbids our requests (a `<meta>` policy, which the edge cannot
 * amend): ask for the pixel, which counts the view if images are allowed, then give up.
 *
 * @param {SecurityPolicyViolationEvent} violation
 */
export const onViolation = (violation) => {
  if (!blocked && violation.disposition < "f" && violation.blockedURI.endsWith(endpoint)) {
    blocked = 1;
    new Image().src = pixel;
  }
};
