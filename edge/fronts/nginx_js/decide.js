/* Decide from headers whether an answer may get the tag: edge/inject/decide.py.
 *
 * Which requests may be for pages, nginx has decided before (edge/fronts/nginx_maps.py).
 */

import shared from 'text.js';

const NO = shared.NO;
const isAscii = shared.isAscii;

function asked(r, name) {
    const value = r.headersIn[name];
    return value === undefined ? '' : String(value);
}

const NOT_ASCII = new RegExp(
    '^(?:cs)?(?:utf-?16|utf-?32|utf-?7|ucs-?[24]|unicode|iso-?10646|iso-?2022|hz\\b|hz-gb|cp037|'
    + 'ibm|ebcdic)'
);
const KNOWN_CHARSET = new RegExp(
    '^(?:x-)?(?:cs)?(?:utf-?8|unicode-1-1-utf-8|iso[-_]?(?:ir-?)?[0-9]|latin|l[1-9]\\b|us-ascii|'
    + 'ascii|ansi|windows-|cp[0-9]|koi|gb|chinese|big5|euc|shift|sjis|ms_kanji|ms932|ms949|mac|'
    + 'korean|ks|dos-874|tis-620|arabic|cyrillic|greek|hebrew|logical|visual|sun_eu)'
);

function field(r, name) {
    const value = r.headersOut[name];
    return value === undefined ? '' : Array.isArray(value) ? value.join(',') : String(value);
}

/* A value that decides; one with other characters than ASCII decides against the tag. */
function plainField(r, name) {
    const value = field(r, name);
    if (!isAscii(value)) {
        throw NO;
    }
    return value;
}

function hasDirective(value, name) {
    return value.toLowerCase().split(',').some((part) => part.split('=')[0].trim() === name);
}

function describe(r) {
    const type = plainField(r, 'Content-Type').toLowerCase();
    const match = /;\s*charset\s*=\s*["']?([^"';\s]*)/.exec(type);
    return { media: type.split(';')[0].trim(), charset: match ? match[1] : '' };
}

function isAttachment(value) {
    const kind = value.split(';')[0].trim().toLowerCase();
    return kind !== '' && kind !== 'inline' && kind.indexOf('=') < 0;
}

function hasPageStatus(status) {
    return status >= 200 && (status < 300 || status >= 400)
        && status !== 204 && status !== 205 && status !== 206;
}

function mayBeTagged(r, described) {
    return hasPageStatus(r.status)
        && (described.media === 'text/html' || described.media === 'application/xhtml+xml')
        && !isAttachment(field(r, 'Content-Disposition'))
        && !hasDirective(plainField(r, 'Cache-Control'), 'no-transform')
        && !hasDirective(asked(r, 'Cache-Control'), 'no-transform')
        && !field(r, 'Signature-Input')
        && !NOT_ASCII.test(described.charset)
        && plainField(r, 'Integrity-Policy').toLowerCase().indexOf('script') < 0
        && field(r, 'Content-Length') !== '0'
        && /^(?:identity)?$/i.test(plainField(r, 'Content-Encoding'));
}

export default { asked, field, describe, mayBeTagged, KNOWN_CHARSET };
