/**
 * Read a clock that never jumps: the visitor's wall clock may, and it is nobody's business.
 *
 * @returns {number} Whole milliseconds since the navigation began.
 */
export const now = () => performance.now() | 0;
