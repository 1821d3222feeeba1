/**
 * Send the events of a site's own rules by CSS selector: appended to the tracker of sites that have
 * such rules, and to no other's. The rules are known to be selectors that every browser takes.
 *
 * The build leaves one placeholder, the string literal "__SF_RULES__" with its quotes; the edge puts
 * the rules there, in their order: what must be done, the selector, the event's name, its properties.
 */

/** @type {[type: string, selector: string, name: string, props: Props][]} */
const rules = /** @type {any} */ (__SF_RULES__);

/** Nothing, where the tracker found that it should not run: in a frame of a page of the same site. */
const running = /** @type {Partial<Statflow>} */ (window.statflow || {});

/**
 * Count what the first rule that matches says. Run again, the tracker's file finds the listener of the
 * first run, and to add that again is no act.
 */
const onDone = (running.s =
  running.s ||
  ((event) => {
    try {
      const target = /** @type {Element} */ (event.target);
      const rule = rules.find(([type, selector]) => event.type == type && target.closest(selector));
      if (rule) /** @type {Statflow} */ (window.statflow)(rule[2], { props: rule[3] });
    } catch (_) {
      // Counting less is better than disturbing the page.
    }
  }));

if (running.r) for (const type of ["click", "submit"]) addEventListener(type, onDone, true);
