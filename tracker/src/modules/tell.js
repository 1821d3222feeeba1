import { hooks } from "./hooks.js";

/** The longest that a signal waits for others: so much later than it happened it may be dated. */
const PATIENCE_MS = 9000;

/**
 * Signals that wait.
 *
 * @type {[name: string, props: Props][]}
 */
let waiting = [];
let timer = 0;

const drain = () => {
  clearTimeout(timer);
  timer = 0;
  // Whatever calls us is the page's or the tracker's: neither hears of a mistake of ours.
  for (const [name, props] of waiting.splice(0)) statflow(name, { props });
};

hooks.push(drain);

/**
 * Hand a signal to the tracker, with others: before the visitor turns away or goes to another page
 * of a single-page site, else within nine seconds.
 *
 * @param {string} name
 * @param {Props} props
 */
export const tell = (name, props) => {
  waiting.push([name, props]);
  timer = timer || setTimeout(drain, PATIENCE_MS);
};
