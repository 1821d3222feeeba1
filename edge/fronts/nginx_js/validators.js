/* Keep caches truthful: marks on entity tags, dates no older than the tag.
 *
 * The rules of edge/inject/validators.py. *What takes marks off requests is called for js_set; it
 * gives the value to send, '' for none.
 */

import decide from 'decide.js';
import shared from 'text.js';

const asked = decide.asked;
const field = decide.field;
const isAscii = shared.isAscii;
const replaceEach = shared.replaceEach;

const ENTITY_TAG = /(W\/)?"([^"]*)"/;
const MARKED = /^(.*)\.sf([0-9A-Za-z_-]+?)(s?)$/;
const MOST_CHARACTERS = 4096;
const GONE = ['Content-MD5', 'Digest', 'Repr-Digest', 'Content-Digest'];

function isReadable(value) {
    return value.length <= MOST_CHARACTERS && isAscii(value);
}

function readMarks(value) {
    const marks = [];
    replaceEach(isReadable(value) ? value : '', ENTITY_TAG, (found) => {
        const match = found[1] ? MARKED.exec(found[2]) : null;
        if (match !== null) {
            marks.push({ opaque: match[1], version: match[2] });
        }
        return '';
    });
    return marks;
}

function takeOff(value) {
    if (!isReadable(value)) {
        return value;
    }
    return replaceEach(value, ENTITY_TAG, (found) => {
        const match = found[1] ? MARKED.exec(found[2]) : null;
        return match === null ? found[0] : (match[3] ? '' : 'W/') + '"' + match[1] + '"';
    });
}

function putMark(entityTag, version) {
    if (!isReadable(entityTag)) {
        return '';
    }
    const match = /^(W\/)?"([^"]*)"$/.exec(entityTag);
    return match === null ? '' : 'W/"' + match[2] + '.sf' + version + (match[1] ? '"' : 's"');
}

function readDate(value) {
    return isReadable(value) ? Date.parse(value) : NaN;
}

function conditions(r) {
    const version = r.variables.sf_version;
    const marks = readMarks(asked(r, 'If-None-Match'));
    const isOld = marks.some((mark) => mark.version !== version);
    const since = readDate(asked(r, 'If-Modified-Since')) / 1000;
    const hasSince = !isNaN(since);
    const isFresh = hasSince && since >= Number(r.variables.sf_modified_at);
    return {
        marks: marks,
        isCurrent: isFresh && !isOld || marks.length > 0 && !isOld,
        dropsMatch: isOld || hasSince && !isFresh && marks.length === 0
            && r.headersIn['Sec-Fetch-Dest'] !== undefined,
        dropsSince: isOld || hasSince && !isFresh,
    };
}

function openly(compute) {
    return (r, otherwise) => {
        try {
            return compute(r);
        } catch (e) {
            return asked(r, otherwise);
        }
    };
}

const safeMatch = openly((r) => conditions(r).dropsMatch ? '' : takeOff(asked(r, 'If-None-Match')));
const safeSince = openly(
    (r) => conditions(r).dropsSince ? '' : asked(r, 'If-Modified-Since')
);

function ifNoneMatch(r) {
    return safeMatch(r, 'If-None-Match');
}

function ifModifiedSince(r) {
    return safeSince(r, 'If-Modified-Since');
}

function ifMatch(r) {
    return takeOff(asked(r, 'If-Match'));
}

function ifRange(r) {
    return takeOff(asked(r, 'If-Range'));
}

/* A range of a marked copy is not a range of the origin's bytes. */
function range(r) {
    return readMarks(asked(r, 'If-Range')).length > 0 ? '' : asked(r, 'Range');
}

function laterDate(value, modifiedAt) {
    const own = readDate(value) / 1000;
    return isNaN(own) || own >= modifiedAt ? value : new Date(modifiedAt * 1000).toUTCString();
}

function describePage(r, isRemarkable) {
    delete r.headersOut['Content-Length'];
    if (isRemarkable) {
        GONE.forEach((name) => delete r.headersOut[name]);
    }
    const entityTag = field(r, 'ETag');
    if (entityTag) {
        const marked = putMark(entityTag, r.variables.sf_version);
        if (marked) {
            r.headersOut['ETag'] = marked;
        } else {
            delete r.headersOut['ETag'];
        }
    }
    const modified = field(r, 'Last-Modified');
    if (modified) {
        r.headersOut['Last-Modified'] = laterDate(modified, Number(r.variables.sf_modified_at));
    }
}

/* Answer 304 in the terms of the copy that the client has; tells whether that is a tagged one. */
function describeCopy(r) {
    if (!conditions(r).isCurrent) {
        return false;
    }
    const entityTag = field(r, 'ETag');
    if (entityTag) {
        r.headersOut['ETag'] = putMark(entityTag, r.variables.sf_version) || entityTag;
    }
    const modified = field(r, 'Last-Modified');
    if (modified) {
        r.headersOut['Last-Modified'] = laterDate(modified, Number(r.variables.sf_modified_at));
    }
    return true;
}

export default {
    describePage, describeCopy, ifNoneMatch, ifModifiedSince, ifMatch, ifRange, range,
};
