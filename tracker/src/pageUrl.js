import { hashRoutes, keepsQuery } from "./settings.js";

const KEPT = /[?&]((utm_\w+|ref|source)=[^&]*|(\w*clk?id|[gw]braid)=)/g;

/**
 * Write the page's address with nothing in it that could name a person: of the query only campaign
 * parameters and the names (not the values) of click ids are left. The edge filters again.
 */
export const pageUrl = () =>
  location.origin +
  location.pathname +
  (keepsQuery ? location.search : (location.search.match(KEPT) || []).join("").replace(/^&/, "?")) +
  route();

/** The part of the fragment that names a page. */
export const route = () => (hashRoutes ? location.hash.split("?")[0] : "");
