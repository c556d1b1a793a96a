"""What the chat page asks of the stand-in model is passed on to it, and nothing else."""

import httpx
import pytest
from starlette.applications import Starlette
from tests.support.loopback import serve
from tests.support.whatsapp_emulator import LUCIA, SECRET, TOKEN, VERIFY

from devkit.emulators.openai import EmulatorConfig
from devkit.emulators.openai import create_app as model
from devkit.emulators.whatsapp import WhatsAppConfig, create_app
from devkit.stack.ports import free_ports


def meta(url: str | None) -> Starlette:
    contacts = (LUCIA,)
    return create_app(
        WhatsAppConfig(SECRET, VERIFY, TOKEN, contacts=contacts, model_control_url=url)
    )


def test_a_fault_reaches_the_model_and_a_reset_removes_it() -> None:
    with serve(model(EmulatorConfig())) as stand_in, serve(meta(f"{stand_in}/control")) as url:
        added = httpx.post(f"{url}/control/model/faults", json={"kind": "status", "times": 3})
        assert added.json()["pending"] == 1
        assert httpx.post(f"{url}/control/model/reset").is_success
        assert httpx.get(f"{stand_in}/control/faults").json()["pending"] == 0


def test_what_the_model_refuses_is_told() -> None:
    with serve(model(EmulatorConfig())) as stand_in, serve(meta(f"{stand_in}/control")) as url:
        refused = httpx.post(f"{url}/control/model/faults", json={"kind": "nonsense"})
        assert refused.status_code == 400
        assert refused.json()["error"].startswith("kind")


@pytest.mark.parametrize("path", ["rules", "journal", "../health"])
def test_other_paths_are_not_passed_on(path: str) -> None:
    with serve(model(EmulatorConfig())) as stand_in, serve(meta(f"{stand_in}/control")) as url:
        assert httpx.post(f"{url}/control/model/{path}", json={}).status_code in (404, 405)


def test_a_page_of_another_site_cannot_reach_the_model() -> None:
    with serve(model(EmulatorConfig())) as stand_in, serve(meta(f"{stand_in}/control")) as url:
        headers = {"Origin": "https://example.com"}
        assert httpx.post(f"{url}/control/model/reset", headers=headers).status_code == 403


def test_without_a_stand_in_it_says_so() -> None:
    with serve(meta(None)) as url:
        assert httpx.post(f"{url}/control/model/reset").status_code == 404
    with serve(meta(f"http://127.0.0.1:{free_ports(1)[0]}/control")) as url:
        assert httpx.post(f"{url}/control/model/reset").status_code == 502
