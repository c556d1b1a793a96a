"""The ledger finds what is injected into a perfect log, and nothing in the perfect log."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.loadtest.evidence import Acked, Evidence, Outcome, Owner, Posted, Token, tokens_in
from devkit.loadtest.ledger import Latency, LedgerResult, check, latency

OWNERS = {"a": Owner("100", "token-a"), "b": Owner("200", "token-b")}


def perfect(messages: int = 3) -> Evidence:
    """Two tenants with two contacts each, whose messages take turns; answered after 50 ms."""
    tokens = [
        Token(tenant, f"{tenant}-{contact}", seq)
        for seq in range(messages)
        for tenant in OWNERS
        for contact in ("ana", "leo")
    ]
    return Evidence(
        owners=OWNERS,
        acked=[Acked(t, f"wamid.{t}", n, n + 0.01) for n, t in enumerate(tokens)],
        posted=[answer(t, at=n + 0.06) for n, t in enumerate(tokens)],
        outcomes={f"wamid.{t}": [Outcome(f"id-{t}", "answered")] for t in tokens},
    )


def answer(token: Token, at: float = 0.0) -> Posted:
    owner = OWNERS[token.tenant]
    return Posted(
        owner.phone_number_id, token.contact, f"Recibido: {token}", owner.access_token, at
    )


def counts(result: LedgerResult) -> dict[str, int]:
    names = ("lost", "answered_twice", "order_violations", "cross_tenant", "contradicted")
    found = {name: getattr(result, name) for name in names}
    assert found == {name: len(result.offenders[name]) for name in names}
    return {name: count for name, count in found.items() if count}


ANY = st.integers(min_value=0, max_value=11)


@given(st.integers(min_value=1, max_value=9))
def test_a_perfect_log_is_ok(messages: int) -> None:
    result = check(perfect(messages))
    assert result.ok
    assert result.accepted == messages * 4
    assert result.outcomes == {"answered": messages * 4}
    assert asdict(result)["outcomes"] == result.outcomes
    assert result.answer == Latency(50.0, 50.0)
    assert result.ack == Latency(10.0, 10.0)


@given(ANY)
def test_a_lost_outcome_is_found(index: int) -> None:
    log = perfect()
    gone = log.acked[index]
    kept = {wamid: ends for wamid, ends in (log.outcomes or {}).items() if wamid != gone.wamid}
    result = check(replace(log, outcomes=kept))
    assert counts(result) == {"lost": 1}
    assert str(gone.token) in result.offenders["lost"][0]
    assert not result.ok


@given(ANY, st.booleans())
def test_a_lost_answer_is_found_with_and_without_outcomes(index: int, with_outcomes: bool) -> None:
    log = perfect()
    posted = [post for n, post in enumerate(log.posted) if n != index]
    result = check(replace(log, posted=posted, outcomes=log.outcomes if with_outcomes else None))
    assert counts(result) == {"lost": 1}


@given(ANY, st.integers(min_value=1, max_value=3))
def test_every_extra_copy_of_an_answer_is_found(index: int, copies: int) -> None:
    log = perfect()
    again = [replace(log.posted[index], at=99.0) for _ in range(copies)]
    result = check(replace(log, posted=[*log.posted, *again]))
    assert counts(result) == {"answered_twice": copies}
    assert not result.ok
    assert check(replace(log, posted=[*log.posted, *again]), duplicates_allowed=copies).ok


@given(st.integers(min_value=0, max_value=7))
def test_two_answers_of_a_conversation_swapped_are_found(index: int) -> None:
    log = perfect()
    posted = list(log.posted)
    posted[index], posted[index + 4] = posted[index + 4], posted[index]
    assert counts(check(replace(log, posted=posted))) == {"order_violations": 1}


@given(ANY, st.sampled_from(["number", "token", "contact"]))
def test_an_answer_that_crosses_tenants_is_found(index: int, what: str) -> None:
    log = perfect()
    post = log.posted[index]
    other = OWNERS["b" if log.acked[index].token.tenant == "a" else "a"]
    crossed = {
        "number": replace(post, phone_number_id=other.phone_number_id),
        "token": replace(post, access_token=other.access_token),
        "contact": replace(post, contact="somebody-else"),
    }[what]
    posted = [crossed if one is post else one for one in log.posted]
    assert counts(check(replace(log, posted=posted))) == {"cross_tenant": 1}


def test_a_token_of_an_unknown_tenant_is_cross_tenant() -> None:
    log = perfect()
    stranger = Posted("100", "ana", str(Token("z", "ana", 0)), "token-a", 9.0)
    assert counts(check(replace(log, posted=[*log.posted, stranger]))) == {"cross_tenant": 1}


def test_one_answer_to_a_burst_counts_for_all_its_messages() -> None:
    log = perfect()
    mine = [acked.token for acked in log.acked if acked.token.contact == "a-ana"]
    others = [post for post in log.posted if post.contact != "a-ana"]
    burst = replace(answer(mine[0], at=20.0), text=" ".join(map(str, [*mine, mine[0]])))
    assert check(replace(log, posted=[*others, burst])).ok


def test_a_message_suppressed_or_dead_lettered_is_not_lost() -> None:
    log = perfect()
    suppressed, dead = log.acked[0], log.acked[1]
    outcomes = dict(log.outcomes or {})
    outcomes[suppressed.wamid] = [Outcome("id", "suppressed", "inactive")]
    del outcomes[dead.wamid]
    result = check(
        replace(
            log,
            outcomes=outcomes,
            posted=log.posted[2:],
            dead_letters=frozenset({dead.wamid}),
        )
    )
    assert result.ok
    assert result.outcomes == {"suppressed": 1, "dead_lettered": 1, "answered": 10}


@pytest.mark.parametrize(
    ("second", "found"),
    [
        (Outcome("id", "answered"), {}),
        (Outcome("other", "answered"), {"contradicted": 1}),
        (Outcome("id", "failed", "131047"), {"contradicted": 1}),
    ],
)
def test_an_outcome_published_again_is_one_a_different_one_contradicts(
    second: Outcome, found: dict[str, int]
) -> None:
    log = perfect()
    wamid = log.acked[0].wamid
    outcomes = dict(log.outcomes or {}) | {wamid: [Outcome("id", "answered"), second]}
    assert counts(check(replace(log, outcomes=outcomes))) == found


@pytest.mark.parametrize(
    ("corrections", "end"),
    [
        ([Outcome("2", "failed", "131042", corrects="1")], "failed"),
        ([Outcome("2", "failed", "131042", "1"), Outcome("3", "answered", None, "1")], "answered"),
    ],
)
def test_a_correction_contradicts_nothing_and_the_last_one_is_the_end(
    corrections: list[Outcome], end: str
) -> None:
    log = perfect()
    wamid = log.acked[0].wamid
    first = Outcome("1", "answered")
    events = [first, *corrections, first, corrections[0]]  # copies come in any place
    result = check(replace(log, outcomes=dict(log.outcomes or {}) | {wamid: events}))
    assert counts(result) == {}
    assert result.outcomes == (
        {"answered": 12} if end == "answered" else {"answered": 11, "failed": 1}
    )


def test_what_a_correction_calls_answered_must_have_been_sent() -> None:
    log = perfect()
    wamid = log.acked[0].wamid
    events = [Outcome("1", "failed", "unknown"), Outcome("2", "answered", corrects="1")]
    outcomes = dict(log.outcomes or {}) | {wamid: events}
    assert counts(check(replace(log, outcomes=outcomes, posted=log.posted[1:]))) == {"lost": 1}


def test_a_run_that_accepted_nothing_is_not_a_test() -> None:
    result = check(Evidence(OWNERS, [], [], {}))
    assert result.reasons == ("not a test: nothing was accepted",)


def test_an_announced_fault_that_never_came_is_not_a_test() -> None:
    assert check(replace(perfect(), faults={"openai": 1})).ok
    result = check(replace(perfect(), faults={"openai": 1, "graph": 0}))
    assert not result.ok
    assert result.reasons == ("not a test: the announced fault graph was never injected",)


def test_reads_its_own_tokens_back() -> None:
    token = Token("12", "ES.13491208655302741918", 7)
    assert tokens_in(f"**Hola** {token}, {token}") == [token, token]


def test_latency_is_the_nearest_rank() -> None:
    assert latency(n / 1000 for n in range(1, 101)) == Latency(50.0, 99.0)
    assert latency([]) == Latency(0.0, 0.0)
    assert latency([0.25]) == Latency(250.0, 250.0)
