"""The real model of `make demo`: used as soon as a key is given. A key that cannot work is told
before anything is started."""

import re
from urllib.parse import urlsplit

import aiohttp

from devkit.stack import Announce
from devkit.stack.environment import value_of
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import Outside

OPENAI = "https://api.openai.com/v1"
KEY_OF_OPENAI = re.compile(r"sk-[A-Za-z0-9_-]{20,}")
PATIENCE = aiohttp.ClientTimeout(total=10)
REFUSED = (401, 403)


def with_real_model(outside: Outside) -> Outside:
    """OpenAI's own where only a key is given. Raises CannotStart: OpenAI has no such keys."""
    key = value_of(outside.openai_api_key)
    if key is None or outside.openai_base_url is not None:
        return outside
    if not KEY_OF_OPENAI.fullmatch(key):
        raise CannotStart(
            "OPENAI_API_KEY is not a key of OpenAI: those begin with sk- and are longer. Take one "
            "from platform.openai.com > API keys; without it `make demo` has a stand-in. For "
            "another server set OPENAI_BASE_URL too."
        )
    return outside.model_copy(update={"openai_base_url": OPENAI})


async def check_key(outside: Outside, announce: Announce) -> None:
    """Asks the given model server for its models. Raises CannotStart: it refuses the key.

    A server that cannot be asked is announced only: it may come, or have no such list.
    """
    key, url = value_of(outside.openai_api_key), outside.openai_base_url
    if key is None or url is None:
        return
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE, trust_env=True) as session,
            session.get(f"{url.rstrip('/')}/models", headers=headers) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        announce(f"Model: {host_of(url)} cannot be reached now ({type(error).__name__})")
        return
    if status in REFUSED:
        raise CannotStart(f"{host_of(url)} refuses OPENAI_API_KEY (HTTP {status}): is it right?")


def host_of(url: str) -> str:
    return urlsplit(url).netloc or url
