import { keepsQuery } from "./settings.js";

const KEPT = /[?&]((utm_\w+|ref|source)=[^&]*|\w*(clk?|bra|fat_)id=.)/g;

/**
 * Write the page's address with nothing in it that could name a person: of the query only campaign
 * parameters are left, and of a click id its name and one character, for an empty value would read as
 * an absent one. The edge filters again.
 */
export const pageUrl = () =>
  (location.origin +
  location.pathname +
  (keepsQuery ? location.search : (location.search.match(KEPT) || []).join("").replace(/^&/, "?")) +
  route()).slice(0, 2000);

/** The part of the fragment that names a page. */
export const route = () => (WITH_HASH ? location.hash.split("?")[0] : "");
