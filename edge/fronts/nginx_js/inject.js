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
        if (!decide.mayBeTagged(r, described)) {
            return;
        }
        const nonce = policy.applyPolicy(r);
        if (nonce === null) {
            return;
        }
        const attribute = nonce ? ' nonce="' + nonce + '"' : '';
        const script = r.variables.sf_script;
        const tag = '<script async="async" src="' + script + '"' + attribute + '></script>';
        const scan = new prelude.Prelude({
            isXml: described.media !== 'text/html',
            isNamed: decide.KNOWN_CHARSET.test(described.charset),
            needsEvidence: r.variables.sf_dest === 'unsaid',
            tagBytes: tag.length,
            ownTag: prelude.ownTag(script),
        });
        validators.describePage(r);
        if (r.method !== 'HEAD') {
            page = { tag: tag, scan: scan, store: null, length: 0, rest: null };
        }
    } catch (e) {
        page = null;
    }
}

/* Find the place in what has arrived: an offset, WAITING, or LEAVE to leave the page as it is. */
function placeIn(bytes, ended) {
    try {
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
    const parts = place < 0 ? [bytes] : [
        bytes.subarray(0, place), Buffer.from(page.tag), bytes.subarray(place),
    ];
    const out = Buffer.concat(parts.concat(page.rest === null ? [] : [page.rest]));
    page = null;
    r.done();
    r.sendBuffer(out, { last: flags.last, flush: true });
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
