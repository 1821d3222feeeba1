/* Keep <meta charset> inside the first 1,024 bytes: edge/inject/head_charset.py. */

const COMMENT = /^<!--(?:[\s\S]*?--!?>|[\s\S]*)/;
const RAW_TEXT = /^<(script|style|title|noscript)(?=[\s\/>])(?:[\s\S]*?<\/\1(?=[\s\/>])|[\s\S]*)/i;
const META = /^<meta(?=[\s\/])(?:[^>"']|"[^"]*"|'[^']*')*>/i;
const CHARSET_ATTRIBUTE = /[\s"'\/;]charset\s*=/i;
const ANY_CHARSET = /charset/i;
const SPACE = /^\s+/;
const WHOLE_COMMENT = /^<!--[\s\S]*?-->/;
const EMPTY_ELEMENT = /^<(?:meta|link|base)(?=[\s\/>])(?:[^>"']|"[^"]*"|'[^']*')*>/i;
const TEXT_ELEMENT = /^<(title|style)(?=[\s\/>])(?:[^>"']|"[^"]*"|'[^']*')*>[\s\S]*?<\/\1\s*>/i;
const SCRIPT = /^<script(?=[\s\/>])(?:[^>"']|"[^"]*"|'[^']*')*>(?:(?!<!--|<\/script)[\s\S])*<\/script\s*>/i;

/* Find the first meta that names a charset, outside comments and text elements. */
function findMeta(start, place) {
    if (!ANY_CHARSET.test(start)) {
        return null;
    }
    let at = start.indexOf('<', place);
    while (at >= 0) {
        const rest = start.slice(at);
        const meta = META.exec(rest);
        if (meta !== null && CHARSET_ATTRIBUTE.test(meta[0])) {
            return { start: at, end: at + meta[0].length };
        }
        const passed = meta || COMMENT.exec(rest) || RAW_TEXT.exec(rest);
        at = start.indexOf('<', at + (passed === null ? 1 : passed[0].length));
    }
    return null;
}

function isHeadContent(between) {
    while (between.length > 0) {
        const match = SPACE.exec(between) || WHOLE_COMMENT.exec(between)
            || EMPTY_ELEMENT.exec(between) || TEXT_ELEMENT.exec(between) || SCRIPT.exec(between);
        if (match === null) {
            return false;
        }
        between = between.slice(match[0].length);
    }
    return true;
}

export default { findMeta, isHeadContent };
