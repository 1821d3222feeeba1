/* Find the place of the tag in a page by the HTML parser's own rules: edge/inject/prelude.py.
 *
 * Tested against the same pages as the Python scanner, and against it. A page that has not arrived
 * far enough throws WAIT; asked again with more of it, the scan goes on at the token it was in.
 */

import charset from 'charset.js';
import shared from 'text.js';

const WAIT = shared.WAIT;
const NO = shared.NO;
const text = shared.text;

const SCAN_BYTES = 65536;
const PRESCAN_BYTES = 1024;
const OWN_TAG_BYTES = 1024;
const MOST_STEPS = 300000;

const LESS = 60, GREATER = 62, BANG = 33, QUESTION = 63, SLASH = 47, DASH = 45, EQUALS = 61;
const HEAD_CLOSERS = ['head', 'body', 'html', 'br'];
const AMP = /^(?:amp|%e2%9a%a1)(?:4ads|4email)?$/;

function attributeName(bytes, from, to) {
    const out = [];
    for (let i = from; i < to; i++) {
        out.push(bytes[i] < 128 ? String.fromCharCode(bytes[i]) : '%' + bytes[i].toString(16));
    }
    return out.join('').toLowerCase();
}

function isSpace(byte) {
    return byte === 32 || byte === 9 || byte === 10 || byte === 12 || byte === 13;
}

function isLetter(byte) {
    return (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
}

/* A page's start as far as it has arrived; what is missing is thrown as WAIT, or NO at the end. */
function Prelude(expects) {
    this.bytes = null;
    this.ended = false;
    this.at = -1;
    this.seen = 0;
    this.evidence = !expects.needsEvidence;
    this.expects = expects;
    this.isPlaced = false;
    this.steps = 0;
    this.tagAt = 0;
    this.names = [];
    this.settledAt = 0;
}

Prelude.prototype.need = function (length) {
    if (this.bytes.length >= length) {
        return;
    }
    throw this.ended || this.bytes.length >= SCAN_BYTES ? NO : WAIT;
};

/* Bound the work on a page that comes in tiny pieces: a token is read again with each of them. */
Prelude.prototype.count = function (steps) {
    this.steps += steps;
    if (this.steps > MOST_STEPS) {
        throw NO;
    }
};

Prelude.prototype.seek = function (wanted, at) {
    const bytes = this.bytes;
    const from = at;
    while (at < bytes.length && !wanted(bytes[at])) {
        at++;
    }
    this.count(at - from);
    this.need(at + 1);
    return at;
};

Prelude.prototype.seekText = function (wanted, at) {
    const from = Math.max(at, this.seen - wanted.length);
    const found = this.bytes.indexOf(wanted, from);
    if (found >= 0) {
        this.seen = 0;
        return found;
    }
    this.seen = this.bytes.length;
    this.need(this.bytes.length + 1);
};

Prelude.prototype.notSpace = function (at) {
    return this.seek((byte) => !isSpace(byte), at);
};

/* Answer the offset of the tag; throws WAIT or NO. Goes on at the token where it stopped. */
Prelude.prototype.find = function (bytes, ended) {
    this.bytes = bytes.length > SCAN_BYTES ? bytes.subarray(0, SCAN_BYTES) : bytes;
    this.ended = ended;
    if (this.at < 0) {
        this.at = this.findFirst();
    }
    while (!this.isPlaced) {
        this.isPlaced = this.readToken();
    }
    if (!this.evidence || this.isTaggedAt(this.at)) {
        throw NO;
    }
    const hasBom = bytes[0] === 0xef;
    return this.expects.isNamed || this.expects.isXml || hasBom ? this.at : this.settleCharset();
};

Prelude.prototype.findFirst = function () {
    this.need(2);
    const b = this.bytes;
    if ((b[0] === 0xff && b[1] === 0xfe) || (b[0] === 0xfe && b[1] === 0xff)) {
        throw NO;
    }
    let at = 0;
    if (b[0] === 0xef && b[1] === 0xbb) {
        this.need(3);
        at = b[2] === 0xbf ? 3 : 0;
    }
    at = this.notSpace(at);
    if (b[at] !== LESS) {
        throw NO;
    }
    this.need(at + 2);
    const kind = b[at + 1];
    if (!isLetter(kind) && kind !== BANG && kind !== QUESTION && kind !== SLASH) {
        throw NO;
    }
    return at;
};

/* Pass over one token, or tell that the place is found; this.at is the place or next token. */
Prelude.prototype.readToken = function () {
    const start = this.at;
    let at;
    try {
        at = this.notSpace(start);
    } catch (e) {
        if (e !== NO || this.bytes.length >= SCAN_BYTES) {
            throw e;
        }
        this.at = this.bytes.length;
        return this.implied();
    }
    this.at = at;
    if (this.bytes[at] !== LESS) {
        return this.implied();
    }
    this.need(at + 2);
    const kind = this.bytes[at + 1];
    if (kind === BANG) {
        this.at = this.skipDeclaration(at);
        return false;
    }
    if (kind === QUESTION) {
        const end = this.expects.isXml ? '?>' : '>';
        this.at = this.seekText(end, at + 2) + end.length;
        return false;
    }
    if (kind === SLASH) {
        return this.readEndTag(at);
    }
    return isLetter(kind) ? this.readStartTag(at) : this.implied();
};

Prelude.prototype.implied = function () {
    if (this.expects.isXml) {
        throw NO;
    }
    return true;
};

Prelude.prototype.skipDeclaration = function (at) {
    for (let length = at + 3; length <= at + 4; length++) {
        this.need(length);
        if (this.bytes[length - 1] !== DASH) {
            return this.skipDoctype(at);
        }
    }
    const inner = at + 4;
    if (this.expects.isXml) {
        return this.seekText('-->', inner) + 3;
    }
    this.need(inner + 1);
    if (this.bytes[inner] === GREATER) {
        return inner + 1;
    }
    if (this.bytes[inner] === DASH) {
        this.need(inner + 2);
        if (this.bytes[inner + 1] === GREATER) {
            return inner + 2;
        }
    }
    return this.skipComment(inner);
};

/* A comment ends with --> or --!>. */
Prelude.prototype.skipComment = function (at) {
    const b = this.bytes;
    at = Math.max(at, this.seen - 3);
    for (;;) {
        const found = b.indexOf('--', at);
        if (found < 0) {
            this.seen = b.length;
            this.need(b.length + 1);
        }
        this.seen = found;
        this.need(found + 3);
        if (b[found + 2] === GREATER) {
            this.seen = 0;
            return found + 3;
        }
        if (b[found + 2] === BANG) {
            this.need(found + 4);
            if (b[found + 3] === GREATER) {
                this.seen = 0;
                return found + 4;
            }
        }
        at = found + 1;
    }
};

Prelude.prototype.skipDoctype = function (at) {
    const end = this.seekText('>', at + 2) + 1;
    if (this.expects.isXml) {
        const inside = text(this.bytes, at, end);
        if (inside.indexOf('[') >= 0 || inside.split('"').length % 2 === 0
            || inside.split("'").length % 2 === 0) {
            throw NO;
        }
    }
    if (text(this.bytes, at + 2, Math.min(at + 9, end)).toLowerCase() === 'doctype') {
        this.evidence = true;
    }
    return end;
};

Prelude.prototype.nameEnd = function (at) {
    return this.seek((byte) => isSpace(byte) || byte === SLASH || byte === GREATER, at);
};

Prelude.prototype.readEndTag = function (at) {
    this.need(at + 3);
    if (!isLetter(this.bytes[at + 2])) {
        this.at = this.seekText('>', at + 2) + 1;
        return false;
    }
    const end = this.nameEnd(at + 2);
    if (this.expects.isXml) {
        throw NO;
    }
    if (HEAD_CLOSERS.indexOf(text(this.bytes, at + 2, end).toLowerCase()) >= 0) {
        return true;
    }
    this.at = this.skipAttributes(end);
    return false;
};

Prelude.prototype.readStartTag = function (at) {
    const end = this.nameEnd(at + 1);
    let name = text(this.bytes, at + 1, end);
    name = this.expects.isXml ? name : name.toLowerCase();
    if (name === 'html' || name === 'head' || name === 'body') {
        this.evidence = true;
    }
    if (name !== 'html' && name !== 'head') {
        return this.implied();
    }
    const after = this.skipAttributes(end);
    if (name === 'html' && this.names.some((attribute) => AMP.test(attribute))) {
        throw NO;
    }
    if (this.expects.isXml && this.bytes[after - 2] === SLASH) {
        throw NO;
    }
    this.at = after;
    return name === 'head';
};

/* Skip to behind the > of a tag and note its attributes' names; goes on at the last attribute. */
Prelude.prototype.skipAttributes = function (at) {
    if (this.tagAt < at) {
        this.tagAt = at;
        this.names = [];
    }
    for (;;) {
        at = this.seek((byte) => !isSpace(byte) && byte !== SLASH, this.tagAt);
        if (this.bytes[at] === GREATER) {
            return at + 1;
        }
        const end = this.seek(
            (byte) => isSpace(byte) || byte === SLASH || byte === GREATER || byte === EQUALS, at + 1
        );
        let after = this.notSpace(end);
        if (this.bytes[after] === EQUALS) {
            after = this.skipValue(after + 1);
        }
        this.names.push(attributeName(this.bytes, at, end));
        this.tagAt = after;
    }
};

Prelude.prototype.skipValue = function (at) {
    at = this.notSpace(at);
    const quote = this.bytes[at];
    if (quote === 34 || quote === 39) {
        return this.seek((byte) => byte === quote, at + 1) + 1;
    }
    return this.seek((byte) => isSpace(byte) || byte === GREATER, at);
};

/* The tag of another edge between us and the origin stands at the same place. */
Prelude.prototype.isTaggedAt = function (place) {
    const wanted = '<script';
    try {
        const at = this.notSpace(place);
        for (let i = 0; i < wanted.length; i++) {
            this.need(at + i + 1);
            if ((this.bytes[at + i] | 0x20) !== (wanted.charCodeAt(i) | 0x20)) {
                return false;
            }
        }
        const end = this.seek((byte) => byte === GREATER, at);
        return ownTag(this.expects.script).test(
            text(this.bytes, at, Math.min(end + 1, at + OWN_TAG_BYTES))
        );
    } catch (e) {
        if (e === WAIT) {
            throw e;
        }
        return false;
    }
};

Prelude.prototype.settleCharset = function () {
    const length = Math.min(this.bytes.length, PRESCAN_BYTES);
    const isAll = this.ended || length === PRESCAN_BYTES;
    if (!isAll && this.bytes.indexOf('>', this.settledAt) < 0) {
        throw WAIT;
    }
    this.settledAt = length;
    this.count(length);
    const start = text(this.bytes, 0, length);
    const meta = charset.findMeta(start, this.at);
    if (meta === null) {
        if (!isAll) {
            throw WAIT;
        }
        return this.at;
    }
    if (meta.end + this.expects.tagBytes <= PRESCAN_BYTES) {
        return this.at;
    }
    const between = start.slice(this.at, meta.start);
    const hasPolicy = between.toLowerCase().indexOf('content-security-policy') >= 0;
    if (!charset.isHeadContent(between) || hasPolicy
        || this.isTaggedAt(meta.end)) {
        throw NO;
    }
    return meta.end;
};

/* Match the src of a tag that this edge, or another in front of the origin, has put in. */
function ownTag(script) {
    const cut = script.lastIndexOf('/') + 1;
    const folder = literal(script.slice(0, cut));
    const host = '(?:(?:https?:)?//[^/"\'\\s>]+)?';
    const names = '(?:[0-9a-f]{8,12}\\.js|tracker\\.js|' + literal(script.slice(cut)) + ')';
    const src = '(?:^|[^\\w-])src\\s*=\\s*["\']?';
    return new RegExp(src + host + folder + names + '["\'\\s>]', 'i');
}

/* Paths of ours hold letters, digits, slashes, dashes and dots; only a dot means something. */
function literal(name) {
    return name.split('.').join('\\.');
}

export default { Prelude, SCAN_BYTES };
