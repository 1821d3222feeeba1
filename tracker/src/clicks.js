import { track } from "./views.js";

/** In the order that compresses best. */
const FILES =
  /\.(csv|mov|mp[34]|gz|epub|(xls|doc|ppt)x?|pdf|7z|exe|txt|rar|dmg|zip)$/i;

/**
 * Count declared events, downloads and links that lead away. Never delays the navigation.
 * `<a data-sf-event="Upgrade" data-sf-options='{"props": {"plan": "pro"}}'>` is the same as
 * `statflow("Upgrade", {props: {plan: "pro"}})`.
 *
 * @param {MouseEvent} event
 */
export const onClick = (event) => {
  // The middle button opens a link, the right one does not.
  if (event.button > 1) return;
  const target = /** @type {Element} */ (event.target);
  const declared = /** @type {HTMLElement} */ (target.closest("[data-sf-event]"));
  if (declared) {
    track(
      /** @type {string} */ (declared.dataset.sfEvent),
      declared.dataset.sfOptions && JSON.parse(declared.dataset.sfOptions),
    );
  }
  const link = /** @type {HTMLAnchorElement} */ (target.closest("a[href]"));
  // A link to mail, telephone or script has no host.
  if (link && link.host) {
    const name =
      WITH_DOWNLOADS && FILES.test(link.pathname)
        ? "File Download"
        : link.host != location.host && "Outbound Link: Click";
    if (name) track(name, { props: { url: link.origin + link.pathname } });
  }
};
