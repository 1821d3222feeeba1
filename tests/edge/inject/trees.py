"""A page as a real HTML parser sees it, to compare with and without the tag."""

from typing import Any
from xml.dom import Node

import html5lib


def parse(page: bytes) -> Any:
    """Build the document; bytes stand for characters one to one."""
    return html5lib.parse(page.removeprefix(b"\xef\xbb\xbf").decode("latin-1"), treebuilder="dom")


def outline(node: Any) -> list[Any]:
    """Write a tree as nested lists, neighbouring texts joined."""
    lines: list[Any] = []
    for child in node.childNodes:
        if child.nodeType == Node.TEXT_NODE:
            if lines and isinstance(lines[-1], str):
                lines[-1] += child.data
            else:
                lines.append(child.data)
        elif child.nodeType == Node.ELEMENT_NODE:
            attributes = sorted((child.attributes or {}).items())
            lines.append([child.tagName, attributes, outline(child)])
        else:
            lines.append([child.nodeType, child.nodeValue or child.nodeName])
    return lines


def take_own_script(document: Any, src: str) -> tuple[Any, list[str]]:
    """Remove our script; return its parent and the names of the elements before it."""
    [script] = [
        element
        for element in document.getElementsByTagName("script")
        if element.getAttribute("src") == src and element.getAttribute("async") == "async"
    ]
    parent = script.parentNode
    before = []
    for child in parent.childNodes:
        if child is script:
            break
        if child.nodeType == Node.ELEMENT_NODE:
            before.append(child.tagName)
    parent.removeChild(script)
    return parent, before
