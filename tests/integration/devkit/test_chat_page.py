"""The chat page in a real browser, on a phone and on a desktop, with a stand-in bot behind it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.support.loopback import serve
from tests.support.whatsapp_emulator import (
    BAKERY,
    GARAGE,
    LUCIA,
    MARCOS,
    SECRET,
    TOKEN,
    VERIFY,
    Receiver,
    Running,
)

from devkit.emulators.whatsapp import Knobs, WhatsAppConfig, create_app

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
WCAG = "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})"
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
MENU = {
    "type": "interactive",
    "interactive": {
        "type": "button",
        "body": {"text": "¿Qué desea?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "hours", "title": "Horario"}},
                {"type": "reply", "reply": {"id": "order", "title": "Hacer un pedido"}},
            ]
        },
    },
}
ROWS = [
    {"id": "1", "title": "Barra", "description": "Recién hecha"},
    {"id": "2", "title": "Hogaza de centeno", "description": "De masa madre, 800 g"},
]
LIST = {
    "type": "interactive",
    "interactive": {
        "type": "list",
        "body": {"text": "Nuestro pan de hoy"},
        "action": {"button": "Ver panes", "sections": [{"title": "Hoy", "rows": ROWS}]},
    },
}
HOURS = {
    "text": {
        "body": (
            "*Abrimos* de _lunes a sábado_:\n- mañanas de 9 a 14\n- tardes de 17 a 20\n"
            "~Domingos~ cerrado. Más en https://example.com/horario. <b>no</b>"
        )
    }
}


class Bot:
    """Marks as read, shows typing, answers. `hold` keeps it typing until released."""

    def __init__(self) -> None:
        self.graph, self.hold = "", False
        self._tasks: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/webhook", self.take, methods=["GET", "POST"])])

    async def take(self, request: Request) -> Response:
        if request.method == "GET":
            return PlainTextResponse(request.query_params["hub.challenge"])
        for entry in (await request.json())["entry"]:
            value = entry["changes"][0]["value"]
            for message in value.get("messages", []):
                number = value["metadata"]["phone_number_id"]
                task = asyncio.create_task(self.answer(number, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return Response()

    async def answer(self, number: str, message: dict[str, Any]) -> None:
        token = BAKERY.token if number == BAKERY.phone_number_id else TOKEN
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            url, base = f"{self.graph}/{number}/messages", {"messaging_product": "whatsapp"}
            typing = {"status": "read", "message_id": message["id"], "typing_indicator": {}}
            await http.post(url, json=base | typing | {"typing_indicator": {"type": "text"}})
            if not self.hold:
                to = {"recipient": message["from_user_id"]}
                await http.post(url, json=base | to | reply_to(message))


def reply_to(message: dict[str, Any]) -> dict[str, Any]:
    heard = message.get("text", {}).get("body", "")
    if message["type"] == "interactive":
        reply = message["interactive"]
        title = reply[reply["type"]]["title"]
        return {"text": {"body": f"Ha elegido {title}."}, "context": {"message_id": message["id"]}}
    if message["type"] == "location":
        return {"text": {"body": f"Está en {message['location']['name']}. ¡Muy cerca! 🙂"}}
    known: dict[str, dict[str, Any]] = {"menú": MENU, "lista": LIST, "horario": HOURS}
    return known.get(heard, {"text": {"body": f"Ha dicho: {heard}"}})


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("NOT RUN: there is no Chromium at /usr/bin/chromium")
    with sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield chromium
        chromium.close()


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def meta(bot: Bot) -> Iterator[Running]:
    with serve(bot.app()) as webhook:
        config = WhatsAppConfig(
            SECRET,
            VERIFY,
            TOKEN,
            webhook_url=f"{webhook}/webhook",
            businesses=(BAKERY, GARAGE),
            contacts=(LUCIA, MARCOS),
            knobs=Knobs(sent_after=0, delivered_after=0, read_after=0),
        )
        with serve(create_app(config)) as url:
            bot.graph = f"{url}/v26.0"
            yield Running(url, Receiver())


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def page(browser: Browser, meta: Running, request: pytest.FixtureRequest) -> Iterator[Page]:
    options = {"locale": "es-ES", "timezone_id": "Europe/Madrid"} | request.param
    with browser.new_context(**options) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.extend([line.text] * (line.type == "error")))
        page.goto(meta.url)
        yield page
        assert not problems, problems


def opened(page: Page, name: str = BAKERY.name) -> Locator:
    page.get_by_role("button", name=name).click()
    return page.get_by_role("region", name=f"Chat con {name}")


def say(chat: Locator, text: str) -> None:
    box = chat.get_by_role("textbox")
    box.fill(text)
    box.press("Enter")


def assert_accessible(page: Page) -> None:
    page.evaluate(AXE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate(WCAG)["violations"]
        bad = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]
        assert not bad, (scheme, bad)


def test_a_message_is_sent_with_enter_ticked_blue_and_answered(page: Page, tmp_path: Path) -> None:
    chat = opened(page)
    say(chat, "hola")
    expect(chat.get_by_text("Ha dicho: hola")).to_be_visible()
    expect(chat.locator(".message.out .tick.read")).to_have_count(1)
    expect(chat.get_by_role("textbox")).to_have_value("")
    expect(chat.get_by_text("Hoy", exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "chat.png")
    assert_accessible(page)


def test_formatting_is_shown_and_html_is_not(page: Page) -> None:
    chat = opened(page)
    say(chat, "horario")
    answer = chat.locator(".message.in")
    expect(answer.locator("strong")).to_have_text("Abrimos")
    expect(answer.locator("em")).to_have_text("lunes a sábado")
    expect(answer.locator("li")).to_have_count(2)
    expect(answer.get_by_role("link")).to_have_attribute("href", "https://example.com/horario")
    expect(answer).to_contain_text("<b>no</b>")


def test_buttons_and_lists_answer_when_they_are_tapped(page: Page, tmp_path: Path) -> None:
    chat = opened(page)
    say(chat, "menú")
    chat.get_by_role("button", name="Hacer un pedido").click()
    expect(chat.get_by_text("Ha elegido Hacer un pedido.")).to_be_visible()
    say(chat, "lista")
    chat.get_by_text("Ver panes").click()
    chat.get_by_role("button", name="Hogaza de centeno").click()
    expect(chat.get_by_text("Ha elegido Hogaza de centeno.")).to_be_visible()
    page.screenshot(path=tmp_path / "choices.png")
    assert_accessible(page)


def test_a_place_can_be_sent(page: Page) -> None:
    chat = opened(page)
    places = chat.get_by_label("Enviar ubicación")
    places.click()
    page.keyboard.press("Escape")
    expect(chat.get_by_role("button", name="Puerta del Sol")).to_be_hidden()
    places.click()
    chat.get_by_role("button", name="Puerta del Sol").click()
    expect(chat.get_by_text("Está en Puerta del Sol.")).to_be_visible()


def test_a_reaction_shows_on_its_message_only(page: Page, meta: Running) -> None:
    chat = opened(page)
    say(chat, "hola")
    expect(chat.get_by_text("Ha dicho: hola")).to_be_visible()
    mine = next(one for one in meta.look("messages") if one["direction"] == "inbound")
    reaction = {"type": "reaction", "reaction": {"message_id": mine["wamid"], "emoji": "👍"}}
    assert meta.send(BAKERY, "token-of-bakery", recipient=LUCIA.user_id, **reaction).is_success
    expect(chat.locator(".message.out")).to_contain_text("👍")
    expect(chat.locator(".message")).to_have_count(2)


def test_typing_is_shown_until_the_answer_comes(page: Page, meta: Running, bot: Bot) -> None:
    chat = opened(page)
    bot.hold = True
    say(chat, "hola")
    expect(chat.get_by_text("escribiendo…")).to_be_visible()
    body = {"recipient": LUCIA.user_id, "text": {"body": "ya"}}
    assert meta.send(BAKERY, "token-of-bakery", **body).is_success
    expect(chat.get_by_text("escribiendo…")).to_be_hidden()


def test_a_message_that_failed_says_why(page: Page, meta: Running, tmp_path: Path) -> None:
    meta.control("faults", phase="status", action={"error": 131026})
    chat = opened(page)
    say(chat, "hola")
    expect(chat.get_by_text("No entregado: Message undeliverable (131026)")).to_be_visible()
    page.screenshot(path=tmp_path / "failed.png")
    assert_accessible(page)


def test_a_number_added_on_the_page_opens_a_chat(page: Page) -> None:
    page.get_by_text("Añadir número").click()
    page.get_by_label("Nombre").fill("Floristería Mar")
    page.get_by_label("Teléfono").fill("+34 911 000 003")
    page.get_by_label("phone_number_id").fill("100000000000003")
    page.get_by_role("button", name="Abrir chat").click()
    chat = page.get_by_role("region", name="Chat con Floristería Mar")
    say(chat, "hola")
    expect(chat.get_by_text("Ha dicho: hola")).to_be_visible()


def test_a_number_added_elsewhere_appears_in_the_list(page: Page, meta: Running) -> None:
    meta.control("businesses", name="Librería", phone_number="+34911", phone_number_id="77")
    expect(page.get_by_role("button", name="Librería")).to_be_visible()


def test_every_person_has_conversations_of_their_own(page: Page, tmp_path: Path) -> None:
    chat = opened(page)
    say(chat, "soy Lucía")
    expect(chat.get_by_text("Ha dicho: soy Lucía")).to_be_visible()
    page.goto(page.url)
    page.get_by_label("Escribes como").select_option(MARCOS.user_id)
    page.wait_for_url(f"**contact={MARCOS.user_id}")
    chat = opened(page)
    say(chat, "soy Marcos")
    expect(chat.get_by_text("Ha dicho: soy Marcos")).to_be_visible()
    expect(chat.get_by_text("soy Lucía")).to_have_count(0)


def test_a_chat_out_of_sight_counts_what_was_not_read(page: Page, meta: Running) -> None:
    if page.viewport_size == DESKTOP["viewport"]:
        meta.control("businesses", name="Zapatería", phone_number="+34911", phone_number_id="7")
        number = "7"
    else:
        number = BAKERY.phone_number_id
    meta.control("inbound", phone_number_id=number, contact=LUCIA.user_id, text="hola")
    expect(page.locator(f'.row[data-chat="{number}"] .badge')).to_have_text("1")


def test_a_wide_window_shows_two_chats_and_a_phone_one_at_a_time(
    page: Page, tmp_path: Path
) -> None:
    wide = page.viewport_size == DESKTOP["viewport"]
    expect(page.locator(".chat:visible")).to_have_count(2 if wide else 0)
    say(opened(page), "hola")
    expect(page.locator(".chat:visible")).to_have_count(2 if wide else 1)
    if not wide:
        page.get_by_role("button", name="Volver").click()
    page.screenshot(path=tmp_path / "list.png")
    assert_accessible(page)
    say(opened(page, GARAGE.name), "¿Tienen hueco mañana?")
    expect(page.locator(".message.in").get_by_text("¿Tienen hueco mañana?")).to_be_visible()
    expect(page.locator(".chat:visible")).to_have_count(2 if wide else 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
