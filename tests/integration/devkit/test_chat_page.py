"""The chat page in a real browser, on a phone and on a desktop, with a stand-in bot behind it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
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
from tests.support.waiting import eventually
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
        microphone = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        args = ["--no-sandbox", "--disable-dev-shm-usage", *microphone]
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


def open_with_the_keyboard(page: Page, actions: Locator) -> None:
    """Once more where a new tick put the message in place anew between focus and key: the page
    gives the focus back, but a key that comes before goes nowhere."""
    menu = page.get_by_role("menu")
    for _ in range(5):
        actions.press("Enter")
        with suppress(AssertionError):
            expect(menu).to_be_visible(timeout=2000)
            return
    expect(menu).to_be_visible()


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
    chat.get_by_label("Adjuntar").click()
    page.keyboard.press("Escape")
    expect(chat.get_by_role("button", name="Puerta del Sol")).to_be_hidden()
    attach(chat, "Puerta del Sol")
    expect(chat.get_by_text("Está en Puerta del Sol.")).to_be_visible()


def attach(chat: Locator, name: str) -> None:
    chat.get_by_label("Adjuntar").click()
    chat.locator(".menu").get_by_role("button", name=name).click()


def written(meta: Running, count: int = 1) -> list[dict[str, Any]]:
    """What the person has sent, oldest first, once there is so much of it."""

    def enough() -> list[dict[str, Any]] | None:
        sent = [one for one in meta.look("messages") if one["direction"] == "inbound"]
        return sent if len(sent) >= count else None

    return eventually(enough)


@pytest.mark.parametrize(
    ("sample", "kind", "shown"),
    [
        ("Foto de la mesa", "image", "img"),
        ("Nota de voz", "audio", ".voice"),
        ("Presupuesto en PDF", "document", "a[download='presupuesto.pdf']"),
        ("Sticker", "sticker", "img"),
        ("Contacto", "contacts", ".card"),
    ],
)
def test_a_sample_is_sent_with_one_click_and_shown(
    page: Page, meta: Running, sample: str, kind: str, shown: str
) -> None:
    chat = opened(page)
    attach(chat, sample)
    bubble = chat.locator(".message.out")
    expect(bubble.locator(shown)).to_be_visible()
    expect(bubble.locator(".tick.read")).to_have_count(1)
    [message] = written(meta)
    assert message["kind"] == kind
    if shown == "img":
        width = bubble.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)")
        assert width > 0


def test_a_voice_note_is_played_and_can_be_moved_in(page: Page) -> None:
    chat = opened(page)
    attach(chat, "Nota de voz")
    voice = chat.locator(".voice")
    expect(chat.locator(".message.out .tick.read")).to_have_count(1)
    expect(voice.locator(".length")).to_have_text("0:01")
    voice.get_by_label("Posición").fill("0.5")
    eventually(lambda: voice.locator("audio").evaluate("one => one.currentTime") > 0.5)
    voice.get_by_role("button").click()
    expect(voice).to_have_class("voice playing")
    expect(voice).to_have_class("voice")  # at its end
    assert_accessible(page)


def test_a_voice_note_is_recorded_or_thrown_away(page: Page, meta: Running) -> None:
    chat = opened(page)
    chat.get_by_label("Grabar nota de voz").click()
    chat.get_by_role("button", name="Cancelar").click()
    chat.get_by_label("Grabar nota de voz").click()
    expect(chat.get_by_text("Grabando 0:01")).to_be_visible()
    assert_accessible(page)
    chat.get_by_role("button", name="Enviar").click()
    expect(chat.locator(".voice")).to_be_visible()
    [message] = written(meta)
    assert message["content"]["voice"] is True
    assert message["content"]["mime_type"].startswith("audio/")


def test_a_file_of_this_device_is_sent_with_what_is_typed_as_its_caption(
    page: Page, meta: Running, tmp_path: Path
) -> None:
    note = tmp_path / "menú <b>.txt"
    note.write_text("hola")
    chat = opened(page)
    chat.get_by_role("textbox").fill("Esto es")
    with page.expect_file_chooser() as chosen:
        attach(chat, "Documento")
    chosen.value.set_files(note)
    bubble = chat.locator(".message.out")
    expect(bubble.locator(".document")).to_contain_text("menú <b>.txt")
    expect(bubble).to_contain_text("Esto es")
    expect(chat.get_by_role("textbox")).to_have_value("")
    [message] = written(meta)
    assert message["content"]["filename"] == "menú <b>.txt"
    assert message["content"]["caption"] == "Esto es"


def act(page: Page, message: Locator, name: str) -> None:
    """Chooses from a message's menu."""
    message.hover()
    message.get_by_label("Acciones del mensaje").click()
    menu = page.get_by_role("menu")
    menu.get_by_role("menuitem", name=name).or_(menu.get_by_label(f"con {name}")).click()


def test_a_message_is_quoted_also_by_a_file(page: Page, meta: Running) -> None:
    chat = opened(page)
    say(chat, "hola")
    answer = chat.locator(".message.in").filter(has_text="Ha dicho: hola")
    act(page, answer, "Responder")
    expect(chat.get_by_text("Respondes a Panadería Sol")).to_be_visible()
    assert_accessible(page)
    say(chat, "gracias")
    expect(chat.locator(".message.out .quote")).to_contain_text("Ha dicho: hola")
    act(page, chat.locator(".message.out").first, "Responder")
    attach(chat, "Foto de la mesa")
    expect(chat.locator(".message.out .quote")).to_have_count(2)
    first, second, third = written(meta, 3)
    assert second["quoted"] == answer.get_attribute("id")
    assert third["quoted"] == first["wamid"]


def test_a_message_is_edited_and_deleted(page: Page, meta: Running) -> None:
    chat = opened(page)
    say(chat, "el *lunes*")
    mine = chat.locator(".message.out").first
    act(page, mine, "Editar")
    expect(chat.get_by_role("textbox")).to_have_value("el *lunes*")
    say(chat, "el martes")
    expect(mine).to_contain_text("el martes")
    expect(mine).to_contain_text("Editado")
    act(page, mine, "Eliminar")
    expect(mine).to_contain_text("Eliminaste este mensaje")
    expect(mine).not_to_contain_text("martes")
    assert [one["kind"] for one in written(meta)] == ["text"]
    assert_accessible(page)


def test_escape_leaves_an_edit(page: Page, meta: Running) -> None:
    chat = opened(page)
    say(chat, "el lunes")
    act(page, chat.locator(".message.out").first, "Editar")
    chat.get_by_role("textbox").press("Escape")
    expect(chat.get_by_role("textbox")).to_have_value("")
    say(chat, "otra cosa")
    assert [one["edited"] for one in written(meta, 2)] == [False, False]


def test_a_reaction_is_given_and_taken_back(page: Page) -> None:
    chat = opened(page)
    say(chat, "hola")
    answer = chat.locator(".message.in").filter(has_text="Ha dicho: hola")
    act(page, answer, "❤️")
    expect(answer.locator(".reactions")).to_have_text("❤️")
    act(page, answer, "❤️")
    expect(answer.locator(".reactions")).to_have_count(0)


def test_the_menu_of_a_message_is_used_with_the_keyboard(page: Page) -> None:
    chat = opened(page)
    say(chat, "hola")
    actions = chat.locator(".message.out").get_by_label("Acciones del mensaje")
    open_with_the_keyboard(page, actions)
    assert_accessible(page)
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Eliminar")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_be_hidden()
    expect(actions).to_be_focused()


def test_the_business_writes_on_its_own_phone(page: Page, meta: Running) -> None:
    chat = opened(page)
    chat.get_by_label("Escribir desde el móvil del negocio").click()
    say(chat, "Soy Marta, le atiendo yo")
    said = chat.locator(".message.in")
    expect(said).to_contain_text("Desde el móvil del negocio")
    expect(said).to_contain_text("Soy Marta")
    assert_accessible(page)
    chat.get_by_role("button", name="Cancelar").click()
    say(chat, "gracias")
    expect(chat.locator(".message.out")).to_have_count(1)
    [echo] = [one for one in meta.look("messages") if one["echo"]]
    assert echo["direction"] == "outbound"


def test_the_language_is_the_browsers_until_it_is_chosen(browser: Browser, meta: Running) -> None:
    with browser.new_context(locale="en-GB") as context:
        page = context.new_page()
        page.goto(meta.url)
        page.get_by_role("button", name=BAKERY.name).click()
        chat = page.get_by_role("region", name=f"Chat with {BAKERY.name}")
        say(chat, "hola")
        expect(chat.get_by_text("Today", exact=True)).to_be_visible()
        expect(chat.get_by_text("Test chat: nothing leaves this machine.")).to_be_visible()
        page.get_by_label("You write as").select_option(MARCOS.user_id)
        expect(page.get_by_label("You write as")).to_have_value(MARCOS.user_id)
        page.get_by_role("link", name="ES").click()
        expect(page.get_by_label("Escribes como")).to_have_value(MARCOS.user_id)


def test_a_fault_is_ordered_and_taken_back(page: Page, meta: Running) -> None:
    page.get_by_text("Averías y reloj").click()
    page.get_by_role("button", name="El próximo mensaje no llega").click()
    expect(page.get_by_text("Hecho: El próximo mensaje no llega")).to_be_visible()
    page.get_by_role("button", name="Hace 25 horas").click()
    expect(page.get_by_text("Hecho: Hace 25 horas")).to_be_visible()
    assert_accessible(page)
    state = meta.look("state")
    assert state["faults"][0]["action"]["error"] == 131026
    assert state["settings"]["clock_ahead"] == -90_000
    page.get_by_role("button", name="Todo en orden").click()
    expect(page.get_by_text("Hecho: Todo en orden")).to_be_visible()
    state = meta.look("state")
    assert (state["faults"], state["settings"]["clock_ahead"]) == ([], 0)


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
