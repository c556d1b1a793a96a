"""Options of the command line that name records: what is no time or text is refused by name."""

from datetime import UTC, datetime, timedelta

import pytest

from tenant_admin.cli.replay import selection_of
from tenant_admin.core.problems import RequestRefused
from tenant_admin.replay.select import moment

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["99999999999d", "999999999d", "0001-01-01", "1969-12-31", "soon", "", "9" * 5000 + "d", "-1d"],
)
def test_what_is_no_time_of_a_record_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError):
        moment(text, NOW)


def test_a_time_ago_and_a_time_are_moments() -> None:
    assert moment("90m", NOW) == NOW - timedelta(minutes=90)
    assert moment("2026-11-25T10:00", NOW) == datetime(2026, 11, 25, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"since": "1h", "until": "2h"}, "until"),
        ({"since": "99999999999d"}, "since/until"),
        ({"wamid": "wamid.\udcff"}, "wamid"),
        ({"conversation": "1:\udcff"}, "conversation"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused_by_name(
    given: dict[str, str], field: str
) -> None:
    nothing = dict.fromkeys(("conversation", "wamid", "since", "until"))
    with pytest.raises(RequestRefused) as refused:
        selection_of(number=None, tenant=None, **(nothing | given))
    assert [error.field for error in refused.value.errors] == [field]
