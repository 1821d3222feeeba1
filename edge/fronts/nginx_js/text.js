/* Bytes and texts, in a way that njs 0.7 survives.
 *
 * It loops for ever where a regular expression with the flag g meets the end of a text with other
 * characters than ASCII. So nothing here has that flag, and who reads what comes from outside asks
 * isAscii first. It also runs a module anew for every request, so patterns are literals, which it
 * compiles once, and what is seldom needed is made where it is. Nor does it free memory before a
 * request ends: texts are joined, never grown.
 *
 * WAIT and NO are thrown: "more of the page is needed", "this page stays as it is".
 */

const WAIT = { wait: true };
const NO = { no: true };
const ASCII = /^[\x00-\x7e]*$/;

function isAscii(value) {
    return ASCII.test(value);
}

/* As many characters as bytes; what is not ASCII becomes DEL, which means nothing in markup. */
function text(bytes, from, to) {
    const decoded = bytes.subarray(from, to).toString();
    if (decoded.length === to - from && ASCII.test(decoded)) {
        return decoded;
    }
    const out = [];
    for (let i = from; i < to; i++) {
        out.push(String.fromCharCode(bytes[i] < 128 ? bytes[i] : 127));
    }
    return out.join('');
}

/* Put something else for every match of a pattern; for short texts only. */
function replaceEach(value, pattern, render) {
    let out = '';
    let rest = value;
    for (;;) {
        const match = pattern.exec(rest);
        if (match === null || match[0].length === 0) {
            return out + rest;
        }
        out += rest.slice(0, match.index) + render(match);
        rest = rest.slice(match.index + match[0].length);
    }
}

export default { WAIT, NO, isAscii, text, replaceEach };
