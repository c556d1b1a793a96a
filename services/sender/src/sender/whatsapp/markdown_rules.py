"""How models write Markdown, where it differs from CommonMark: rules for markdown-it-py."""

import re

from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import reference as commonmark_reference
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.rules_inline.strikethrough import tokenize as commonmark_strikethrough

SCHEME = re.compile(r"(?<![^\W_])https?$", re.IGNORECASE)
ADDRESS = re.compile(r"://(?:(?!\*\*|~~)[^\s<>\[\]\"`|]){1,2000}")
ESCAPED = re.compile(r"\\(?=[^\w\s]|_)")
AFTER_AN_ADDRESS = ".,;:!?'\\*_~»”’"
OPENING, CLOSING = "([{¿¡«“‘", ")]}.,;:?!%»”’"
DELIMITER_ROW = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*+\|?[ \t]*")
CELL_END = re.compile(r"(?<!\\)\|")
DEFINITION = re.compile(r"\[[^\[\]]{1,999}\]:[ \t]*<?(?:https?://|mailto:|tel:)")
WIDEST_DELIMITER = 3


class ModelMarkdown(MarkdownIt):
    """Addresses stay as they were written, because a person reads them."""

    def __init__(self) -> None:
        options = {"html": True, "strikethrough_single_tilde": True}
        super().__init__("commonmark", options)
        self.enable("strikethrough").disable(["lheading", "code", "html_block"])
        self.inline.ruler.after("text", "address", address)
        self.inline.ruler.at("emphasis", emphasis)
        self.inline.ruler.at("strikethrough", strikethrough)
        self.block.ruler.at("reference", definition)
        self.block.ruler.before("list", "table_rows", table_rows, {"alt": ["paragraph"]})

    def validateLink(self, url: str) -> bool:
        return True

    def normalizeLink(self, url: str) -> str:
        return url

    def normalizeLinkText(self, link: str) -> str:
        return link


def address(state: StateInline, silent: bool) -> bool:
    """A bare address, so that no _ in it becomes a mark."""
    at = state.pos
    scheme = state.src[at] == ":" and SCHEME.search(state.src[max(0, at - 6) : at])
    found = scheme and ADDRESS.match(state.src, at, state.posMax)
    if not scheme or not found:
        return False
    rest = without_what_follows(found[0])
    if not silent:
        if not state.pending.endswith(scheme[0]):
            return False
        state.pending = state.pending[: -len(scheme[0])]
        token = state.push("address", "", 0)
        token.content = ESCAPED.sub("", scheme[0] + rest).replace("&amp;", "&")
    state.pos += len(rest)
    return True


def without_what_follows(address: str) -> str:
    """Without the punctuation of the sentence around it."""
    while address[-1] in AFTER_AN_ADDRESS or (
        address[-1] == ")" and address.count(")") > address.count("(")
    ):
        address = address[:-1]
    return address


def emphasis(state: StateInline, silent: bool) -> bool:
    """`*` never within a word, as `_`; `**` also beside spaces and letters (`**Precio:**10`)."""
    start = state.pos
    marker = state.src[start]
    if silent or marker not in "*_":
        return False
    scanned = state.scanDelims(start, False)
    opens, closes = scanned.can_open, scanned.can_close
    before = state.src[start - 1] if start else "\n"
    after = state.src[start + scanned.length : start + scanned.length + 1] or "\n"
    if marker == "*" and 1 < scanned.length <= WIDEST_DELIMITER:
        arithmetic = is_arithmetic(state.src, start, scanned.length)
        opens, closes = after != "\n" and not arithmetic, before != "\n" and not arithmetic
    elif scanned.length == 1:
        opens, closes = opens and after not in CLOSING, closes and before not in OPENING
    push_delimiters(state, marker, scanned.length, opens, closes)
    return True


def is_arithmetic(text: str, start: int, length: int) -> bool:
    """2 ** 3"""
    before = text[max(0, start - 2) : start].rstrip()[-1:]
    after = text[start + length : start + length + 2].lstrip()[:1]
    return before.isdigit() and after.isdigit()


def push_delimiters(
    state: StateInline, marker: str, length: int, opens: bool, closes: bool
) -> None:
    """As markdown-it's own rule does it."""
    for _ in range(length):
        state.push("text", "", 0).content = marker
        token = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord(marker), length, token, -1, opens, closes))
    state.pos += length


def strikethrough(state: StateInline, silent: bool) -> bool:
    """`~~x~~` or `~x~`, and no single one within a word: 20~30 is a range."""
    start = state.pos
    if state.src[start] != "~":
        return False
    is_within = (
        state.src[start - 1 : start].isalnum() and state.src[start + 1 : start + 2].isalnum()
    )
    return not is_within and commonmark_strikethrough(state, silent)


def definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`[1]: https://…`; `[Horario]: 9-18` is a sentence."""
    if not DEFINITION.match(line_of(state, start)):
        return False
    if not commonmark_reference(state, start, end, silent):
        return False
    token = state.push("definition", "", 0)
    token.map = [start, state.line]
    token.content = "\n".join(line_of(state, line) for line in range(start, state.line))
    label = normalizeReference(token.content[1:].partition("]:")[0])
    token.meta = {"href": state.env["references"].get(label, {}).get("href")}
    return True


def table_rows(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Each row is a line with its cells; the row of dashes is dropped."""
    if start + 1 >= end or "|" not in line_of(state, start):
        return False
    dashes = line_of(state, start + 1)
    if "|" not in dashes or "-" not in dashes or not DELIMITER_ROW.fullmatch(dashes):
        return False
    if state.sCount[start + 1] < state.blkIndent:
        return False
    if silent:
        return True
    push_row(state, start, start + 2)
    state.line = start + 2
    while state.line < end and is_row(state, state.line):
        push_row(state, state.line, state.line + 1)
        state.line += 1
    return True


def is_row(state: StateBlock, line: int) -> bool:
    return "|" in line_of(state, line) and state.sCount[line] >= state.blkIndent


def push_row(state: StateBlock, line: int, end: int) -> None:
    row = line_of(state, line).strip().removeprefix("|")
    cells = [cell.strip() for cell in CELL_END.split(row)]
    token = state.push("inline", "", 0)
    token.content = " | ".join(cells[:-1] if cells[-1] == "" else cells)
    token.map = [line, end]
    token.children = []


def line_of(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
