"""A newcomer chats with two businesses side by side on the emulator's page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect
from tests.support.system import RunningSystem

from devkit.businesses import DEMO, LA_PLAZA, SONRISA, DemoClient

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CHROMIUM = Path("/usr/bin/chromium")
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
    },
}
QUESTION = "¿Qué horario tienen?"
MODEL_SECONDS = 3.0  # long enough to see somebody type
SHOWN_MS = 60_000  # how long a page may take on a busy machine


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("NOT RUN: there is no Chromium at /usr/bin/chromium")
    async with async_playwright() as playwright:
        args = ["--no-sandbox", "--disable-dev-shm-usage"]
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def businesses(system: RunningSystem) -> AsyncIterator[tuple[DemoClient, ...]]:
    """The demo's two, with a model that takes its time."""
    for client in DEMO:
        await system.register_number(client)
        await system.admin.add(client)
    await system.control_model("delay", ms=1000 * MODEL_SECONDS)
    yield DEMO
    await system.control_model("delay", ms=0)


@pytest_asyncio.fixture(loop_scope="session", params=SCREENS.values(), ids=SCREENS)
async def page(
    browser: Browser, system: RunningSystem, request: pytest.FixtureRequest
) -> AsyncIterator[Page]:
    options = {"locale": "es-ES", "timezone_id": "Europe/Madrid"} | request.param
    async with await browser.new_context(**options) as context:
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.extend([line.text] * (line.type == "error")))
        await page.goto(system.stack.chat_url)
        yield page
        assert not problems, problems


async def test_two_businesses_answer_the_same_question_each_in_its_own_way(
    page: Page, businesses: tuple[DemoClient, ...], screenshots: Path
) -> None:
    answers = {LA_PLAZA.name: "martes a domingo", SONRISA.name: "lunes a viernes"}
    for name, fact in answers.items():
        chat = await opened(page, name)
        before = await chat.locator(".message.in").count()
        await say(chat, QUESTION)
        await expect(chat.get_by_text("escribiendo…")).to_be_visible(timeout=SHOWN_MS)
        await expect(chat.locator(".message.in")).to_have_count(before + 1, timeout=SHOWN_MS)
        await expect(chat.locator(".message.in").last).to_contain_text(fact)
        tick = chat.locator(".message.out .tick").last
        await expect(tick).to_have_class("tick read", timeout=SHOWN_MS)
        foreign = next(other for other in answers.values() if other != fact)
        await expect(chat).not_to_contain_text(foreign)
    width = await page.evaluate("innerWidth")
    await page.screenshot(path=screenshots / f"chat-{width}.png")


@pytest.mark.parametrize(
    ("sample", "answer"),
    [
        ("Nota de voz", "martes a domingo"),
        ("Foto de la mesa", "He visto su foto"),
        ("Presupuesto en PDF", "He leído el documento presupuesto.pdf"),
    ],
)
async def test_a_file_is_understood(
    page: Page, businesses: tuple[DemoClient, ...], sample: str, answer: str
) -> None:
    chat = await opened(page, LA_PLAZA.name)
    answers = chat.locator(".message.in").filter(has_text=answer)
    before = await answers.count()
    await attach(chat, sample)
    await expect(answers).to_have_count(before + 1, timeout=SHOWN_MS)


async def test_messages_are_quoted_edited_reacted_to_and_deleted(
    page: Page, businesses: tuple[DemoClient, ...], screenshots: Path
) -> None:
    chat = await opened(page, SONRISA.name)
    answers = chat.locator(".message.in").filter(has_text="lunes a viernes")
    before = await answers.count()
    await say(chat, QUESTION)
    await expect(answers).to_have_count(before + 1, timeout=SHOWN_MS)
    await act(page, answers.last, "❤️")
    await expect(answers.last.locator(".reactions")).to_have_text("❤️", timeout=SHOWN_MS)
    await act(page, answers.last, "Responder")
    await say(chat, "gracias")
    mine = chat.locator(".message.out").last
    await expect(mine.locator(".quote")).to_contain_text("lunes a viernes", timeout=SHOWN_MS)
    await act(page, mine, "Editar")
    await say(chat, "muchas gracias")
    await expect(mine).to_contain_text("Editado", timeout=SHOWN_MS)
    await page.screenshot(path=screenshots / f"changes-{await page.evaluate('innerWidth')}.png")
    await act(page, mine, "Eliminar")
    await expect(mine).to_contain_text("Eliminaste este mensaje", timeout=SHOWN_MS)


async def test_the_business_writes_on_its_phone_and_the_page_in_english(
    page: Page, businesses: tuple[DemoClient, ...]
) -> None:
    await page.get_by_role("link", name="EN").click()
    await page.get_by_label("You write as").select_option(index=1)
    await expect(page.get_by_label("You write as")).not_to_have_value("")
    chat = await opened(page, LA_PLAZA.name, back="Back", region="Chat with")
    said = chat.locator(".message.in").filter(has_text="Soy Marta")
    before = await said.count()
    await chat.get_by_label("Write from the business's phone").click()
    await say(chat, "Soy Marta, le atiendo yo")
    await expect(said).to_have_count(before + 1, timeout=SHOWN_MS)
    await expect(said.last).to_contain_text("From the business's phone")


async def opened(page: Page, name: str, back: str = "Volver", region: str = "Chat con") -> Locator:
    to_list = page.get_by_role("button", name=back)
    if await to_list.is_visible():
        await to_list.click()
    await page.get_by_role("button", name=name).click()
    return page.get_by_role("region", name=f"{region} {name}")


async def attach(chat: Locator, sample: str) -> None:
    await chat.get_by_label("Adjuntar").click()
    await chat.locator(".menu").get_by_role("button", name=sample).click()


async def act(page: Page, message: Locator, name: str) -> None:
    """Chooses from a message's menu."""
    await message.hover()
    await message.get_by_label("Acciones del mensaje").click()
    menu = page.get_by_role("menu")
    item = menu.get_by_role("menuitem", name=name).or_(menu.get_by_label(f"con {name}"))
    await item.click()


async def say(chat: Locator, text: str) -> None:
    box = chat.get_by_role("textbox")
    await box.fill(text)
    await box.press("Enter")
