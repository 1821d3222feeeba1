"""What of a page is kept in its picture: names of elements and attributes.

What is on no list is not kept. Elements outside the lists keep their place as elements of no
meaning, because clicks are told by an element's position among those of its name.
"""

DROPPED = frozenset(
    {
        *("script", "noscript", "template", "math", "meta", "base", "link", "title", "frameset"),
        *("frame", "applet", "param", "track", "noembed", "noframes", "xmp", "plaintext"),
        *("portal", "fencedframe", "bgsound", "source", "foreignobject", "animate", "set"),
        *("animatetransform", "animatemotion", "annotation-xml"),
    }
)
"""Gone with what is in them; ``link``, ``source``, ``style`` are written where they belong."""

BOXES = frozenset({"iframe", "object", "embed"})
"""Become an empty box of their size: what they show is another document."""
BOX = "sf-box"

VOID = frozenset(
    {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)

SVG = frozenset(
    {
        *("svg", "g", "path", "circle", "ellipse", "line", "polyline", "polygon", "rect"),
        *("text", "tspan", "defs", "symbol", "use", "lineargradient", "radialgradient", "stop"),
        *("clippath", "mask", "pattern"),
    }
)

SVG_ATTRIBUTES = frozenset(
    {
        *("viewbox", "preserveaspectratio", "xmlns", "d", "points", "x", "y", "x1", "x2", "y1"),
        *("y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "dx", "dy", "offset", "transform"),
        *("gradienttransform", "gradientunits", "patternunits", "clippathunits", "maskunits"),
        *("fill", "fill-opacity", "fill-rule", "clip-rule", "clip-path", "mask", "stroke"),
        *("stroke-width", "stroke-linecap", "stroke-linejoin", "stroke-dasharray"),
        *("stroke-opacity", "stroke-miterlimit", "opacity", "stop-color", "stop-opacity"),
        *("font-size", "font-family", "font-weight", "text-anchor", "dominant-baseline"),
    }
)

EVERYWHERE = frozenset({"id", "class", "style", "dir", "lang", "hidden", "role", "width", "height"})

OF_HTML = frozenset(
    {
        *("align", "valign", "bgcolor", "color", "face", "border", "cellpadding", "cellspacing"),
        *("colspan", "rowspan", "span", "nowrap", "size", "rows", "cols", "wrap", "start", "type"),
        *("reversed", "open", "disabled", "multiple", "readonly", "required", "clear", "noshade"),
        *("media", "sizes"),
    }
)

OF_WORDS = frozenset({"alt", "placeholder", "label"})
"""Hold words that are shown."""

BUTTONS = frozenset({"submit", "button", "reset"})
"""Inputs whose value is their label; no other value is kept."""
