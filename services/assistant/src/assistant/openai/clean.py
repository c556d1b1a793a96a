"""What a contact may read of a model's text. Pure.

Models leave their reasoning in tags (DeepSeek, Qwen; where a chat template opens the tag, only its
end is in the text) and marks of sources: `【4:0†source】`, and spans between U+E200 and U+E201.
A text may be long and degenerate, so every pattern takes time in proportion to it.
"""

import re

from common.lenient_json import storable

TAG = r"(think|thinking|thought|reasoning)"
# With what is inside; one that is never closed reaches to the end.
REASONING = re.compile(rf"<{TAG}\b[^<>]{{0,64}}>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
BEFORE_END_OF_REASONING = re.compile(rf"\A.*</{TAG}\s*>", re.DOTALL | re.IGNORECASE)
SOURCES = re.compile(
    r"[ \t]{0,8}(?:【[^【】\n]{0,80}†[^【】\n]{0,200}】|\ue200[^\ue201\n]*(?:\ue201|$))",
    re.MULTILINE,
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ue200-\ue20f]")
LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")

MARKS = r"[.!?…。！？]{1,8}[\"'»”’)\]*_]{0,8}"
# Where a sentence or a line ends. At the very end of a cut text "9." may have been 9.50.
WHOLE = re.compile(rf"[。！？]|{MARKS}(?=\s)|(?<!\d){MARKS}\Z|\n")
# A line that only leads to what was cut: "Prices:", "## Prices", "2."
INTRODUCTION = re.compile(r".*:[*_]*|\s*(?:[-*•+]|\d{1,3}[.)])|#.*")

OPEN_END = " \n,;:#-*•+"


def clean(text: str) -> str:
    """Storable, without reasoning, marks of sources and control characters."""
    text = BEFORE_END_OF_REASONING.sub("", REASONING.sub("", storable(text)))
    return CONTROLS.sub("", LINE_ENDS.sub("\n", SOURCES.sub("", text))).strip()


def whole_part(text: str) -> str:
    """A cut text up to its last whole sentence or list item; where there is none, up to its last
    whole word, with an ellipsis."""
    ends = [match.end() for match in WHOLE.finditer(text)]
    parts = (text[:end].rstrip() for end in reversed(ends))
    return next((part for part in parts if part and not ends_open(part)), whole_words(text))


def ends_open(part: str) -> bool:
    return INTRODUCTION.fullmatch(part[part.rfind("\n") + 1 :]) is not None


def whole_words(text: str) -> str:
    words = text.split()
    if not words:
        return ""
    kept = text.rstrip().removesuffix(words[-1]) if len(words) > 1 else text
    return f"{kept.rstrip(OPEN_END)}…"
