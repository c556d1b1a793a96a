"""Faust gets the same access to Kafka as every other client."""

import base64
from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from common.service.settings import KafkaSettings
from devkit.stack.broker_security import GivenKafkaSettings
from router.faust_credentials import RENEW_BEFORE_SECONDS, ClientToken, credentials
from router.worker import application

SASL = {
    "kafka_security_protocol": "SASL_PLAINTEXT",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "router",
    "kafka_password": "a-password",
}
LIFE = 300


def given(settings: Mapping[str, object]) -> KafkaSettings:
    return GivenKafkaSettings.model_validate(
        {"kafka_bootstrap_servers": "one:9092, two:9092", **settings}
    )


def test_nothing_is_asked_for_where_the_broker_is_open() -> None:
    assert credentials(given({})) is None


def test_a_user_with_a_password() -> None:
    found = credentials(given(SASL))
    assert isinstance(found, SASLCredentials)
    assert (found.username, found.password) == ("router", "a-password")
    assert found.mechanism.value == "SCRAM-SHA-512"
    assert found.protocol.value == "SASL_PLAINTEXT"


def test_with_tls_the_certificate_and_its_name_are_checked() -> None:
    found = credentials(given(SASL | {"kafka_security_protocol": "SASL_SSL"}))
    assert isinstance(found, SASLCredentials)
    assert found.protocol.value == "SASL_SSL"
    assert found.ssl_context
    assert found.ssl_context.check_hostname
    assert isinstance(credentials(given({"kafka_security_protocol": "SSL"})), SSLCredentials)


def test_the_application_gets_prefix_and_credentials() -> None:
    app = application(given(SASL | {"kafka_group_prefix": "staging."}), "router.webhooks.raw")
    assert app.conf.id == "staging.router.webhooks.raw"
    assert isinstance(app.conf.broker_credentials, SASLCredentials)


async def test_a_token_is_asked_for_once_and_again_before_its_end() -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked.append((request.headers["Authorization"], form))
        return web.json_response({"access_token": f"token-{len(asked)}", "expires_in": LIFE})

    app = web.Application()
    app.router.add_post("/token", answer)
    now = [0.0]
    async with TestServer(app) as server:
        oauth = SASL | {
            "kafka_sasl_mechanism": "OAUTHBEARER",
            "kafka_oauth_token_url": str(server.make_url("/token")),
            "kafka_oauth_scope": "kafka",
        }
        assert isinstance(credentials(given(oauth)), OAuthCredentials)
        token = ClientToken(given(oauth), lambda: now[0])
        assert [await token.token(), await token.token()] == ["token-1", "token-1"]
        now[0] = LIFE - RENEW_BEFORE_SECONDS
        assert await token.token() == "token-2"
    basic = base64.b64encode(b"router:a-password").decode()
    assert asked[0] == (
        f"Basic {basic}",
        {"grant_type": "client_credentials", "scope": "kafka"},
    )


async def test_an_endpoint_that_refuses_gives_no_token() -> None:
    async with TestServer(web.Application()) as server:
        oauth = SASL | {
            "kafka_sasl_mechanism": "OAUTHBEARER",
            "kafka_oauth_token_url": str(server.make_url("/nothing")),
        }
        with pytest.raises(Exception, match="404"):
            await ClientToken(given(oauth)).token()
