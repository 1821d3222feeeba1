/**
 * Make a listener that never throws into the page: counting less is better than disturbing it.
 *
 * @template {any[]} A
 * @param {(...given: A) => void} listener
 * @returns {(...given: A) => void}
 */
export const guard = (listener) => (...given) => {
  try {
    listener(...given);
  } catch (_) {
    // See above.
  }
};
