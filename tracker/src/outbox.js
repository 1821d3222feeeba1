import { guard } from "./guard.js";
import { isSilent } from "./isSilent.js";
import { now } from "./now.js";
import { endpoint, pixel } from "./settings.js";
import { page } from "./views.js";

/** The most events one request carries; with long addresses they still fit into 64 KiB. */
const BATCH = 25;
/** With doubling pauses this bridges two minutes without an edge. */
const RETRIES = 6;

/**
 * Events not yet acknowledged.
 *
 * @type {object[]}
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
export const put = guard((name, fields) => {
    if (!isSilent()) {
      const happenedAt = now();
      // Props that are no JSON throw here, before they can spoil a batch.
      JSON.stringify(fields);
      waiting.push({
        n: name,
        u: page,
        w: innerWidth,
        // A browser driven by a program is marked, not hidden.
        b: navigator.webdriver,
        ...fields,
        // The age is taken when the batch is written, at each try.
        get a() {
          return now() - happenedAt;
        },
      });
      timer = timer || setTimeout(flush);
    }
  });

/** Send what waits. A refused batch comes back and is tried again, from memory only. */
export const flush = guard(() => {
  timer = 0;
  if (blocked || !waiting[0]) return;
  const batch = waiting.splice(0, BATCH);
  const body = JSON.stringify({ v: 1, e: batch });
  const retry = () => {
    if (failures++ < RETRIES) {
      waiting = batch.concat(waiting);
      timer = timer || setTimeout(flush, 1000 << failures);
    }
  };
  // A fetch without keepalive dies with its page: such browsers get the older call, which cannot
  // tell whether it was refused.
  if ("keepalive" in Request.prototype)
    fetch(endpoint, { method: "POST", body, keepalive: true }).then(
      // 429 and 5xx pass; a batch refused with another 4xx will never be taken.
      (response) => (response.status > 428 ? retry() : (failures = 0)),
      // The page that is left fails its requests a moment before it goes, and they arrive all the
      // same: what fails counts as lost only where the page lives on.
      () => guard(setTimeout)(retry, 200),
    );
  else navigator.sendBeacon(endpoint, body);
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
