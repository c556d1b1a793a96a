"""What the ingress is compared with: a FastAPI endpoint that does nothing, on the same server.

`python -m tests.bench.noop PORT`
"""

import sys
from collections.abc import Sequence

from fastapi import FastAPI

from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Component, Lifecycle, run
from common.service.settings import ServiceSettings
from ingress.app import web_server


class NoopSettings(ServiceSettings):
    kafka_bootstrap_servers: str = ""


def build(settings: NoopSettings, life: Lifecycle) -> Sequence[Component]:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/noop")
    async def noop() -> dict[str, bool]:
        return {"ok": True}

    limits = ConnectionLimits(connections=4096)
    return [web_server(app, settings.listen_host, int(sys.argv[1]), limits, life)]


if __name__ == "__main__":
    run("noop", NoopSettings, build)
