/** Errors whose messages quote names of the program, not what it works on. */
const NAMING = /^(Type|Reference|Syntax)Error$/;
const NAME = /^[a-z_$][\w$.]{0,39}$/i;

/**
 * Write an error's message so that it says nothing of the visitor: quoted text, numbers, words with
 * several digits and queries of addresses go, names of the program stay. The edge does the same again.
 *
 * @param {string} message
 * @param {string} type
 */
export const withoutValues = (message, type) =>
  message
    .replace(/(["'`])(.{1,300}?)\1/g, (whole, quote, text) =>
      NAMING.test(type) && NAME.test(text) ? whole : quote + "\u2026" + quote,
    )
    .replace(/\?\S+/g, "?")
    .replace(/\b\d[\w.]*/g, "0")
    .replace(/\b\w*\d\w*\d\w*/g, "\u2026");
