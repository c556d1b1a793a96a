"""The chat page's texts and headers, without a browser."""

import re
from pathlib import Path

import httpx
import pytest
from tests.support.loopback import serve
from tests.support.whatsapp_emulator import BAKERY, LUCIA, SECRET, TOKEN, VERIFY

from devkit.emulators.whatsapp import WhatsAppConfig, create_app
from devkit.emulators.whatsapp import page as page_module
from devkit.emulators.whatsapp.page import size
from devkit.emulators.whatsapp.page_texts import PAGE_TEXTS, page_language

FOLDER = Path(page_module.__file__).parent
KINDS = {"image", "video", "voice", "audio", "document", "sticker", "template"}  # looked up by kind
STATUSES = {"sent", "delivered", "read"}


def used(folder: str, pattern: str) -> set[str]:
    files = [file for file in (FOLDER / folder).iterdir() if file.suffix in (".html", ".js", ".py")]
    return {name for file in files for name in re.findall(pattern, file.read_text("utf-8"))}


def test_every_language_says_the_same_things() -> None:
    texts = [set(language) for language in PAGE_TEXTS.values()]
    scripts = [set(language["script"]) for language in PAGE_TEXTS.values()]
    assert all(one == texts[0] for one in texts)
    assert all(one == scripts[0] for one in scripts)


def test_every_text_is_there_and_is_used() -> None:
    preview = (FOLDER / "message_preview.py").read_text("utf-8")
    named = used("templates", r"\bt\.(\w+)") | KINDS | STATUSES
    named |= set(re.findall(r"[\"'](\w+)[\"']", " ".join(re.findall(r"texts\[.*?\]", preview))))
    assert named == set(PAGE_TEXTS["es"])
    assert used("static", r"(?<!/)\btexts\.(\w+)") == set(PAGE_TEXTS["es"]["script"])


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "es"),
        (None, "en-GB,en;q=0.9,es;q=0.8", "en"),
        (None, "fr-FR,fr;q=0.9,en;q=0.5", "en"),
        (None, "de", "es"),
        ("es", "en", "es"),
        ("<b>", "en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(
    chosen: str | None, accepted: str, language: str
) -> None:
    assert page_language(chosen, accepted) == language


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "1 kB"), (18_499, "18 kB"), (1_440_000, "1.4 MB")]
)
def test_sizes_are_short(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("model", "notice"),
    [(None, "nothing leaves this machine"), ("api.openai.com", "sent to api.openai.com")],
)
def test_the_page_says_what_leaves_this_machine(model: str | None, notice: str) -> None:
    config = WhatsAppConfig(
        SECRET, VERIFY, TOKEN, businesses=(BAKERY,), contacts=(LUCIA,), real_model=model
    )
    with serve(create_app(config)) as url:
        page = httpx.get(url, headers={"Accept-Language": "en"})
    assert notice in page.text
    assert ("nothing leaves" in page.text) == (model is None)
    assert "model/faults" not in page.text  # only where there is a stand-in
    policy = page.headers["content-security-policy"]
    assert policy == "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"
