"""Markdown, as models write it, to WhatsApp's own formatting. Pure.

WhatsApp: *bold* _italic_ ~struck~ `code` ```block``` > quote, - list, 1. list (faq.whatsapp.com,
"How to format your messages"). What it cannot show becomes plain text: headings are bold, links
show their URL, rules are removed, tables keep their cells.
"""

import re
from collections.abc import Callable
from functools import partial

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
BOLD = "\x02"  # stands for WhatsApp's * until single stars have become italics
KEPT = "\x00{}\x00"
KEPT_MARK = re.compile(r"\x00(\d+)\x00")

BLOCK = re.compile(r"```(?:[\w+#.-]*[ \t]*\n)?(.*?)(?:```|\Z)", re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|>~-])")
# Possessive quantifiers (++) keep a model's broken Markdown from costing seconds.
IMAGE_OR_LINK = re.compile(
    r"!?\[([^\[\]\n]*)\]\(<?((?:[^\s()<>]++|\([^\s()<>]*+\))++)>?(?:\s+\"[^\"\n]*\")?\)"
)
URL = re.compile(r"<?(https?://[^\s<>*()\[\]]+)>?")
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+)$", re.MULTILINE)
TABLE_ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.MULTILINE)

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def rule(pattern: str, by: str | Callable[[re.Match[str]], str]) -> Rule:
    return re.compile(pattern, re.MULTILINE), by


RULES: tuple[Rule, ...] = (
    rule(r"<br\s*/?>", "\n"),
    rule(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)+\|?[ \t]*\n?", ""),
    rule(r"^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$", ""),
    (HEADING, lambda match: heading(match[1])),
    (TABLE_ROW, lambda match: " | ".join(cell.strip() for cell in match[1].split("|"))),
    rule(r"^([ \t]*)[*+][ \t]+", r"\1- "),
    rule(r"\*\*\*(?=\S)(.+?)(?<=\S)\*\*\*", rf"{BOLD}_\1_{BOLD}"),
    rule(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", rf"{BOLD}\1{BOLD}"),
    rule(r"(?<!\w)__(?=\S)(.+?)(?<=\S)__(?!\w)", rf"{BOLD}\1{BOLD}"),
    rule(r"(?<![\w*])\*(?=[^\s*])([^*\n]*?[^\s*])\*(?![\w*])", r"_\1_"),
    rule(r"~~(?=\S)(.+?)(?<=\S)~~", r"~\1~"),
    rule(BOLD, "*"),
    rule(r"[ \t]+$", ""),
    rule(r"\n{3,}", "\n\n"),
)


def to_whatsapp(markdown: str) -> str:
    """Code, URLs, escaped characters and plain text stay unchanged."""
    kept: list[str] = []
    text = CONTROL.sub("", markdown.replace("\r\n", "\n"))
    text = BLOCK.sub(lambda match: keep(kept, f"```{match[1]}```"), text)
    text = CODE.sub(lambda match: keep(kept, match[0]), text)
    text = ESCAPED.sub(lambda match: keep(kept, match[1]), text)
    text = IMAGE_OR_LINK.sub(link, text)
    text = URL.sub(lambda match: keep(kept, match[1]), text)
    for pattern, by in RULES:
        text = pattern.sub(by, text)
    return KEPT_MARK.sub(partial(restore, kept), text).strip()


def heading(text: str) -> str:
    """In bold, without the bold marks and closing #s of its own."""
    title = text.replace("**", "").replace("__", "").rstrip()
    if (opened := title.rstrip("#")) and opened[-1].isspace():
        title = opened.strip()
    return f"**{title}**" if title else ""


def keep(kept: list[str], piece: str) -> str:
    kept.append(piece)
    return KEPT.format(len(kept) - 1)


def restore(kept: list[str], match: re.Match[str]) -> str:
    """A kept piece may hold earlier ones: an escaped character in a URL."""
    return KEPT_MARK.sub(partial(restore, kept), kept[int(match[1])])


def link(match: re.Match[str]) -> str:
    """Its words, then its URL, which WhatsApp makes tappable."""
    words, url = match[1].strip(), match[2]
    plain = url.removeprefix("mailto:").removeprefix("tel:")
    return plain if words in ("", plain, url) else f"{words}: {plain}"
