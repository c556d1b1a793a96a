"""Facts over HTTP: services' own health, Graph's clock, the webhook from outside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import httpx

from tenant_admin.installation_checks.assess import assess_clock, assess_service, assess_webhook
from tenant_admin.installation_checks.finding import Check, Finding, NotRun

SECONDS = 4.0
DATE_SECONDS = 1.0  # the header is in whole seconds


@dataclass(frozen=True, slots=True)
class HttpChecks:
    """addresses: of services' health ports, host:port. webhook: the URL that Meta calls, if
    given."""

    addresses: Sequence[str]
    graph_url: str
    webhook: str | None

    def checks(self) -> dict[str, Check]:
        services = {
            f"service {address}": partial(self.service, address) for address in self.addresses
        }
        return {
            **(services or {"services": self.no_addresses}),
            "clock, Graph": self.graph_clock,
            "webhook": self.reach_webhook,
        }

    def no_addresses(self) -> Iterable[Finding]:
        raise NotRun("no addresses were given", "name them: --service sender:9000 ...")

    def service(self, address: str) -> Iterable[Finding]:
        live, _ = asked(f"http://{address}/live")
        ready, body = asked(f"http://{address}/ready")
        failing = body.get("failing", []) if isinstance(body, dict) else []
        return [assess_service(address, live, ready, list(map(str, failing)))]

    def graph_clock(self) -> Iterable[Finding]:
        """Without a token Graph refuses, and says the time."""
        before = datetime.now(UTC)
        try:
            answer = httpx.get(self.graph_url, timeout=SECONDS)
        except httpx.HTTPError as error:
            words = f"{self.graph_url} does not answer: {type(error).__name__}"
            fix = "let this machine reach it, over HTTPS_PROXY if there is one"
            return [Finding("clock, Graph", "warning", words, fix)]
        after = datetime.now(UTC)
        if "date" not in answer.headers:
            raise NotRun("it does not say its time")
        theirs = parsedate_to_datetime(answer.headers["date"])
        middle = before + (after - before) / 2
        uncertain = (after - before).total_seconds() / 2 + DATE_SECONDS
        return [assess_clock("Graph", (middle - theirs).total_seconds(), uncertain)]

    def reach_webhook(self) -> Iterable[Finding]:
        if self.webhook is None:
            raise NotRun("its URL was not given", "name it: --webhook https://.../webhook")
        return [assess_webhook(self.webhook, httpx.get(self.webhook, timeout=SECONDS).status_code)]


def asked(url: str) -> tuple[int, Any]:
    """The status, and the body if it is JSON."""
    answer = httpx.get(url, timeout=SECONDS / 2, trust_env=False)
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, None
