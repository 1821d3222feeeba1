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

const NOT_ASCII = /^(?:cs)?(?:utf-?(?:16|32|7)|ucs-?[24]|unicode|iso-?(?:10646|2022)|hz\b|cp037|ibm|ebcdic)/;
const KNOWN_ASCII = /^(?:utf-?8|unicode-1-1-utf-8|iso[-_]?(?:ir-?)?[0-9]|latin|l[1-9]\b|us-ascii|ascii|ansi)/;
const KNOWN_PAGE = /^(?:windows-|cp[0-9]|koi|mac|dos-874|tis-620|arabic|cyrillic|greek|hebrew|logical|visual)/;
const KNOWN_ASIAN = /^(?:gb|chinese|big5|euc|shift|sjis|ms_kanji|ms932|ms949|korean|ks|sun_eu)/;

const CHARSET = /;\s*charset\s*=\s*["']?([^"';\s]*)/;

/* Tell whether browsers take the charset from the header, not from <meta charset>. */
function isKnownCharset(charset) {
    if (charset === '' || charset === 'utf-8') {
        return charset !== '';
    }
    const name = charset.replace(/^x-/, '').replace(/^cs/, '');
    return KNOWN_ASCII.test(name) || KNOWN_PAGE.test(name) || KNOWN_ASIAN.test(name);
}

function field(r, name) {
    const value = r.headersOut[name];
    return value === undefined ? '' : Array.isArray(value) ? value.join(',') : String(value);
}

/* A value that decides; one with other characters than ASCII decides against the tag. */
function plainField(r, name) {
    const value = field(r, name);
    if (value !== '' && !isAscii(value)) {
        throw NO;
    }
    return value;
}

function forbidsTransform(value) {
    const lower = value.toLowerCase();
    return lower.indexOf('no-transform') >= 0
        && lower.split(',').some((part) => part.split('=')[0].trim() === 'no-transform');
}

function describe(r) {
    const type = plainField(r, 'Content-Type').toLowerCase();
    const end = type.indexOf(';');
    if (end < 0) {
        return { media: type.trim(), charset: '' };
    }
    const match = CHARSET.exec(type);
    return { media: type.slice(0, end).trim(), charset: match ? match[1] : '' };
}

function isPlain(coding) {
    return coding === '' || coding.toLowerCase() === 'identity';
}

function isAttachment(value) {
    if (value === '') {
        return false;
    }
    const kind = value.split(';')[0].trim().toLowerCase();
    return kind !== '' && kind !== 'inline' && kind.indexOf('=') < 0;
}

function hasPageStatus(status) {
    return status >= 200 && (status < 300 || status >= 400)
        && status !== 204 && status !== 205 && status !== 206;
}

function mayBeTagged(r, described, isRemarkable) {
    return hasPageStatus(r.status)
        && (described.media === 'text/html' || described.media === 'application/xhtml+xml')
        && !NOT_ASCII.test(described.charset)
        && field(r, 'Content-Length') !== '0'
        && (!isRemarkable || isUnremarkable(r));
}

function isUnremarkable(r) {
    return !isAttachment(field(r, 'Content-Disposition'))
        && !forbidsTransform(plainField(r, 'Cache-Control'))
        && !forbidsTransform(asked(r, 'Cache-Control'))
        && !field(r, 'Signature-Input')
        && plainField(r, 'Integrity-Policy').toLowerCase().indexOf('script') < 0
        && isPlain(plainField(r, 'Content-Encoding'));
}

export default { asked, field, describe, mayBeTagged, isKnownCharset };
