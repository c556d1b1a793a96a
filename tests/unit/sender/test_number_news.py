"""Which of Meta's news say something about sending."""

import pytest
from tests.support.builders import an_account_news

from common.events import NewsLevel
from sender.number_news import told


@pytest.mark.parametrize(
    ("what", "level", "told_code", "code"),
    [
        ("banned", "critical", None, 368),
        ("restricted", "critical", None, 368),
        ("restricted", "critical", 131031, 131031),
        ("payment", "critical", 131042, 131042),
        ("banned", "info", None, None),
    ],
)
def test_what_stops_a_number_has_the_code_by_which_its_sends_are_refused(
    what: str, level: NewsLevel, told_code: int | None, code: int | None
) -> None:
    news = told(an_account_news(what, level=level, code=told_code))
    assert news
    assert news.code == code


@pytest.mark.parametrize(
    ("what", "level"),
    [("restricted", "warning"), ("error", "warning"), ("access", "critical"), ("number", "info")],
)
def test_other_news_stop_nothing(what: str, level: NewsLevel) -> None:
    assert told(an_account_news(what, level=level, code=130429)) is None
