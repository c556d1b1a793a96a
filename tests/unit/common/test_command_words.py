"""The default words: each language has all commands, and each word one meaning."""

import pytest

from common.command_words import WORDS, Command, default_words, known_language

every_language = pytest.mark.parametrize("language", WORDS)


def test_these_languages_have_words_of_their_own() -> None:
    assert set(WORDS) == {"es", "en", "pt", "fr", "de", "it", "ca"}


@every_language
def test_a_language_has_words_for_every_command_and_opt_out_words_count_first(
    language: str,
) -> None:
    commands: list[Command] = ["opt_out", "opt_in", "handover"]
    assert list(default_words(language)) == commands
    assert all(default_words(language).values())


@every_language
def test_a_word_has_one_meaning(language: str) -> None:
    every = default_words(language).values()
    assert sum(map(len, every)) == len(frozenset().union(*every))


@every_language
def test_the_best_known_words_count_everywhere(language: str) -> None:
    words = default_words(language)
    assert {"stop", "unsubscribe", "baja"} <= words["opt_out"]
    assert {"start", "alta"} <= words["opt_in"]


@pytest.mark.parametrize(
    ("language", "known"),
    [("es-MX", "es"), ("pt-BR", "pt"), ("ca", "ca"), ("eu", "en"), ("nl-BE", "en")],
)
def test_a_region_speaks_its_language_and_an_unknown_one_english(language: str, known: str) -> None:
    assert known_language(language) == known
    assert default_words(language) == default_words(known)
