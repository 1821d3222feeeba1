/** Scroll map: for how long each twentieth of the page was in view, and the deepest percent. */
import { guard } from "../guard.js";
import { hooks } from "./hooks.js";
import { isActive } from "./isActive.js";
import { listen } from "./listen.js";

const BANDS = 20;
/** Shortest time worth a row. */
const WORTH_MS = 1000;

/** @type {number[]} */
let bands;
/** @type {number} */
let depth;
/** Since when the view is as it is; 0 while nobody looks. */
let since = 0;
let [top, bottom] = [0, 0];

const start = () => {
  bands = Array(BANDS).fill(0);
  depth = 0;
};

/** Add the time of the view that was, and note the one that is. */
const tick = () => {
  const now = performance.now();
  if (since)
    for (let band = Math.floor(top * BANDS); band < bottom * BANDS && band < BANDS; band++)
      bands[band] += now - since;
  since = isActive() ? now : 0;
  const height = document.documentElement.scrollHeight || 1;
  top = Math.max(scrollY / height, 0);
  bottom = Math.min((scrollY + innerHeight) / height, 1);
  depth = Math.max(depth, bottom);
};

start();
// Not at once: to ask a page that is being loaded for its height would cost a layout.
guard(requestAnimationFrame)(guard(() => setTimeout(guard(tick))));
listen("scroll", tick);
listen("resize", tick);
listen("focus", tick);
listen("visibilitychange", tick);
hooks.push(
  guard(() => {
    tick();
    if (Math.max(...bands) >= WORTH_MS)
      statflow("$scroll", {
        props: {
          d: Math.round(depth * 100),
          h: document.documentElement.scrollHeight,
          b: bands.map(Math.round).join(),
        },
      });
    start();
    tick();
  }),
);
