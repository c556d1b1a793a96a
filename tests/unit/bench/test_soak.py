"""What a long run reports of its samples and of its processes' output."""

from tests.bench.soak import count_lines, growth

OUTPUT = """\
migrate send | sender: schema at revision 0001
sender       | {"event": "owner_waits", "level": "warning", "service": "sender"}
sender       | {"event": "owner_waits", "level": "warning", "service": "sender"}
assistant    | {"event": "work_failed", "level": "error", "service": "assistant"}
router       | Traceback (most recent call last):
router       | ended with 1, starting again in 0.2 s
"""


def test_lines_are_counted_by_level_process_and_event() -> None:
    assert count_lines(OUTPUT.splitlines(keepends=True)) == {
        "warning": {"sender: owner_waits": 2},
        "error": {"assistant: work_failed": 1},
        "not_json": {
            "router: Traceback (most recent call last):": 1,
            "router: ended with 1, starting again in 0.2 s": 1,
        },
    }


def test_a_leak_is_a_slope_and_a_larger_last_quarter() -> None:
    samples = [(minute / 2, {"sender": 100.0 + minute}) for minute in range(8)]
    assert growth(samples, "sender") == {
        "first_quarter": 100.5,
        "last_quarter": 106.5,
        "per_hour": 120.0,
    }
