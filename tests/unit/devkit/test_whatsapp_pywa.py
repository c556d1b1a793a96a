"""A foreign client, pywa, speaks to the emulator and reads its webhooks."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import pywa.types
from pywa import errors
from pywa.client import WhatsApp
from pywa.types.base_update import RawUpdate
from tests.support.waiting import eventually
from tests.support.whatsapp_emulator import GARAGE, LUCIA, MARCOS, TOKEN, VERIFY, Running, running

from devkit.emulators.whatsapp import Contact, payloads
from devkit.emulators.whatsapp.account_news import What, account_news

types: Any = pywa.types  # it exports its names in a way that mypy does not see
AT = 1_790_000_000.0


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def meta(server: Running) -> Running:
    server.fresh().write()
    return server


@pytest.fixture
def client(meta: Running) -> WhatsApp:
    return connected(meta, TOKEN)


def connected(meta: Running, token: str) -> WhatsApp:
    client = WhatsApp(
        phone_id=GARAGE.phone_number_id, token=token, session=httpx.Client(timeout=10)
    )
    client.api._session.base_url = meta.graph  # the constructor would overwrite it
    return client


@pytest.fixture(scope="module")
def parse() -> Callable[[payloads.Json], Any]:
    client = WhatsApp(token="-", filter_updates=False, session=httpx.Client())

    def parsed(webhook: payloads.Json) -> Any:
        raw = RawUpdate(payloads.encode(webhook), hmac_header=None, update_hash="-")
        handler = client._get_handler_type(raw)
        assert handler, "unknown to pywa"
        return client._handlers_to_updates[handler].from_update(client=client, update=raw)

    return parsed


def test_it_sends_every_kind_of_message(meta: Running, client: WhatsApp) -> None:
    to = f"+{LUCIA.wa_id}"
    rows = [types.SectionRow(title="Pan", callback_data="p", description="Del día")]
    options = types.SectionList(
        button_title="Ver", sections=[types.Section(title="Todo", rows=rows)]
    )
    sent = [
        client.send_message(to, "hola", tracker="v1:1"),
        client.send_message(to, "¿Sí?", buttons=[types.Button("Sí", callback_data="y")]),
        client.send_message(to, "Elija", buttons=options),
        client.send_location(to, latitude=40.4, longitude=-3.7, name="Aquí", address="Sol"),
        client.send_reaction(to, "👍", message_id=meta.look("messages")[0]["wamid"]),
    ]
    logged = meta.look("asked/accepted")
    assert [one["wamid"] for one in logged] == [str(one.id) for one in sent]
    assert logged[0]["body"]["biz_opaque_callback_data"] == "v1:1"


def test_it_sends_to_a_bsuid(meta: Running, client: WhatsApp) -> None:
    meta.write(contact=MARCOS)
    client.send_message(MARCOS.user_id, "hola")
    assert meta.look("asked/accepted")[0]["body"]["recipient"] == MARCOS.user_id


def test_it_marks_as_read_and_shows_typing(meta: Running, client: WhatsApp) -> None:
    wamid = meta.look("messages")[0]["wamid"]
    client.mark_message_as_read(wamid)
    client.indicate_typing(wamid)
    assert meta.look("messages")[0]["status"] == "read"


def test_media_go_up_and_come_down_again(client: WhatsApp) -> None:
    uploaded = client.upload_media(b"OggS voice", mime_type="audio/ogg", filename="voice.ogg")
    assert uploaded is not None
    found = client.get_media_url(uploaded.id)
    assert (found.mime_type, found.file_size) == ("audio/ogg", 10)
    assert client.get_media_bytes(url=found.url) == b"OggS voice"


def test_media_need_a_token(meta: Running, client: WhatsApp) -> None:
    uploaded = client.upload_media(b"x", mime_type="image/png", filename="x.png")
    assert uploaded is not None
    with pytest.raises(errors.ExpiredAccessToken):
        connected(meta, "wrong").get_media_url(uploaded.id)
    assert meta.http.get(f"{meta.url}/media/{uploaded.id}?until=9999999999").status_code == 401


def test_a_download_address_dies(meta: Running, client: WhatsApp) -> None:
    uploaded = client.upload_media(b"x", mime_type="image/png", filename="x.png")
    assert uploaded is not None
    url, headers = f"{meta.url}/media/{uploaded.id}", {"Authorization": f"Bearer {TOKEN}"}
    assert meta.http.get(url, params={"until": "1"}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (131047, errors.ReEngagementMessage),
        (130429, errors.RateLimitHit),
        (131056, errors.TooManyMessages),
        (190, errors.ExpiredAccessToken),
        (131026, errors.MessageUndeliverable),
        (131062, errors.BSUIDRecipientNotSupported),
    ],
)
def test_it_understands_the_errors(
    meta: Running, client: WhatsApp, code: int, error: type[Exception]
) -> None:
    meta.control("faults", phase="before_accept", action={"error": code})
    with pytest.raises(error):
        client.send_message(f"+{LUCIA.wa_id}", "hola")


def test_it_understands_a_wrong_token(meta: Running) -> None:
    with pytest.raises(errors.ExpiredAccessToken):
        connected(meta, "wrong").send_message(f"+{LUCIA.wa_id}", "hola")


def test_its_validator_accepts_our_signature() -> None:
    app = WhatsApp(
        token="-", app_secret="s", verify_token=VERIFY, server=None, session=httpx.Client()
    )
    body = payloads.encode({"text": "ñ / 🙂"})
    assert app.webhook_update_validator(body, payloads.sign("s", body)) is None
    assert app.webhook_update_validator(body + b" ", payloads.sign("s", body)) is not None


@pytest.mark.parametrize("person", [LUCIA, MARCOS], ids=["phone", "bsuid"])
@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (lambda who: payloads.text(who, "wamid.1", AT, "hola", quoted="wamid.0"), types.Message),
        (lambda who: payloads.image(who, "wamid.1", AT, "5", "Mira"), types.Message),
        (lambda who: payloads.audio(who, "wamid.1", AT, "5"), types.Message),
        (lambda who: payloads.media(who, "wamid.1", AT, "document", "5"), types.Message),
        (lambda who: payloads.location(who, "wamid.1", AT, 40.4, -3.7, "Aquí"), types.Message),
        (lambda who: payloads.reaction(who, "wamid.1", AT, "wamid.0", "👍"), types.Message),
        (lambda who: payloads.contacts(who, "wamid.1", AT, "Ana", "+34600999888"), types.Message),
        (lambda who: payloads.unsupported(who, "wamid.1", AT), types.Message),
        (
            lambda who: payloads.button_reply(who, "wamid.1", AT, "y", "Sí", "wamid.0"),
            types.CallbackButton,
        ),
        (
            lambda who: payloads.list_reply(who, "wamid.1", AT, "y", "Sí", "Más", "wamid.0"),
            types.CallbackSelection,
        ),
    ],
)
def test_it_parses_every_message(
    parse: Callable[[payloads.Json], Any],
    person: Contact,
    build: Callable[[Contact], payloads.Json],
    kind: type,
) -> None:
    parsed = parse(payloads.inbound(GARAGE, person, build(person)))
    assert parsed.id == "wamid.1"
    assert parsed.from_user.bsuid == person.user_id
    assert parsed.from_user.wa_id == (person.wa_id if person.phone_visible else None)
    assert type(parsed) is kind


@pytest.mark.parametrize("name", ["sent", "delivered", "read"])
def test_it_parses_every_status(parse: Callable[[payloads.Json], Any], name: str) -> None:
    status = payloads.status(LUCIA, "wamid.1", name, AT, tag="v1:1")
    parsed = parse(payloads.statuses(GARAGE, [LUCIA], status))
    assert (parsed.status.value, parsed.tracker, parsed.id) == (name, "v1:1", "wamid.1")


def test_it_parses_what_was_really_delivered(
    meta: Running, parse: Callable[[payloads.Json], Any]
) -> None:
    meta.send()
    eventually(meta.receiver.statuses)
    for value in meta.receiver.values():
        parse(payloads.webhook(GARAGE, value))


@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("banned", "DISABLED_UPDATE"),
        ("reinstated", "DISABLED_UPDATE"),
        ("restricted", "ACCOUNT_RESTRICTION"),
        ("violation", "ACCOUNT_VIOLATION"),
        ("disconnected", "ACCOUNT_OFFBOARDED"),
    ],
)
def test_it_parses_what_happens_to_an_account(
    parse: Callable[[payloads.Json], Any], what: What, event: str
) -> None:
    parsed = parse(account_news(GARAGE, what, AT))
    assert (parsed.event.value, parsed.id) == (event, GARAGE.waba_id)


@pytest.mark.parametrize("what", ["template_rejected", "template_quality", "template_category"])
def test_it_parses_what_happens_to_a_template(
    parse: Callable[[payloads.Json], Any], what: What
) -> None:
    parsed = parse(account_news(GARAGE, what, AT))
    assert (parsed.template_name, parsed.template_language.value) == ("offer", "es")
