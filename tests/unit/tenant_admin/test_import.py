"""Exports in every shape and quality become assistants, or a refusal that names what is wrong."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tenant_admin.assistant_import.files import sources_of
from tenant_admin.assistant_import.mapping import translate
from tenant_admin.core.problems import RequestRefused

A = {"id": "asst_a", "object": "assistant", "name": "A", "model": "gpt-4o", "instructions": "Be A."}
B = {**A, "id": "asst_b", "name": "B"}
PAGE = {"object": "list", "data": [A, B], "first_id": "asst_a", "last_id": "asst_b"}


@pytest.mark.parametrize(
    "raw",
    [
        orjson.dumps([A, B]),
        orjson.dumps(PAGE),
        orjson.dumps({"assistants": [A, B]}),
        orjson.dumps(A) + b"\n\n" + orjson.dumps(B) + b"\n",
        orjson.dumps(A) + b"\r\n" + orjson.dumps([B]),
        orjson.dumps([PAGE]),
        b"\xef\xbb\xbf" + orjson.dumps(PAGE, option=orjson.OPT_INDENT_2),
    ],
)
def test_every_shape_holds_the_same_two(raw: bytes) -> None:
    assert sources_of(raw) == [A, B]


@pytest.mark.parametrize(
    "raw",
    [
        orjson.dumps([A] * 501),
        orjson.dumps({"data": [[A] * 300, {"assistants": [A] * 201}]}),
        (orjson.dumps(A) + b"\n") * 501,
        b"0\n" * 1_000_000,
        b"[" + b"{}," * 500_000 + b"0]",
        b'{"a":[' + b"[]," * 200_000 + b"0]}",
    ],
)
def test_too_many_at_once_are_refused_with_the_number_that_is_taken(raw: bytes) -> None:
    with pytest.raises(RequestRefused) as refused:
        sources_of(raw)
    [error] = refused.value.errors
    assert (error.field, error.fix) == ("file", "send at most 500 assistants at once")


def test_line_separators_of_unicode_end_no_line() -> None:
    one = orjson.dumps({**A, "instructions": "one\u2028two"})
    assert [item["instructions"] for item in sources_of(one + b"\n" + one)] == ["one\u2028two"] * 2


def test_one_object_is_one_item() -> None:
    assert sources_of(orjson.dumps(A, option=orjson.OPT_INDENT_2)) == [A]


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "file"),
        (b"\xff\xfe", "file"),
        (orjson.dumps(A) + b"\n{oops", "file line 2"),
        (b"[" * 100 + b"1" + b"]" * 100, None),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "file"),
    ],
)
def test_what_is_no_export_is_refused_naming_the_place(raw: bytes, field: str | None) -> None:
    if field is None:
        assert sources_of(raw) == [1]
        return
    with pytest.raises(RequestRefused) as refused:
        sources_of(raw)
    assert refused.value.errors[0].field == field


def test_an_assistant_keeps_its_id_and_its_model() -> None:
    form, source = translate({**A, "temperature": 0.4, "top_p": 1.0, "metadata": {"team": "x"}})
    assert (form.assistant_id, form.name, form.instructions) == ("asst_a", "A", "Be A.")
    assert (form.model, form.reasoning_effort, form.temperature) == ("gpt-4o", "none", 0.4)
    assert source.raw["metadata"] == {"team": "x"}


def test_key_order_does_not_make_another_import_but_content_does() -> None:
    backwards = dict(reversed(A.items()))
    assert translate(A)[1].hash == translate(backwards)[1].hash
    assert translate(A)[1].hash != translate({**A, "name": "A2"})[1].hash


TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}},
    {
        "type": "file_search",
        "file_search": {"ranking_options": {"ranker": "default_2024_08_21", "score_threshold": 0}},
    },
    {"type": "code_interpreter"},
]


def test_tools_are_flattened_and_reported_as_not_run() -> None:
    resources = {"file_search": {"vector_store_ids": ["vs_1"]}}
    _, source = translate({**A, "tools": TOOLS, "tool_resources": resources})
    assert source.tools == (
        {"type": "function", "name": "book", "parameters": {"type": "object"}, "strict": False},
        {
            "type": "file_search",
            "vector_store_ids": ["vs_1"],
            "ranking_options": {"ranker": "auto", "score_threshold": 0},
        },
        {"type": "code_interpreter", "container": {"type": "auto", "file_ids": []}},
    )
    assert any("not run" in warning for warning in source.warnings)


def test_a_json_schema_format_is_unnested() -> None:
    nested = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}}
    _, source = translate({**A, "response_format": nested})
    assert source.response_format == {
        "type": "json_schema",
        "name": "n",
        "schema": {},
        "strict": True,
    }


def test_the_arguments_of_a_response_are_understood() -> None:
    form, source = translate(
        {
            "model": "gpt-6-luna",
            "prompt": {"id": "pmpt_123", "version": "2"},
            "input": [
                {"role": "developer", "content": [{"type": "input_text", "text": "Be {{tone}}."}]},
                {"role": "user", "content": "hola"},
            ],
            "reasoning": {"effort": "medium"},
            "text": {"verbosity": "medium", "format": {"type": "text"}},
            "max_output_tokens": 500,
        }
    )
    assert (form.assistant_id, form.instructions) == ("pmpt_123", "Be {{tone}}.")
    assert (form.reasoning_effort, form.verbosity) == ("medium", "medium")
    assert form.max_output_tokens == 500
    assert any("{{tone}}" in warning for warning in source.warnings)
    assert any("1 messages" in warning for warning in source.warnings)


def test_a_langfuse_prompt_is_understood_and_its_next_version_keeps_the_id() -> None:
    prompt = [{"role": "system", "content": "Be brief."}]
    first = {"name": "shop", "version": 1, "prompt": prompt, "config": {"model": "gpt-6.1-terra"}}
    form, _ = translate(first)
    assert (form.name, form.instructions, form.model) == ("shop", "Be brief.", "gpt-6.1-terra")
    again, _ = translate({**first, "version": 2, "prompt": "Be kind."})
    assert (again.assistant_id, again.instructions) == (form.assistant_id, "Be kind.")


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ({"instructions": None}, "instructions"),
        ({"model": None}, "model"),
        ({"temperature": 7}, "temperature"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"max_output_tokens": 1}, "max_output_tokens"),
        ({"name": "x" * 300}, "name"),
    ],
)
def test_what_could_not_be_kept_is_a_warning(fields: dict[str, Any], warned: str) -> None:
    _, source = translate({**A, **fields})
    assert any(warning.startswith(f"{warned}:") for warning in source.warnings)


@pytest.mark.parametrize("item", [3, "x", None, {"object": "thread.message"}, {"export_schema": 1}])
def test_what_is_no_assistant_is_refused(item: object) -> None:
    with pytest.raises(RequestRefused):
        translate(item)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["id", "name", "model", "instructions", "input", "prompt", "config", "tools", "text"]
FIELDS += ["tool_resources", "response_format", "temperature", "reasoning", "reasoning_effort"]
ITEMS = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8)


@given(ITEMS)
@example({"tools": [{"type": "file_search", "file_search": 3}], "tool_resources": []})
@example({"name": "\ud7ff\u2028", "instructions": " "})
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_json_breaks_the_import(item: Any) -> None:
    """Refused is the only way out besides a result."""
    try:
        [read] = sources_of(orjson.dumps([{"assistant": 1, "wrapped": item}]))
        form, _ = translate(read["wrapped"])
    except (RequestRefused, orjson.JSONEncodeError):
        return
    assert form.name
    assert form.instructions


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_import(raw: bytes) -> None:
    try:
        assert isinstance(sources_of(raw), list)
    except RequestRefused:
        return
