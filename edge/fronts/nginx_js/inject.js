/* Put the tag into pages inside nginx: the rules of edge/inject, for nginx's script language.
 *
 * header() decides by headers and describes the page that will go out; body() holds a page's first
 * bytes until the place is certain, puts the tag in, and is done with the page. The one invariant:
 * whatever goes wrong in here, the page passes as it is.
 */

import decide from 'decide.js';
import policy from 'policy.js';
import prelude from 'prelude.js';
import shared from 'text.js';
import usual from 'usual.js';
import validators from 'validators.js';

const WAITING = -1;
const LEAVE = -2;

let page = null;

function header(r) {
    page = null;
    try {
        if (r.status === 304) {
            if (validators.describeCopy(r)) {
                policy.amendCopy(r);
            }
            return;
        }
        const described = decide.describe(r);
        const isRemarkable = r.variables.sf_remarkable !== '0';
        if (!decide.mayBeTagged(r, described, isRemarkable)) {
            return;
        }
        const nonce = isRemarkable ? policy.applyPolicy(r) : '';
        if (nonce === null) {
            return;
        }
        const attribute = nonce ? ' nonce="' + nonce + '"' : '';
        const script = r.variables.sf_script;
        const tag = '<script async="async" src="' + script + '"' + attribute + '></script>';
        const expects = {
            isXml: described.media !== 'text/html',
            isNamed: decide.isKnownCharset(described.charset),
            needsEvidence: r.variables.sf_dest === 'unsaid',
            tagBytes: tag.length,
            script: script,
        };
        validators.describePage(r, isRemarkable);
        if (r.method !== 'HEAD') {
            page = { tag: tag, expects: expects, scan: null, store: null, length: 0, rest: null };
        }
    } catch (e) {
        page = null;
    }
}

/* Find the place in what has arrived: an offset, WAITING, or LEAVE to leave the page as it is. */
function placeIn(bytes, ended) {
    try {
        if (page.scan === null) {
            const place = usual.findPlace(bytes, ended, page.expects);
            if (place >= 0) {
                return place;
            }
            page.scan = new prelude.Prelude(page.expects);
        }
        return page.scan.find(bytes, ended);
    } catch (e) {
        return e === shared.WAIT && !ended ? WAITING : LEAVE;
    }
}

/* Add a chunk to what is held; what does not fit any more waits behind it. */
function hold(data) {
    if (page.store === null) {
        page.store = Buffer.alloc(prelude.SCAN_BYTES);
    }
    const fits = Math.min(data.length, prelude.SCAN_BYTES - page.length);
    data.copy(page.store, page.length, 0, fits);
    page.length += fits;
    page.rest = data.subarray(fits);
    return page.store.subarray(0, page.length);
}

function body(r, data, flags) {
    if (page === null) {
        r.done();
        r.sendBuffer(data, flags);
        return;
    }
    const bytes = page.store === null ? data : hold(data);
    const place = placeIn(bytes, flags.last);
    if (place === WAITING) {
        if (page.store === null) {
            hold(data);
        }
        return;
    }
    const rest = page.rest;
    const tag = page.tag;
    page = null;
    r.done();
    const more = { last: false, flush: false };
    const end = { last: flags.last, flush: true };
    if (place >= 0) {
        r.sendBuffer(bytes.subarray(0, place), more);
        r.sendBuffer(tag, more);
    }
    r.sendBuffer(place < 0 ? bytes : bytes.subarray(place), rest === null ? end : more);
    if (rest !== null) {
        r.sendBuffer(rest, end);
    }
}

export default {
    header,
    body,
    ifNoneMatch: validators.ifNoneMatch,
    ifModifiedSince: validators.ifModifiedSince,
    ifMatch: validators.ifMatch,
    ifRange: validators.ifRange,
    range: validators.range,
};
