"""What the model offers, as the contact gets it: to be tapped, and the same in words. Pure.

The words are what the history keeps, and what is sent where WhatsApp could not show the options.
"""

from assistant.openai.choices_tool import MOST, Option
from assistant.openai.response import ModelAnswer
from assistant.texts import choices_button
from common.events import Choice, Choices
from common.visible_text import visible


def text_of(answer: ModelAnswer) -> str:
    """What the model says, its options excepted. It may have said the same beside the call."""
    offered = answer.offer.text if answer.offer else ""
    if not visible(offered) or offered in answer.text:
        return answer.text
    return f"{answer.text}\n\n{offered}" if answer.text and answer.text not in offered else offered


def whole_text_of(answer: ModelAnswer) -> str:
    """With the options as a numbered list, as a contact may answer who cannot tap."""
    if answer.offer is None:
        return answer.text
    lines = [f"{number}. {words(option)}" for number, option in enumerate(answer.offer.options, 1)]
    return "\n\n".join((text_of(answer), "\n".join(lines)))


def words(option: Option) -> str:
    return f"{option.title}: {option.description}" if option.description else option.title


def choices_of(answer: ModelAnswer, language: str) -> Choices | None:
    """None without options, and for more than WhatsApp can show. language: of the client."""
    if answer.offer is None or len(answer.offer.options) > MOST:
        return None
    options = tuple(
        Choice(id=f"option-{number}", title=option.title, description=option.description)
        for number, option in enumerate(answer.offer.options, 1)
    )
    return Choices(text=text_of(answer), options=options, button=choices_button(language))
