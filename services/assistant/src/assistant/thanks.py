"""Messages that ask for nothing: thanks, a thumb. Pure.

Each reply costs, and nobody misses one. After a question of ours they are an answer to it.
"""

import re
from collections.abc import Sequence

from assistant.turn_context import StoredMessage, TurnContext
from common.command_words import listed
from common.folded_text import folded

LONGEST = 60  # characters
THANKS = (
    "gracias, muchas gracias, mil gracias, muchísimas gracias, thanks, thank you, many thanks,"
    " thanks a lot, thank you very much, obrigado, obrigada, muito obrigado, muito obrigada, merci,"
    " merci beaucoup, danke, danke schön, vielen Dank, grazie, grazie mille, molte grazie, gràcies,"
    " moltes gràcies"
)
BESIDE = (
    "ok, okay, vale, perfecto, genial, estupendo, perfect, great, ótimo, perfeito, parfait, super,"
    " super gut, perfekt, perfetto, va bene, d'acord, perfecte"
)
PHRASES = "|".join(sorted(map(re.escape, listed(f"{THANKS}, {BESIDE}")), key=len, reverse=True))
ONLY_PHRASES = re.compile(f"(?:{PHRASES})(?: (?:{PHRASES}))*")
HAS_THANKS = re.compile(f"\\b(?:{'|'.join(map(re.escape, listed(THANKS)))})\\b")
# With their skin tones and variation selectors.
PLEASED = re.compile(
    "[👍👌🙏🤝👏💪✅🎉🙌😊🙂😀😃😄😁😍🥰😘🤗❤♥🧡💛💚💙💜\U0001f3fb-\U0001f3ff\ufe0f\u200d!.\\s]+"
)


def asks_nothing(turn: TurnContext) -> bool:
    return (
        bool(turn.history)
        and not asks_back(turn.history[-1])
        and all(is_only_thanks(message) for message in turn.pending)
    )


def asks_back(turn: Sequence[StoredMessage]) -> bool:
    """Whether our side of an earlier turn holds a question."""
    return any(message.role == "a" and "?" in message.body for message in turn)


def is_only_thanks(message: StoredMessage) -> bool:
    text = message.body
    if message.quoted or message.media or len(text) > LONGEST:
        return False
    if PLEASED.fullmatch(text):
        return True
    words = folded(text)
    return bool(ONLY_PHRASES.fullmatch(words) and HAS_THANKS.search(words)) and "?" not in text
