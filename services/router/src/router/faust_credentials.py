"""The same access to Kafka for Faust, whose client takes a TLS context and a provider of tokens."""

import ssl
from collections.abc import Callable
from time import monotonic

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from common.service.settings import KafkaSettings

RENEW_BEFORE_SECONDS = 60.0
ANSWER_SECONDS = 10.0


def credentials(kafka: KafkaSettings) -> Credentials | None:
    """None where the broker asks for nothing and nothing is encrypted."""
    context = tls_context(kafka) if kafka.uses_tls else None
    if not kafka.uses_sasl:
        return SSLCredentials(context) if context else None
    if kafka.kafka_sasl_mechanism == "OAUTHBEARER":
        return OAuthCredentials(oauth_cb=ClientToken(kafka), ssl_context=context)
    return SASLCredentials(
        username=kafka.kafka_username,
        password=password_of(kafka),
        ssl_context=context,
        mechanism=kafka.kafka_sasl_mechanism,
    )


def password_of(kafka: KafkaSettings) -> str:
    return kafka.kafka_password.get_secret_value() if kafka.kafka_password else ""


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Checks the broker's certificate and its name."""
    context = ssl.create_default_context(cafile=kafka.kafka_ca_file)
    if kafka.kafka_certificate_file and kafka.kafka_key_file:
        password = kafka.kafka_key_password
        context.load_cert_chain(
            kafka.kafka_certificate_file,
            kafka.kafka_key_file,
            password.get_secret_value() if password else None,
        )
    return context


class ClientToken(AbstractTokenProvider):  # type: ignore[misc]
    """Asks the token endpoint as the client itself (RFC 6749, section 4.4) and keeps the token
    until a minute before its end."""

    def __init__(self, kafka: KafkaSettings, now: Callable[[], float] = monotonic) -> None:
        self._url = str(kafka.kafka_oauth_token_url)
        client = aiohttp.encode_basic_auth(kafka.kafka_username or "", password_of(kafka))
        self._headers = {"Authorization": client}
        scope = {"scope": kafka.kafka_oauth_scope} if kafka.kafka_oauth_scope else {}
        self._form = {"grant_type": "client_credentials", **scope}
        self._now = now
        self._token = ""
        self._renew_at = 0.0

    async def token(self) -> str:
        """Raises aiohttp.ClientError, TimeoutError."""
        if not self._token or self._now() >= self._renew_at:
            await self._renew()
        return self._token

    async def _renew(self) -> None:
        """A token whose life is not told is used once."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as http,
            http.post(self._url, data=self._form, headers=self._headers) as response,
        ):
            answer = await response.json()
        self._token = str(answer["access_token"])
        life = float(answer.get("expires_in", 0))
        self._renew_at = self._now() + max(0.0, life - RENEW_BEFORE_SECONDS)
