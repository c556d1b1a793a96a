"""`OPENAI_API_KEY=sk-... make demo` has the real model, and says at once that a key is wrong."""

from typing import Any

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.loopback import serve

from devkit.stack.demo import model_in_words
from devkit.stack.ports import free_ports
from devkit.stack.real_model import check_key, host_of, with_real_model
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside

KEY = "sk-proj-0123456789abcdefghij"


def given(key: str | None = None, url: str | None = None) -> Outside:
    secret = SecretStr(key) if key is not None else None
    return Outside().model_copy(update={"openai_api_key": secret, "openai_base_url": url})


@pytest.mark.parametrize(
    ("outside", "url"),
    [
        (given(KEY), "https://api.openai.com/v1"),
        (given(KEY, "http://localhost:11434/v1"), "http://localhost:11434/v1"),
        (given("any key", "http://localhost:11434/v1"), "http://localhost:11434/v1"),
        (given(None, "http://localhost:11434/v1"), "http://localhost:11434/v1"),
        (given(), None),
    ],
)
def test_a_key_alone_means_openai(outside: Outside, url: str | None) -> None:
    assert with_real_model(outside).openai_base_url == url


@pytest.mark.parametrize("key", ["sk-...", "hunter2", "sk-with a space in the middle", f"{KEY}…"])
def test_what_is_no_key_of_openai_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(CannotStart, match="OPENAI_API_KEY is not a key of OpenAI") as refusal:
        with_real_model(given(key))
    assert key not in str(refusal.value)


def model_server(status: int, calls: list[str]) -> Starlette:
    async def models(request: Request) -> Response:
        calls.append(request.headers["authorization"])
        return Response(status_code=status)

    return Starlette(routes=[Route("/v1/models", models)])


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_the_server_refuses_ends_the_start(status: int) -> None:
    calls: list[str] = []
    refused = pytest.raises(CannotStart, match=f"refuses OPENAI_API_KEY .HTTP {status}")
    with serve(model_server(status, calls)) as url, refused as refusal:
        await check_key(given(KEY, f"{url}/v1/"), print)
    assert calls == [f"Bearer {KEY}"]
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize("status", [200, 404, 429, 500])
async def test_any_other_answer_lets_it_start(status: int) -> None:
    calls: list[str] = []
    with serve(model_server(status, calls)) as url:
        await check_key(given(KEY, f"{url}/v1"), calls.append)
    assert calls == [f"Bearer {KEY}"]


async def test_a_server_that_is_away_is_announced() -> None:
    said: list[str] = []
    port = free_ports(1)[0]
    await check_key(given(KEY, f"http://127.0.0.1:{port}/v1"), said.append)
    assert len(said) == 1
    assert said[0].startswith(f"Model: 127.0.0.1:{port} cannot be reached")


@pytest.mark.parametrize("outside", [given(), given(KEY), given(None, "http://127.0.0.1:1/v1")])
async def test_without_a_key_or_a_server_nobody_is_asked(outside: Outside) -> None:
    announced: list[Any] = []
    await check_key(outside, announced.append)
    assert announced == []


def test_the_welcome_says_what_leaves_this_machine() -> None:
    assert "nothing leaves this machine" in model_in_words(None)
    assert "api.openai.com" in model_in_words(host_of("https://api.openai.com/v1"))
    assert "nothing leaves" not in model_in_words("api.openai.com")
