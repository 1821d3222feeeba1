/* Find the place in pages that start as most do, by patterns instead of byte by byte.
 *
 * A third of the scanner's time. Answers -1 wherever the scanner (prelude.js) might see more.
 */

const USUAL_BYTES = 1024;
const DOCTYPE = /^[ \t\n\f\r]*<!doctype html>[ \t\n\f\r]*<html(?=[ >\n])/i;
const HTML = /^(?:[ \t\n\f\r]+(?!amp)[a-z-]+=(?:"[ !#-~]*"|[a-z0-9_-]+))*[ \t\n\f\r]*>[ \t\n\f\r]*<head>/i;
const NO_SCRIPT = /^[ \t\n\f\r]*(?:[^< \t\n\f\r]|<[^s]|<s[^c])/i;
const ASCII = /^[\x00-\x7e]*$/;
const ANY_CHARSET = /charset/i;
const CHARSET = /charset\s*=\s*["']?[a-z0-9_-]+["']?\s*\/?>/i;

/* Decode the start of a page; a pattern here only takes ASCII, so characters count as bytes. */
function findPlace(bytes, ended, expects) {
    if (expects.isXml) {
        return -1;
    }
    const start = bytes.subarray(0, USUAL_BYTES).toString();
    const doctype = DOCTYPE.exec(start);
    if (doctype === null) {
        return -1;
    }
    const html = HTML.exec(start.slice(doctype[0].length));
    if (html === null) {
        return -1;
    }
    const place = doctype[0].length + html[0].length;
    const rest = start.slice(place);
    if (!NO_SCRIPT.test(rest)) {
        return -1;
    }
    const isAll = ended || bytes.length >= USUAL_BYTES;
    return expects.isNamed || hasRoom(rest, isAll, place, expects.tagBytes) ? place : -1;
}

/* Tell whether <meta charset> stays inside the first 1,024 bytes, if there is one. */
function hasRoom(rest, isAll, place, tagBytes) {
    const any = ANY_CHARSET.exec(rest);
    if (any === null) {
        return isAll;
    }
    const named = CHARSET.exec(rest);
    if (named === null || named.index !== any.index) {
        return false;
    }
    const end = named.index + named[0].length;
    return isAll && ASCII.test(rest.slice(0, end)) && place + end + tagBytes <= USUAL_BYTES
        && !ANY_CHARSET.test(rest.slice(end));
}

export default { findPlace };
