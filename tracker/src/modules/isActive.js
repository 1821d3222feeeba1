/** Tell whether the visitor has the page before them: visible and focused. */
export const isActive = () => !document.hidden && document.hasFocus();
