import type { Props, Revenue } from "./beacon.js";

export type { Props, Revenue, SignalName, SignalProps, WireBatch, WireEvent } from "./beacon.js";

export interface Options {
  props?: Props;
  revenue?: Revenue;
  /** false: the event does not end a bounce. */
  interactive?: boolean;
}

/** Count a custom event. Kept until the tracker has loaded; on a server nothing happens. */
export declare function track(name: string, options?: Options): void;

export interface LoadOptions {
  /** Where the script is; `/sf/tracker.js` of the page's own site if absent. */
  src?: string;
  /** The nonce of the page's Content Security Policy. */
  nonce?: string;
}

/**
 * Load the tracker, once, where the edge does not put it into the pages. Behind the edge it does
 * nothing that the page does not have already.
 */
export declare function load(options?: LoadOptions): void;
