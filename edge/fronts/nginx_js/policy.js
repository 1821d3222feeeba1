/* Let the tag through a page's Content Security Policy by its nonce or exact URLs.
 *
 * The rules of edge/inject/csp.py.
 */

import shared from 'text.js';

const NO = shared.NO;
const isAscii = shared.isAscii;
const replaceEach = shared.replaceEach;

const ENFORCED = 'content-security-policy';
const REPORTED = 'content-security-policy-report-only';
const NAMEABLE = /^https?:\/\/[A-Za-z0-9._-]+(?::[0-9]{1,5})?$/;
const SCRIPTS = ['script-src-elem', 'script-src', 'default-src'];

function ownSources(r) {
    const base = (r.variables.sf_scheme + '://' + r.variables.sf_authority).toLowerCase();
    return {
        origin: base,
        scripts: [base + r.variables.sf_script, base + r.variables.sf_modules],
        endpoint: base + r.variables.sf_endpoint,
    };
}

/* Every policy of every header: its directives as written. */
function readPolicies(r) {
    const policies = [];
    r.rawHeadersOut.forEach((pair) => {
        const name = pair[0].toLowerCase();
        if (name === ENFORCED || name === REPORTED) {
            if (!isAscii(pair[1])) {
                throw NO;
            }
            pair[1].split(',').forEach((policy) => {
                const parts = policy.split(';');
                policies.push({ name: pair[0], isEnforced: name === ENFORCED, parts: parts });
            });
        }
    });
    return policies;
}

function findDirective(policy, names) {
    for (let n = 0; n < names.length; n++) {
        for (let i = 0; i < policy.parts.length; i++) {
            if (policy.parts[i].trim().split(/\s+/)[0].toLowerCase() === names[n]) {
                return i;
            }
        }
    }
    return -1;
}

function sourcesOf(policy, index) {
    return policy.parts[index].trim().split(/\s+/).slice(1);
}

function hasKeyword(policy, index, keyword) {
    return sourcesOf(policy, index).some((source) => source.toLowerCase() === keyword);
}

function noncesOf(policy) {
    const index = findDirective(policy, SCRIPTS);
    const nonces = [];
    if (index >= 0) {
        replaceEach(policy.parts[index], /'nonce-([A-Za-z0-9+\/_=-]+)'/i, (match) => {
            nonces.push(match[1]);
            return '';
        });
    }
    return nonces;
}

function allows(written, url, sources) {
    const lower = written.map((source) => source.toLowerCase());
    const has = (wanted) => lower.indexOf(wanted) >= 0;
    const scheme = sources.origin.split(':')[0] + ':';
    if (written.indexOf(url) >= 0 || has('*') || has(scheme) || has('http:')) {
        return true;
    }
    return url.indexOf(sources.origin) === 0 && (has("'self'") || has(sources.origin));
}

function isBlocked(policy, nonce, sources, mayAmend) {
    const sandbox = findDirective(policy, ['sandbox']);
    if (policy.isEnforced && sandbox >= 0 && !hasKeyword(policy, sandbox, 'allow-scripts')) {
        return true;
    }
    const script = findDirective(policy, SCRIPTS);
    const needsScript = script >= 0 && !(nonce && noncesOf(policy).indexOf(nonce) >= 0);
    if (needsScript && hasKeyword(policy, script, "'strict-dynamic'")) {
        return true;
    }
    if (mayAmend || !policy.isEnforced) {
        return false;
    }
    const connect = findDirective(policy, ['connect-src', 'default-src']);
    const isAllowed = (index, urls) => index < 0
        || urls.every((url) => allows(sourcesOf(policy, index), url, sources));
    return !isAllowed(connect, [sources.endpoint])
        || needsScript && !isAllowed(script, sources.scripts);
}

/* Let the tag past the page's policies: the nonce to use, or null where it may not be. */
function applyPolicy(r) {
    const mode = r.variables.sf_csp;
    const policies = mode === 'off' ? [] : readPolicies(r);
    if (policies.length === 0) {
        return '';
    }
    const sources = ownSources(r);
    const mayAmend = mode === 'amend' && NAMEABLE.test(sources.origin);
    const ordered = policies.filter((policy) => policy.isEnforced).concat(
        policies.filter((policy) => !policy.isEnforced)
    );
    let nonce = '';
    ordered.forEach((policy) => {
        nonce = nonce || noncesOf(policy)[0] || '';
    });
    if (policies.some((policy) => isBlocked(policy, nonce, sources, mayAmend))) {
        return null;
    }
    if (mayAmend) {
        amend(r, policies, nonce, sources);
    }
    return nonce;
}

/* Write the policies back with our URLs in them; several lines of one name become one list. */
function amend(r, policies, nonce, sources) {
    if (policies.length === 0 || !NAMEABLE.test(sources.origin)) {
        return;
    }
    [true, false].forEach((isEnforced) => {
        const group = policies.filter((policy) => policy.isEnforced === isEnforced);
        if (group.length === 0) {
            return;
        }
        group.forEach((policy) => {
            if (!(nonce && noncesOf(policy).indexOf(nonce) >= 0)) {
                extend(policy, ['script-src-elem', 'script-src'], sources.scripts);
            }
            extend(policy, ['connect-src'], [sources.endpoint]);
        });
        r.headersOut[group[0].name] = group.map((policy) => policy.parts.join(';')).join(',');
    });
}

function extend(policy, names, urls) {
    const found = names.map((name) => findDirective(policy, [name])).filter((index) => index >= 0);
    found.forEach((index) => {
        policy.parts[index] = withUrls(policy.parts[index], urls);
    });
    const fallback = findDirective(policy, ['default-src']);
    if (found.length > 0 || fallback < 0) {
        return;
    }
    const copy = [names[names.length - 1]].concat(sourcesOf(policy, fallback)).join(' ');
    while (!policy.parts[policy.parts.length - 1].trim()) {
        policy.parts.pop();
    }
    policy.parts.push(' ' + withUrls(copy, urls));
}

function withUrls(directive, urls) {
    const words = directive.trim().split(/\s+/);
    const written = words.slice(1);
    if (written.length === 1 && written[0].toLowerCase() === "'none'") {
        const lead = directive.slice(0, directive.length - directive.replace(/^\s+/, '').length);
        return lead + [words[0]].concat(urls).join(' ');
    }
    const missing = urls.filter((url) => written.indexOf(url) < 0);
    return [directive.replace(/\s+$/, '')].concat(missing).join(' ');
}

/* A 304 brings policies for the copy that the browser has. */
function amendCopy(r) {
    if (r.variables.sf_csp === 'amend') {
        amend(r, readPolicies(r), '', ownSources(r));
    }
}

export default { applyPolicy, amendCopy };
