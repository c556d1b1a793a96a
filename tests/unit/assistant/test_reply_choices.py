"""What the model offers, as the contact gets it."""

from assistant.openai.choices_tool import Offer, Option
from assistant.openai.response import ModelAnswer, Usage
from assistant.reply_choices import choices_of, whole_text_of
from common.events import Choice

YES_OR_NO = (Option("Sí", None), Option("No", "otro día"))


def an_answer(text: str = "", offered: str = "¿Reservo?") -> ModelAnswer:
    return ModelAnswer(text, Usage("gpt-6-luna"), offer=Offer(offered, YES_OR_NO))


def test_the_words_name_the_options_for_who_cannot_tap() -> None:
    assert whole_text_of(an_answer()) == "¿Reservo?\n\n1. Sí\n2. No: otro día"


def test_what_is_tapped_has_the_text_without_them() -> None:
    choices = choices_of(an_answer(), "pt-BR")
    assert choices
    assert choices.text == "¿Reservo?"
    assert choices.options == (
        Choice(id="option-1", title="Sí"),
        Choice(id="option-2", title="No", description="otro día"),
    )
    assert choices.button == "Ver opções"


def test_what_the_model_says_beside_its_call_comes_first_and_nothing_twice() -> None:
    assert whole_text_of(an_answer("Hay sitio.")).startswith("Hay sitio.\n\n¿Reservo?\n\n1. Sí")
    assert whole_text_of(an_answer("Hay sitio. ¿Reservo?")).startswith("Hay sitio. ¿Reservo?\n\n1.")
    assert whole_text_of(an_answer("¿Reservo?", "Hay sitio. ¿Reservo?")).count("¿Reservo?") == 1
    assert whole_text_of(an_answer("¿Reservo?", "")).startswith("¿Reservo?\n\n1.")


def test_more_options_than_whatsapp_shows_are_said_in_words_alone() -> None:
    many = tuple(Option(str(n), None) for n in range(11))
    answer = ModelAnswer("", Usage("gpt-6-luna"), offer=Offer("¿Cuál?", many))
    assert choices_of(answer, "es") is None
    assert whole_text_of(answer).endswith("11. 10")


def test_without_an_offer_the_text_stays_as_it_is() -> None:
    answer = ModelAnswer("Hola", Usage("gpt-6-luna"))
    assert (whole_text_of(answer), choices_of(answer, "es")) == ("Hola", None)
