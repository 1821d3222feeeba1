"""Odd documents; ``|>`` marks where the tag belongs, and a page without the mark gets none."""

from dataclasses import dataclass

from edge.inject.decide import SkipReason

MARK = b"|>"


@dataclass(frozen=True)
class Golden:
    name: str
    marked: bytes
    reason: SkipReason | None = None
    labelled: bool = True
    """Whether the browser says Sec-Fetch-Dest: document."""
    content_type: bytes = b"text/html; charset=utf-8"

    @property
    def page(self) -> bytes:
        return self.marked.replace(MARK, b"")

    def tagged(self, script: bytes) -> bytes:
        return self.marked.replace(MARK, script)


XHTML = b"application/xhtml+xml"
BARE = b"text/html"
_FILL = b"<title>" + b"x" * 920 + b"</title>"
_LATE = b"<!doctype html><html><head>"

PLACED = [
    Golden("usual", b"<!doctype html>\n<html lang=en>\n<head>|>\n<title>t</title></head><body>b"),
    Golden("greater in attribute", b"<html data-x='a>b'><Head data-x='a>b'>|><title>t</title>"),
    Golden("double quotes", b'<!DOCTYPE html><HTML a=">" b = "\'>"><HEAD c="x>y" d>|>x'),
    Golden("unquoted slash", b"<!doctype html><html a=b/><head c=/d/>|><p>x"),
    Golden("quote inside name", b"<!doctype html><html a\"b'c><head>|><p>x"),
    Golden("quote inside unquoted", b"<!doctype html><html a=b'c><head>|><p>x</p>'"),
    Golden("equals as name", b"<!doctype html><html =a='x>'><head>|><p>x"),
    Golden("missing value", b"<!doctype html><html a=><head>|><p>x"),
    Golden("newlines in tag", b"<!doctype html><html\n\tlang\n=\n'e>n'\n><head\n>|><p>x"),
    Golden("self-closing html and head", b"<!doctype html><html/><head/>|><p>x"),
    Golden("bom", b"\xef\xbb\xbf <!doctype html><html><head>|><title>x</title>"),
    Golden("white space of all kinds", b" \t\n\f\r<!doctype html>\f<html>\r<head>|>\n<p>"),
    Golden("comments all over", b"<!-- a --><!doctype html><!-- <head> --><html><!--b--><head>|>x"),
    Golden("shortest comment", b"<!doctype html><!--><html><head>|><p>-->"),
    Golden("short comment", b"<!doctype html><!---><html><head>|><p>-->"),
    Golden("empty comment", b"<!doctype html><!----><html><head>|><p>-->"),
    Golden("comment ended by a bang", b"<!doctype html><!-- <head> --!><html><head>|><p>-->"),
    Golden("empty comment, bang", b"<!doctype html><!----!><html><head>|><p>-->"),
    Golden("bang is not the end", b"<!doctype html><!--!><head>--><html><head>|><p>"),
    Golden("dash bang is not the end", b"<!doctype html><!---!><head>--><html><head>|><p>"),
    Golden("dashes in comment", b"<!doctype html><!-- a -- b -> c --><html><head>|><p>"),
    Golden("many dashes", b"<!doctype html><!-------><html><head>|><p>"),
    Golden("nested comment", b"<!doctype html><!-- <!-- <head> --><html><head>|><p> -->"),
    Golden("nested end", b"<!doctype html><!-- <!--><html><head>|><p> -->"),
    Golden(
        "conditional comment",
        b"<!doctype html><!--[if IE]><html class=ie><head><![endif]-->"
        b"<!--[if !IE]><!--><html><!--<![endif]--><head>|><title>x</title>",
    ),
    Golden("cdata", b"<!doctype html><![CDATA[ <head ]]><html><head>|><p>x"),
    Golden("empty declaration", b"<!doctype html><!><html><head>|><p>x"),
    Golden("one-dash declaration", b"<!doctype html><!-x><html><head>|><p>x"),
    Golden("xml declaration", b"<?xml version='1.0'?><!doctype html><html><head>|><p>x"),
    Golden(
        "question mark", b"<!doctype html><?php echo '<head>'; ?><p>x</p>".replace(b"'; ", b"|>'; ")
    ),
    Golden("empty question", b"<!doctype html><?><html><head>|><p>x"),
    Golden("stray end tags", b"<!doctype html></p></div x='>'><html></title></i><head>|><p>x"),
    Golden("empty end tag", b"<!doctype html></><html></ head><head>|><p>x"),
    Golden("bogus end tag", b"<!doctype html></1 a='><html><head>|><p>x"),
    Golden("end tag of head", b"<!doctype html><html>|></head><p>x"),
    Golden("end tag of body", b"<!doctype html>|></body><p>x"),
    Golden("end tag of html", b"<!doctype html><html>|></html>"),
    Golden("end tag br", b"<!doctype html>|></br><p>x"),
    Golden("no head", b"<!doctype html><html>\n|><title>x</title><body>y"),
    Golden("no html", b"<!doctype html>\n|><title>x</title>y"),
    Golden("no doctype", b"<html><head>|><title>x</title></head>"),
    Golden("only body", b"|><body>x"),
    Golden("header is not head", b"<!doctype html><html>|><header>x</header>"),
    Golden("headline is not head", b"<!doctype html>|><head-line>x"),
    Golden("html5 is not html", b"<!doctype html>|><html5><head>"),
    Golden("text after html", b"<!doctype html><html>|>text"),
    Golden("less-than as text", b"<!doctype html><html>|>< head>"),
    Golden("digit after less-than", b"<!doctype html>|><3"),
    Golden("frameset", b"<!doctype html><html>|><frameset cols='1,2'><frame src=a></frameset>"),
    Golden("script first", b"<!doctype html>|><script>'<head>'</script><head>"),
    Golden("noscript first", b"<html>|><noscript><img src=x></noscript><head>"),
    Golden("template first", b"<!doctype html>|><template><head></template>"),
    Golden("svg first", b"<!doctype html>|><svg><title>x</title></svg>"),
    Golden("two html tags", b"<!doctype html><html><html lang=en><head>|><p>x"),
    Golden("two doctypes", b"<!doctype html><!doctype html><html><!doctype x><head>|><p>x"),
    Golden("old doctype", b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD" "http://x"><html><head>|><p>'),
    Golden("doctype quotes end at greater", b'<!doctype html PUBLIC "a>|><p>b">'),
    Golden("doctype without space", b"<!doctypehtml><html><head>|><p>x"),
    Golden("head in text of page", b"<!doctype html>|><pre>&lt;head></pre><head>"),
    Golden("nothing after head", b"<!doctype html><html><head>|>"),
    Golden("nothing after html", b"<!doctype html><html>\n|>"),
    Golden("only a doctype", b"<!doctype html>|>"),
    Golden("bytes of no charset", b"<!doctype html><html><head>|><title>\xff\xfe\x00\x80</title>"),
    Golden("nul before head", b"<!doctype html><html>|>\x00<head>"),
    Golden("other script after head", b"<html><head>|><script src=/sf/theirs.js></script>"),
    Golden("own address in text", b"<html><head>|><script>'/sf/1a2b3c4d5e.js'</script>"),
    Golden("snippet without document", b"|><div>x</div>"),
    Golden("amplifier is not amp", b"<html amplifier data-amp><head>|><p>"),
    Golden("evidence by doctype", b"<!doctype html>|><p>x", labelled=False),
    Golden("evidence by html", b"<html>|><p>x", labelled=False),
    Golden("evidence by head", b"<head>|><p>x", labelled=False),
    Golden("evidence by body", b"<!-- x -->|><BODY>x", labelled=False),
    Golden(
        "xhtml",
        b"<?xml version='1.0'?><html xmlns='x'><head>|><title/></head></html>",
        content_type=XHTML,
    ),
    Golden(
        "xhtml, greater in pi",
        b"<?a b='>'?><html xmlns='x'><head a='>'>|><title/></head></html>",
        content_type=XHTML,
    ),
    Golden(
        "xhtml, comment with bang",
        b"<!-- --!> --><html xmlns='x'><head>|></head></html>",
        content_type=XHTML,
    ),
    Golden(
        "early charset", b"<!doctype html><html><head>|><meta charset=utf-8><p>x", content_type=BARE
    ),
    Golden("late charset", _LATE + _FILL + b"<meta charset=utf-8>|><p>x", content_type=BARE),
    Golden(
        "late charset by http-equiv",
        _LATE
        + b"<!-- <meta charset=x> --><script>'<meta charset=y>'</script>"
        + b"<link a='>'>"
        + b" " * 840
        + b"<meta http-equiv='Content-Type' content='text/html; charset=utf-8'>|><p>x",
        content_type=BARE,
    ),
    Golden(
        "too late anyway",
        _LATE + b"|>" + _FILL + b" " * 60 + b"<meta charset=utf-8><p>x",
        content_type=BARE,
    ),
    Golden("late charset, named by header", _LATE + b"|>" + _FILL + b"<meta charset=utf-8><p>x"),
    Golden(
        "late charset, named by bom",
        b"\xef\xbb\xbf" + _LATE + b"|>" + _FILL + b"<meta charset=utf-8><p>x",
        content_type=BARE,
    ),
    Golden("no charset at all", _LATE + b"|>" + _FILL + b"<p>" + b"x" * 500, content_type=BARE),
    Golden(
        "unknown charset in header",
        _LATE + _FILL + b"<meta charset=utf-8>|><p>x",
        content_type=b"text/html; charset=nonsense",
    ),
    Golden("long prelude", b"<!doctype html><!--" + b"-x" * 5000 + b"--><head>|><p>"),
]
SKIPPED = [
    Golden("empty", b"", SkipReason.EMPTY),
    Golden("white space", b" \n\t ", SkipReason.EMPTY),
    Golden("one byte", b"<", SkipReason.NOT_MARKUP),
    Golden("text", b"hello <html><head>", SkipReason.NOT_MARKUP),
    Golden("json", b' {"html": "<html><head>"}', SkipReason.NOT_MARKUP),
    Golden("heart", b"<3 you", SkipReason.NOT_MARKUP),
    Golden("picture", b"\x89PNG\r\n\x1a\n<html>", SkipReason.NOT_MARKUP),
    Golden("gzip without a label", b"\x1f\x8b\x08\x00<html>", SkipReason.NOT_MARKUP),
    Golden("half a bom", b"\xef\xbb<html><head>", SkipReason.NOT_MARKUP),
    Golden("only a bom", b"\xef\xbb\xbf", SkipReason.NOT_MARKUP),
    Golden("utf-16 le", "\ufeff<html><head>".encode("utf-16-le"), SkipReason.CHARSET),
    Golden("utf-16 be", "\ufeff<html><head>".encode("utf-16-be"), SkipReason.CHARSET),
    Golden("utf-16 without bom", "<html><head>".encode("utf-16-le"), SkipReason.NOT_MARKUP),
    Golden("fragment", b"<div>x</div>", SkipReason.FRAGMENT, labelled=False),
    Golden(
        "fragment of a head", b"<!-- x --><title>x</title>", SkipReason.FRAGMENT, labelled=False
    ),
    Golden("feed", b"<?xml version='1.0'?><rss></rss>", SkipReason.FRAGMENT, labelled=False),
    Golden("amp", b"<!doctype html><html amp lang=en><head>x", SkipReason.AMP),
    Golden("amp by sign", "<!doctype html><html ⚡><head>x".encode(), SkipReason.AMP),
    Golden("amp ad", b"<!doctype html><html a='>' AMP4ads=''><head>x", SkipReason.AMP),
    Golden(
        "tagged",
        b'<html><head><script async="async" src="/sf/0123456789.js"></script>x',
        SkipReason.ALREADY_TAGGED,
    ),
    Golden(
        "tagged by hand",
        b"<html><head>\n<SCRIPT src='https://e.example/sf/tracker.js'></script>",
        SkipReason.ALREADY_TAGGED,
    ),
    Golden(
        "tagged, implied head",
        b"<!doctype html><script src=/sf/01234567.js ></script><p>",
        SkipReason.ALREADY_TAGGED,
    ),
    Golden(
        "tagged behind the charset",
        _LATE + _FILL + b"<meta charset=utf-8><script src=/sf/01234567.js></script><p>",
        SkipReason.ALREADY_TAGGED,
        content_type=BARE,
    ),
    Golden("open comment", b"<!doctype html><!-- <html><head>", SkipReason.NO_PLACE),
    Golden("open tag", b"<!doctype html><html lang='en><head>", SkipReason.NO_PLACE),
    Golden("open name", b"<!doctype html><hea", SkipReason.NO_PLACE),
    Golden(
        "endless prelude",
        b"<!doctype html>" + b"<!-- x -->" * 7000 + b"<head>",
        SkipReason.SCAN_LIMIT,
    ),
    Golden(
        "endless comment",
        b"<!doctype html><!--" + b"--" * 33_000 + b"--><head>",
        SkipReason.SCAN_LIMIT,
    ),
    Golden("endless tag", b"<html " + b"a=1 " * 17_000 + b"><head>", SkipReason.SCAN_LIMIT),
    Golden(
        "late charset in the body",
        _LATE + _FILL + b"<p><meta charset=utf-8>",
        SkipReason.LATE_CHARSET,
        content_type=BARE,
    ),
    Golden(
        "policy before a late charset",
        _LATE
        + b"<meta http-equiv=Content-Security-Policy content=\"script-src 'self'\">"
        + _FILL[:-60]
        + b"</title><meta charset=utf-8><p>x",
        SkipReason.CSP_META,
        content_type=BARE,
    ),
    Golden(
        "xhtml without head",
        b"<html xmlns='x'><body/></html>",
        SkipReason.NO_PLACE,
        content_type=XHTML,
    ),
    Golden(
        "xhtml, empty head",
        b"<html xmlns='x'><head/></html>",
        SkipReason.NO_PLACE,
        content_type=XHTML,
    ),
    Golden(
        "xhtml, other names", b"<HTML><HEAD></HEAD></HTML>", SkipReason.NO_PLACE, content_type=XHTML
    ),
    Golden(
        "xhtml, subset",
        b"<!DOCTYPE html [<!ENTITY a '>'>]><html><head/></html>",
        SkipReason.NO_PLACE,
        content_type=XHTML,
    ),
    Golden("xhtml, svg", b"<svg xmlns='y'/>", SkipReason.NO_PLACE, content_type=XHTML),
    Golden("xhtml, nothing", b"<html>", SkipReason.NO_PLACE, content_type=XHTML),
]
