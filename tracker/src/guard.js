/**
 * Make a function that never throws into the page: whatever goes wrong, also because the page has
 * replaced what we call, counting less is better than disturbing it.
 *
 * @template {any[]} A
 * @param {(...given: A) => void} work
 * @returns {(...given: A) => void}
 */
export const guard = (work) => (...given) => {
  try {
    work(...given);
  } catch (_) {
    // See above.
  }
};
