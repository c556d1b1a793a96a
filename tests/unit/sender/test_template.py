"""A template as Graph takes it."""

import pytest

from common.events import TenantSettings
from sender.whatsapp.template import LONGEST_TEXT, template_content, variable


def settings(**fields: object) -> TenantSettings:
    return TenantSettings.model_validate({"window_template": "we_answered"} | fields)


def test_a_template_without_a_variable_has_a_name_and_a_language() -> None:
    assert template_content(settings(), "Hola") == {
        "name": "we_answered",
        "language": {"code": "es"},
    }


def test_the_variable_takes_the_text() -> None:
    content = template_content(settings(window_template_takes_text=True), "Hola")
    assert content["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "Hola"}]}
    ]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"language": "pt-BR"}, "pt_BR"),
        ({"language": "pt-BR", "window_template_language": "pt_PT"}, "pt_PT"),
    ],
)
def test_the_language_is_metas(fields: dict[str, str], code: str) -> None:
    assert template_content(settings(**fields), "")["language"] == {"code": code}


def test_a_variable_is_one_line_that_is_cut_at_a_word() -> None:
    assert variable("Uno\n\n- dos\ttres     cuatro ") == "Uno - dos tres cuatro"
    long = variable("palabra " * 200)
    assert len(long) <= LONGEST_TEXT
    assert long.endswith("palabra …")
    assert variable("\n") == "…"
