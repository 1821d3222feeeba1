/** Areas that are never touched: marked so, editable, or for passwords and payments. */
const PRIVATE =
  "[data-sf-ignore],[contenteditable]:not([contenteditable=false]),[type=password]," +
  "[autocomplete*=cc-],[name*=card i],[name*=cvc i],[name*=cvv i],[name*=iban i]";

/**
 * Tell whether an element, or one around it, is not to be looked at.
 *
 * @param {Element} element
 */
export const isPrivate = (element) => !!element.closest(PRIVATE);
