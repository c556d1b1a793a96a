"""The ledger: three logs compared say whether every promise was kept. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from devkit.loadtest.evidence import Acked, Evidence, Outcome, Owner, Posted, Token, tokens_in


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds; zeros when nothing was measured."""

    p50: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """Counts, the offenders behind them by the same name, and why it is not ok.

    `outcomes` counts messages by outcome, dead letters included. `contradicted`: messages with two
    different ends, of which none corrects the other. `answer`: from the ack to the first answer;
    `ack`: from due to ack.
    """

    accepted: int
    outcomes: Mapping[str, int]
    lost: int
    answered_twice: int
    order_violations: int
    cross_tenant: int
    contradicted: int
    answer: Latency
    ack: Latency
    offenders: Mapping[str, tuple[str, ...]]
    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.reasons


def check(evidence: Evidence, duplicates_allowed: int = 0) -> LedgerResult:
    """The result. `duplicates_allowed`: extra copies that ambiguous failures may have caused."""
    tokens_sent = [(post, token) for post in evidence.posted for token in tokens_in(post.text)]
    first: dict[Token, float] = {}
    for post, token in tokens_sent:
        first.setdefault(token, post.at)
    offenders = {
        "lost": tuple(lost(evidence, first)),
        "answered_twice": tuple(answered_twice(tokens_sent)),
        "order_violations": tuple(out_of_order(first)),
        "cross_tenant": tuple(crossed(tokens_sent, evidence.owners)),
        "contradicted": tuple(contradicted(evidence.outcomes or {})),
    }
    counts = {name: len(found) for name, found in offenders.items()}
    return LedgerResult(
        accepted=len(evidence.acked),
        outcomes=outcome_counts(evidence),
        **counts,
        answer=latency(answer_seconds(evidence.acked, first)),
        ack=latency(acked.acked_at - acked.due_at for acked in evidence.acked),
        offenders=offenders,
        reasons=tuple(reasons(evidence, counts, duplicates_allowed)),
    )


def lost(evidence: Evidence, first: Mapping[Token, float]) -> Iterator[str]:
    """Accepted, but without an end; or said to be answered, and never was."""
    for acked in evidence.acked:
        answered = acked.token in first
        if acked.wamid in evidence.dead_letters:
            continue
        if evidence.outcomes is None:
            if not answered:
                yield f"{acked.token}: no answer"
            continue
        names = end_names(evidence.outcomes.get(acked.wamid, ()))
        if not names:
            yield f"{acked.token}: no outcome"
        elif names == {"answered"} and not answered:
            yield f"{acked.token}: outcome answered, but no answer was sent"


def answered_twice(tokens_sent: Iterable[tuple[Posted, Token]]) -> Iterator[str]:
    """One for each accepted POST beyond the first of a conversation that holds the token."""
    posts: dict[tuple[str, str, Token], list[Posted]] = {}
    for post, token in tokens_sent:
        seen = posts.setdefault((post.phone_number_id, post.contact, token), [])
        if not any(post is earlier for earlier in seen):
            seen.append(post)
    for (_, contact, token), seen in posts.items():
        for again in seen[1:]:
            yield f"{token}: again to {contact}, tag {again.tag}"


def out_of_order(first: Mapping[Token, float]) -> Iterator[str]:
    """First copies only, in the order they were accepted."""
    newest: dict[tuple[str, str], int] = {}
    for token in first:
        conversation = (token.tenant, token.contact)
        before = newest.get(conversation, -1)
        if token.seq < before:
            yield f"{token}: after {before}"
        newest[conversation] = max(before, token.seq)


def crossed(
    tokens_sent: Iterable[tuple[Posted, Token]], owners: Mapping[str, Owner]
) -> Iterator[str]:
    """A tenant's words from another's number, with another's token, or to another's contact."""
    for post, token in tokens_sent:
        owner = owners.get(token.tenant)
        if owner is None:
            yield f"{token}: of no tenant here"
        elif post.phone_number_id != owner.phone_number_id:
            yield f"{token}: from number {post.phone_number_id}"
        elif post.access_token != owner.access_token:
            yield f"{token}: with another access token"
        elif post.contact != token.contact:
            yield f"{token}: to {post.contact}"


def contradicted(outcomes: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    for wamid, events in outcomes.items():
        first = [event for event in events if not event.corrects]
        ends = {(event.name, event.reason) for event in first}
        if len(ends) > 1 or len({event.event_id for event in first}) > 1:
            yield f"{wamid}: {sorted(map(str, ends))}"


def end_names(events: Sequence[Outcome]) -> set[str]:
    """Of the last correction, else of the outcome; two where one contradicts the other."""
    corrections = {event.event_id: event.name for event in events if event.corrects}
    return {[*corrections.values()][-1]} if corrections else {event.name for event in events}


def outcome_counts(evidence: Evidence) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for acked in evidence.acked:
        ends = end_names((evidence.outcomes or {}).get(acked.wamid, ()))
        if not ends and acked.wamid in evidence.dead_letters:
            ends = {"dead_lettered"}
        counts.update(ends)
    return dict(counts)  # asdict() cannot copy a Counter


def answer_seconds(acked: Iterable[Acked], first: Mapping[Token, float]) -> Iterator[float]:
    """Never negative: an answer may overtake the ack of its own message."""
    for message in acked:
        if message.token in first:
            yield max(0.0, first[message.token] - message.acked_at)


def latency(seconds: Iterable[float]) -> Latency:
    ordered = sorted(seconds)
    if not ordered:
        return Latency()
    return Latency(*(round(1000 * nearest_rank(ordered, share), 1) for share in (0.5, 0.99)))


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, -(-len(ordered) * int(share * 100) // 100) - 1)]


def reasons(
    evidence: Evidence, counts: Mapping[str, int], duplicates_allowed: int
) -> Iterator[str]:
    if not evidence.acked:
        yield "not a test: nothing was accepted"
    for name, injected in evidence.faults.items():
        if injected < 1:
            yield f"not a test: the announced fault {name} was never injected"
    allowed = {"answered_twice": duplicates_allowed}
    for name, count in counts.items():
        if count > allowed.get(name, 0):
            yield f"{name}: {count}"
