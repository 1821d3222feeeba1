/** What the browsers have and the compiler's library does not know, and what we put on window. */

type Props = Record<string, string | number | boolean>;

interface Options {
  props?: Props;
  revenue?: { amount: string | number; currency: string };
  /** false: the event does not end a bounce. */
  interactive?: boolean;
}

interface Statflow {
  (name: string, options?: Options): void;
  /** Calls made before the tracker loaded; the page's stub fills it. */
  q?: [name: string, options?: Options][];
  /** Called before each report; the first puts our listeners back. Says that a tracker runs. */
  r?: ((leaving?: Event) => void)[];
  /** The listener of the site's own rules by selector (selectors.js). */
  s?: (event: Event) => void;
}

/** What an event carries besides what all carry (the contract's table of the beacon). */
interface WireFields {
  /** The page, where it is another than the one counted last. */
  u?: string;
  /** Referrer, of page views only. */
  r?: string;
  p?: Props;
  $?: Options["revenue"];
  i?: boolean;
  /** Engaged milliseconds. */
  g?: number;
  /** Scroll depth, 0 to 100. */
  d?: number;
  /** The edge's id of this load, with its first page view only. */
  l?: string;
  /** The document's status, if it is an error; likewise. */
  s?: string;
}

declare const statflow: Statflow;

/** What the build puts in or leaves out: there is one core for each choice of these. */
declare const WITH_DOWNLOADS: boolean;
declare const WITH_FORMS: boolean;
declare const WITH_HASH: boolean;

declare const __SF__: import("./settings.js").Settings;
declare const __SF_RULES__: unknown;

interface Window {
  statflow?: Statflow;
  Cypress?: unknown;
  _phantom?: unknown;
  __nightmare?: unknown;
}

interface Navigator {
  globalPrivacyControl?: boolean;
}
