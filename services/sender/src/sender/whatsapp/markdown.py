"""Markdown, as models write it, to WhatsApp's own formatting. Pure.

WhatsApp: *bold* _italic_ ~struck~ `code` ```block``` > quote, - list, 1. list (faq.whatsapp.com,
"How to format your messages"). What it cannot show becomes plain text: headings are bold, links
show their URL, rules are removed, tables keep their cells. Line breaks stay as they are.
"""

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from sender.whatsapp.inline_markdown import lines_of, links_in
from sender.whatsapp.markdown_rules import ModelMarkdown
from sender.whatsapp.marks import BOLD, DOUBLES, marked_line

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# A text without any of these means the same in Markdown as in WhatsApp.
MARKDOWN = re.compile(r"[*_~`<>\[&|\\#]|^\s*(?:[-+]|\d+[.)])", re.MULTILINE)
SPACE_AT_END = re.compile(r"[ \t]+$", re.MULTILINE)
BLANK_LINES = re.compile(r"\n{3,}")
FENCE = "```"
PARSER = ModelMarkdown()


def to_whatsapp(markdown: str) -> str:
    """Code, URLs, escaped characters and plain text stay unchanged."""
    text = CONTROL.sub("", markdown.replace("\r\n", "\n")).strip("\n")
    if MARKDOWN.search(text):
        text = "\n".join(Blocks(text).lines())
    return BLANK_LINES.sub("\n\n", SPACE_AT_END.sub("", text)).strip()


class Blocks:
    """One text's blocks, in order, as lines with the blank lines between them that it has."""

    def __init__(self, text: str) -> None:
        self.tokens = PARSER.parse(text)
        self.source = text.split("\n")
        self.text = text
        self.links = links_in(self.tokens)
        self.quotes = 0
        self.marker = ""  # of a list item, until its first line
        self.marker_line = 0
        self.end = 0  # the source line after the last block

    def lines(self) -> Iterator[str]:
        before = ""
        for token in self.tokens:
            self.enter_or_leave(token)
            content = self.content(token, before)
            before = token.type
            if content is None or token.map is None:
                continue
            if token.map[0] > self.end > 0:
                yield ""
            self.end = token.map[1]
            yield from self.with_prefixes(content, token)

    def enter_or_leave(self, token: Token) -> None:
        if token.type.startswith("blockquote_"):
            self.quotes += token.nesting
        elif token.type == "list_item_open" and token.map:
            sign = f"{token.info}{token.markup}" if token.info else "-"
            space = "" if self.marker else self.space_before(token.map[0])
            self.marker += f"{space}{sign} "
            self.marker_line = token.map[0]

    def content(self, token: Token, before: str) -> Sequence[str] | None:
        """None: no line of its own."""
        match token.type:
            case "inline":
                style = BOLD if before == "heading_open" else ""
                lines = lines_of(token.children or (), self.text, style)
                return [marked_line(line) for line in lines]
            case "fence":
                return code_block(token.content)
            case "definition" if token.meta["href"] not in self.links:
                return token.content.split("\n")
            case "list_item_close" if self.marker:
                token.map = [self.marker_line, self.marker_line + 1]
                return [""]
        return None

    def with_prefixes(self, content: Sequence[str], token: Token) -> Iterator[str]:
        quote = "> " if self.quotes else ""
        marker, self.marker = self.marker, ""
        first = token.map[0] if token.map else 0
        for number, line in enumerate(content):
            if token.type == "fence":
                start = marker if number == 0 else ""
            elif number == 0 and marker:
                start = marker
            else:
                start = self.space_before(first + number)
            yield f"{quote}{start}{line}" if line or marker else ""

    def space_before(self, line: int) -> str:
        """A list's inner lines are indented as they were."""
        text = self.source[line] if line < len(self.source) else ""
        return text[: len(text) - len(text.lstrip(" \t"))]


def code_block(content: str) -> Sequence[str] | None:
    """What is said of it beside its fence, language and title, is dropped."""
    code = content.replace(FENCE, FENCE.translate(DOUBLES)).rstrip()
    return f"{FENCE}{code}{FENCE}".split("\n") if code else None
