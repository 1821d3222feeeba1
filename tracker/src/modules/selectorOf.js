/** Longest selector worth sending; the end that names the element is what is kept. */
const MOST = 250;
/** An id that somebody wrote; one with numbers may be made for each visit. */
const STABLE = /^[a-z][a-z_-]*\d?$/i;

/**
 * Name an element by a CSS selector of tags, positions and a written id: no text, no value, no
 * class, for those change with what a visitor does.
 *
 * @param {Element | null} element
 * @returns {string}
 */
export const selectorOf = (element) => {
  let selector = "";
  for (let at = element; at; at = at.parentElement) {
    const step = STABLE.test(at.id) ? "#" + at.id : at.localName + position(at);
    if ((step + selector).length > MOST) break;
    selector = selector ? step + ">" + selector : step;
    if (step[0] == "#") break;
  }
  return selector;
};

/**
 * Say which of its kind an element is, where it has siblings of its kind.
 *
 * @param {Element} element
 */
const position = (element) => {
  let nth = 1;
  let hasTwins = 0;
  for (let at = element.previousElementSibling; at; at = at.previousElementSibling)
    if (at.localName == element.localName) nth++;
  for (let at = element.nextElementSibling; at && !hasTwins; at = at.nextElementSibling)
    if (at.localName == element.localName) hasTwins = 1;
  return nth > 1 || hasTwins ? `:nth-of-type(${nth})` : "";
};
