"""What the edge's reasons mean, here to be translated: the edge itself knows no language.

The meanings come at run time from the composition root (``PortalConfig.edge_reasons`` and
``drop_reasons``). The one invariant: every one of them is here, word by word.
"""

from portal.language import N_

OF_PAGES = (
    N_("Injection is switched off for the site."),
    N_("Injection is switched off for all sites."),
    N_("The site is measured at the edge, without a script."),
    N_("A rule keeps the script out of this page."),
    N_("The circuit breaker has switched injection off for the site, for a while."),
    N_("Somebody of the team takes the page's picture."),
    N_("The page would have got the tag; the site only counts."),
    N_("The method is neither GET nor HEAD."),
    N_("Sec-Fetch-Dest names something other than a document, an iframe or a frame."),
    N_("A script asked for a piece of a page: X-Requested-With, HX-Request, Turbo-Frame, X-PJAX."),
    N_("A HEAD answer has no body; its headers are ours."),
    N_("The status has no body of its own: 1xx, 204, 205."),
    N_("A redirect is not shown to anybody."),
    N_("A 206 is a slice; offsets must hold."),
    N_("A 304: the visitor's own copy has the tag."),
    N_("Neither text/html nor application/xhtml+xml."),
    N_("The response is a download."),
    N_("Cache-Control says no-transform."),
    N_("The response carries a signature."),
    N_("The charset is not a superset of ASCII: UTF-16, UTF-32, UTF-7, ISO-2022, HZ, EBCDIC."),
    N_("Content-Encoding is unknown or names several codings."),
    N_("The page's policy blocks the tag and may not, or cannot, be amended."),
    N_("The page's policy has 'strict-dynamic' and no nonce to reuse."),
    N_("The page's policy is a sandbox without scripts."),
    N_("Integrity-Policy blocks scripts without an integrity attribute."),
    N_("The page, or its visitor, is outside the share that gets the tag."),
    N_("The body is empty or white space."),
    N_("The first thing in the body is not markup."),
    N_("No Sec-Fetch-Dest, and no doctype, <html, <head or <body at the start: a piece of a page."),
    N_("AMP pages may not carry scripts of others."),
    N_("The page already carries our tag."),
    N_("The page has no place that is certainly right."),
    N_("The place was not found in the first 64 KiB."),
    N_("The tag would push <meta charset> past byte 1,024, and no place after it is certain."),
    N_("A <meta> policy comes before the only place where the tag could stand."),
    N_("The body does not match its Content-Encoding."),
    N_("The body ended inside its coding."),
    N_("The body unpacks to far more than a page."),
    N_("The injector raised; see the log."),
)
"""Why a page went out without the script."""
OF_EVENTS = (
    N_("The body is larger than 64 KiB."),
    N_("The client or the site sent too fast."),
    N_("The body is not JSON of our shape."),
    N_("A batch holds more than 50 events."),
    N_("A field is missing or wrong."),
    N_("The visitor chose not to be counted."),
    N_("The browser sent DNT: 1."),
    N_("The browser sent Sec-GPC: 1."),
    N_("A part of the tracker sent it that the site does not have on."),
    N_("A rule of the site keeps the address out."),
    N_("A rule of the site keeps the country out."),
    N_("A rule of the site keeps the page out."),
    N_("The page's host is not one of the site's, or a rule keeps it out."),
    N_("The referrer is on the list of spam, or a rule keeps it out."),
    N_("The event is older than 24 h, or of a local day whose salt is gone."),
    N_("The salt store could not be reached."),
    N_("A step raised; see the log."),
    N_("The buffer could not take the event; the sender was told 503."),
    N_("An engagement event came without a visit to belong to."),
    N_("Somebody discarded the dead letter that it had become."),
    N_("It had become a dead letter, and newer ones pushed it out."),
)
"""Why an event was not kept."""
