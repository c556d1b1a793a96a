"""WhatsApp's own formatting as safe HTML. Pure.

*bold* _italic_ ~strike~ ```mono``` `code`, lists, numbered lists, > quotes and links, as WhatsApp's
help page describes them; everything else is escaped.
"""

import re
from itertools import groupby

from markupsafe import Markup, escape

VERBATIM = re.compile(r"```(?P<mono>.+?)```|`(?P<code>[^`\n]+)`|(?P<link>https?://[^\s<>]+)", re.S)
TRAILING = ".,;:!?)]*_~"
KEPT = re.compile("\ue000(\\d+)\ue001")
STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}])\{mark}(?=\S)([^\n]+?)(?<=\S)\{mark}(?![\w{mark}])"), tag)
    for mark, tag in (("*", "strong"), ("_", "em"), ("~", "s"))
)
LINES = (
    ("ul", re.compile(r"[-*] (?=\S)")),
    ("ol", re.compile(r"\d{1,3}\. (?=\S)")),
    ("blockquote", re.compile(r"> ?")),
)


def html(text: str) -> Markup:
    """Code and links are put aside first, so that a * in them stays a *."""
    kept: list[Markup] = []

    def keep(match: re.Match[str]) -> str:
        element, rest = verbatim(match)
        kept.append(element)
        return f"\ue000{len(kept) - 1}\ue001{rest}"

    text = VERBATIM.sub(keep, re.sub("[\ue000\ue001]", "", text))
    blocks = groupby(text.split("\n"), key=block_of)
    body = Markup("").join(block(tag, list(lines)) for tag, lines in blocks)
    return Markup(KEPT.sub(lambda match: kept[int(match[1])], body))


def plain(text: str) -> str:
    """On one line, without the marks of bold, italic and strike: as WhatsApp's list of chats."""
    for marked, _ in STYLES:
        text = marked.sub(r"\1", text)
    return " ".join(text.split())


def verbatim(match: re.Match[str]) -> tuple[Markup, str]:
    """The element, and what follows it as plain text: a sentence's dot is not part of a link."""
    link = match["link"]
    if not link:
        return Markup("<code>{}</code>").format(match["mono"] or match["code"]), ""
    address = link.rstrip(TRAILING)
    anchor = '<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>'
    return Markup(anchor).format(address), link[len(address) :]


def block_of(line: str) -> str:
    return next((tag for tag, start in LINES if start.match(line)), "p")


def block(tag: str, lines: list[str]) -> Markup:
    start = dict(LINES).get(tag)
    content = [inline(start.sub("", line, count=1) if start else line) for line in lines]
    if tag == "ul":
        return wrap("ul", Markup("").join(wrap("li", item) for item in content))
    if tag == "ol":
        first = int(lines[0].split(".")[0])
        items = Markup("").join(wrap("li", item) for item in content)
        return Markup('<ol start="{}">{}</ol>').format(first, items)
    return wrap(tag, Markup("<br>").join(content))


def inline(line: str) -> Markup:
    styled = str(escape(line))
    for style, tag in STYLES:
        styled = style.sub(rf"<{tag}>\1</{tag}>", styled)
    return Markup(styled)


def wrap(tag: str, content: Markup) -> Markup:
    return Markup(f"<{tag}>{content}</{tag}>")
