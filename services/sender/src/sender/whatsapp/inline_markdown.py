"""The tokens of one paragraph to lines of pieces. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.token import Token

from sender.whatsapp.marks import BOLD, DOUBLES, ITALIC, STRUCK, Piece

STYLES = {"strong": BOLD, "em": ITALIC, "s": STRUCK}
HTML_STYLES = STYLES | {"b": BOLD, "i": ITALIC, "del": STRUCK, "strike": STRUCK}
TAG = re.compile(r"<(/?)([a-zA-Z]+)[\s/>]")
BACKTICK_DOUBLE = "`".translate(DOUBLES)
ONLY_SIGNS = re.compile(r"[!-/:-@\[-`{-~\s]*")


def lines_of(tokens: Sequence[Token], whole_text: str, style: str = "") -> list[list[Piece]]:
    """whole_text: of the answer, which shows what its single stars mean. style: of all of it."""
    lines: list[list[Piece]] = [[]]
    for piece in Paragraph(tokens, whole_text, style).pieces():
        if piece is None:
            lines.append([])
        elif piece.text:
            lines[-1].append(piece)
    return lines


def links_in(tokens: Iterable[Token]) -> frozenset[str | int | float | None]:
    """The addresses that the paragraphs show anyway."""
    children = (child for token in tokens for child in token.children or ())
    return frozenset(child.attrGet("href") or child.attrGet("src") for child in children)


class Paragraph:
    """Reads its tokens once, from left to right."""

    def __init__(self, tokens: Sequence[Token], whole_text: str, style: str) -> None:
        self.tokens = tokens
        self.may_have_whatsapps_bold = "**" not in whole_text
        self.has_two_backticks = whole_text.count("`") > 1
        self.styles = [*style]
        self.ends = ends_of(tokens)
        self.as_written: set[int] = set()  # marks that are none
        tags = (tag_of(token) for token in tokens if token.type == "html_inline")
        self.tags_to_close = Counter(name for closes, name in tags if closes)
        self.open_tags: Counter[str] = Counter()

    def pieces(self) -> Iterator[Piece | None]:
        """None: a line break."""
        end_of_address = 0
        for at, token in enumerate(self.tokens):
            if at < end_of_address:
                continue
            if token.type == "link_open" and not self.words_of_link(at):
                end_of_address = self.ends[at]
            elif token.type in ("softbreak", "hardbreak"):
                yield None
            elif token.type == "html_inline":
                yield self.html(token)
            else:
                yield from self.written(at, token)

    def written(self, at: int, token: Token) -> Iterator[Piece]:
        styles = frozenset(self.styles)
        match token.type:
            case "text":
                yield Piece(self.without_backticks(token.content), styles)
            case "code_inline":
                code = token.content.replace("`", BACKTICK_DOUBLE)
                yield Piece(f"`{code}`", styles, verbatim=True)
            case "address":
                yield Piece(token.content, verbatim=True)
            case "image":
                if words := link_words(token.content, shown(token.attrGet("src"))):
                    yield Piece(f"{words}: ", styles)
                yield Piece(shown(token.attrGet("src")), verbatim=True)
            case "link_close":
                opened = self.tokens[self.ends[at]]
                words = self.words_of_link(self.ends[at])
                yield Piece(": " if words else "", styles)
                yield Piece(shown(opened.attrGet("href")), verbatim=True)
            case _:
                yield self.style(at, token)

    def style(self, at: int, token: Token) -> Piece:
        """Begins or ends a style; what is no mark is written."""
        if token.nesting < 0 and self.ends.get(at) in self.as_written:
            return Piece(token.markup, frozenset(self.styles))
        if token.nesting < 0:
            if token.tag in STYLES:
                self.styles.pop()
            return Piece("")
        if token.tag not in STYLES:
            return Piece(token.content)
        inside = self.text_inside(at)
        if ONLY_SIGNS.fullmatch(inside):
            self.as_written.add(at)
            return Piece(token.markup, frozenset(self.styles))
        is_bold = token.markup == "*" and self.is_whatsapps_bold(at, inside)
        self.styles.append(BOLD if is_bold else STYLES[token.tag])
        return Piece("")

    def is_whatsapps_bold(self, at: int, inside: str) -> bool:
        """`*Precio:* 10`, `*¡Importante!* …` at the start of a line, in an answer without `**`: as
        a model writes that was told WhatsApp's own marks."""
        end = self.ends[at] + 1
        after = self.tokens[end].content if end < len(self.tokens) else ""
        starts_line = at == 0 or self.tokens[at - 1].type in ("softbreak", "hardbreak")
        is_label = inside.endswith((":", "!")) or after.startswith(":")
        return self.may_have_whatsapps_bold and starts_line and is_label

    def html(self, token: Token) -> Piece | None:
        """A tag that has its partner is a style, <br> a line break, any other is text."""
        closes, name = tag_of(token)
        if name == "br":
            return None
        if name in HTML_STYLES and closes and self.open_tags[name]:
            self.open_tags[name] -= 1
            self.styles.remove(HTML_STYLES[name])
            return Piece("")
        if name in HTML_STYLES and not closes and self.tags_to_close[name] > 0:
            self.open_tags[name] += 1
            self.tags_to_close[name] -= 1
            self.styles.append(HTML_STYLES[name])
            return Piece("")
        self.tags_to_close[name] -= closes
        return Piece(self.without_backticks(token.content), frozenset(self.styles))

    def words_of_link(self, at: int) -> str:
        return link_words(self.text_inside(at), shown(self.tokens[at].attrGet("href")))

    def text_inside(self, at: int) -> str:
        return "".join(token.content for token in self.tokens[at + 1 : self.ends[at]])

    def without_backticks(self, text: str) -> str:
        """Two of them would be read as code."""
        return text.replace("`", BACKTICK_DOUBLE) if self.has_two_backticks else text


def ends_of(tokens: Sequence[Token]) -> dict[int, int]:
    """Where each opening token closes, and each closing one opened."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.nesting > 0:
            opened.append(at)
        elif token.nesting < 0:
            start = opened.pop()
            ends |= {start: at, at: start}
    return ends


def tag_of(token: Token) -> tuple[bool, str]:
    """Whether it closes, and its name; none for what is no tag."""
    found = TAG.match(token.content)
    return (found[1] == "/", found[2].lower()) if found else (False, "")


def link_words(words: str, address: str) -> str:
    """What is said before an address: not itself again, and no number of a source."""
    words = words.strip()
    return "" if words.isdigit() or words.strip("/") == address.strip("/") else words


def shown(address: str | int | float | None) -> str:
    return str(address or "").removeprefix("mailto:").removeprefix("tel:")
