"""What a load run reports: the result with what was sent, on one line of JSON."""

from dataclasses import asdict, dataclass

import orjson

from devkit.loadtest.generate import Sent
from devkit.loadtest.ledger import LedgerResult
from devkit.loadtest.plan import LoadPlan

OFFENDERS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LoadReport:
    plan: LoadPlan
    sent: Sent
    result: LedgerResult
    faults: dict[str, int]
    answered_at: tuple[float, ...] = ()  # when each send was accepted, seconds since 1970

    @property
    def ok(self) -> bool:
        return self.result.ok

    def as_json_line(self) -> str:
        """Latencies in ms, at most ten offenders of a kind, no message text and no secret."""
        result = asdict(self.result)
        offenders, by_outcome = result.pop("offenders"), result.pop("outcomes")
        latency, ack = result.pop("answer"), result.pop("ack")
        line = {
            "ok": self.ok,
            **result,
            "outcomes": sum(by_outcome.values()),
            "by_outcome": by_outcome,
            "latency_ms": latency,
            "ack_ms": ack,
            "planned": self.plan.total,
            "unacked": len(self.sent.unacked),
            "posts": self.sent.posts,
            "refusals": {str(status): count for status, count in self.sent.refusals.items()},
            "seconds": round(self.sent.seconds, 3),
            "per_second": round(len(self.sent.acked) / max(self.sent.seconds, 0.001), 1),
            "faults": self.faults,
            "offenders": {
                kind: named[:OFFENDERS_SHOWN] for kind, named in offenders.items() if named
            },
        }
        return orjson.dumps(line).decode()
