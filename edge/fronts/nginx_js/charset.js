/* Keep <meta charset> inside the first 1,024 bytes: edge/inject/head_charset.py. */

const ATTRIBUTES = '(?:[^>"\']|"[^"]*"|\'[^\']*\')*';
const CONSTRUCT = new RegExp(
    '<!--(?:[\\s\\S]*?--!?>|[\\s\\S]*)'
    + '|<(script|style|title|noscript)(?=[\\s/>])(?:[\\s\\S]*?</\\1(?=[\\s/>])|[\\s\\S]*)'
    + '|(<meta(?=[\\s/])' + ATTRIBUTES + '>)', 'i'
);
const CHARSET_ATTRIBUTE = /[\s"'\/;]charset\s*=/i;
const HEAD_CONTENT = [
    /^\s+/,
    /^<!--[\s\S]*?-->/,
    new RegExp('^<(?:meta|link|base)(?=[\\s/>])' + ATTRIBUTES + '>', 'i'),
    new RegExp('^<(title|style)(?=[\\s/>])' + ATTRIBUTES + '>[\\s\\S]*?</\\1\\s*>', 'i'),
    new RegExp(
        '^<script(?=[\\s/>])' + ATTRIBUTES + '>(?:(?!<!--|</script)[\\s\\S])*</script\\s*>', 'i'
    ),
];

function findMeta(start, place) {
    let at = place;
    for (;;) {
        const match = CONSTRUCT.exec(start.slice(at));
        if (match === null || match[0].length === 0) {
            return null;
        }
        const end = at + match.index + match[0].length;
        if (match[2] && CHARSET_ATTRIBUTE.test(match[2])) {
            return { start: at + match.index, end: end };
        }
        at = end;
    }
}

function isHeadContent(between) {
    while (between.length > 0) {
        let taken = 0;
        for (let i = 0; i < HEAD_CONTENT.length && !taken; i++) {
            const match = HEAD_CONTENT[i].exec(between);
            taken = match === null ? 0 : match[0].length;
        }
        if (!taken) {
            return false;
        }
        between = between.slice(taken);
    }
    return true;
}

export default { findMeta, isHeadContent };
