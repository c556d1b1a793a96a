"""What one result holds back, for how long, who probes, and what ends it."""

from sender.holds import LONGEST_LOOK, PROBE_SECONDS, HoldKeys, Holds
from sender.whatsapp.graph_errors import GRAPH_ERRORS, ErrorKey
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult

ONE, SAME_TOKEN = HoldKeys.of("1", "t"), HoldKeys.of("2", "t")
OTHER = HoldKeys.of("3", "other")
HTML_503 = Ambiguous("http_503", outage=True)


class World:
    """Holds with a clock that is set, and no chance."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.now = 1000.0
        self.holds = Holds(lambda: self.now, lambda: jitter)

    def result(self, result: SendResult, keys: HoldKeys = ONE, began: float | None = None) -> None:
        self.change = self.holds.record(keys, result, self.now if began is None else began)

    def wait(self, keys: HoldKeys = ONE) -> float | None:
        held = self.holds.admit(keys)
        return round(held.seconds, 1) if held else None

    def probes(self, result: SendResult) -> list[float]:
        """Seconds between the probes of a hold that this result prolongs again and again."""
        waits = []
        for _ in range(8):
            self.result(result)
            assert self.change.held
            waits.append(self.change.held.seconds)
            self.now += waits[-1]
            assert self.wait() is None
        return waits


def refused(key: ErrorKey, retry_after: float = 0.0) -> Refused:
    return Refused(key if isinstance(key, int) else key[0], "", GRAPH_ERRORS[key], retry_after)


def test_probes_of_what_an_operator_must_mend_come_ever_later() -> None:
    assert World().probes(refused(190)) == [15, 30, 60, 120, 240, 480, 600, 600]
    assert World(0.0).probes(refused((100, 33)))[:3] == [7.5, 15, 30]
    assert World().probes(refused(131042)) == [600] * 8


def test_throughput_waits_as_long_as_meta_asks_and_a_random_time_more() -> None:
    assert World(0.0).probes(refused(130429, 30)) == [30] * 8
    assert World().probes(refused(130429)) == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_graph_that_does_not_answer_is_probed_once_a_second() -> None:
    assert World().probes(NotSent("x")) == [1] * 8
    assert World().probes(HTML_503) == [1] * 8


def test_calls_without_an_answer_hold_back_the_others_only_where_nobody_is_answered() -> None:
    world = World()
    for answered, seconds, held in ((True, 10, False), (False, 4, False), (False, 10, True)):
        began = world.now
        world.now += seconds
        if answered:
            world.result(Accepted("w"))
        world.result(Ambiguous("ServerTimeoutError"), began=began)
        assert bool(world.change.held) is held
    assert world.wait(OTHER) == 1.1


def test_what_was_sent_before_a_hold_neither_lengthens_nor_ends_it() -> None:
    world = World()
    world.result(refused(130429, 30))
    assert world.change.began
    world.now += 1
    for _ in range(10):
        world.result(refused(130429, 30), began=990.0)
        assert not world.change.began
    world.result(Accepted("w"), began=990.0)
    assert world.change.ended == []
    held = world.holds.held(ONE)
    assert held
    assert 30 < held.seconds < 33


def test_when_its_time_is_over_one_is_the_probe_and_the_others_wait_for_it() -> None:
    world = World()
    world.result(refused(190))
    world.now += 15
    assert world.wait() is None
    assert world.wait() == PROBE_SECONDS + 0.1
    assert world.wait(SAME_TOKEN) == PROBE_SECONDS + 0.2
    world.result(Accepted("w"))
    assert world.change.ended == [ONE.token]
    assert world.wait() is None


def test_a_probe_that_never_ends_is_followed_by_another() -> None:
    world = World()
    world.result(refused(190))
    world.now += 15
    assert world.wait() is None
    world.now += PROBE_SECONDS
    assert world.wait(SAME_TOKEN) is None
    assert world.wait()


def test_a_long_line_looks_ten_times_a_second_and_nobody_waits_for_ever() -> None:
    world = World()
    world.result(refused(190))
    waits = [world.wait() or 0.0 for _ in range(100_000)]
    assert [round(wait, 1) for wait in waits[:3]] == [15.1, 15.2, 15.3]
    assert max(waits) == LONGEST_LOOK


def test_an_answer_ends_what_it_proves_to_be_over() -> None:
    world = World()
    world.result(refused(190))
    world.result(NotSent("x"))
    world.now += 700
    assert world.wait() is None
    world.result(refused(131042))  # of the number: Graph answers and the token is good
    assert set(world.change.ended) == {ONE.graph, ONE.token}
    assert (world.wait(SAME_TOKEN), world.wait()) == (None, 600.1)


def test_a_passing_refusal_proves_nothing_about_the_number() -> None:
    world = World()
    world.result(refused(131042))
    world.now += 600
    assert world.wait() is None
    world.result(refused(131000))
    assert world.change.ended == []
    assert world.wait()


def test_another_trouble_of_the_number_is_a_new_hold() -> None:
    world = World()
    world.result(refused(131042))
    world.now += 600
    assert world.wait() is None
    world.result(refused(368))
    assert world.change.began
    assert world.change.held
    assert world.change.held.is_final


def test_what_an_operator_changed_is_tried_at_once() -> None:
    world = World()
    world.probes(refused((100, 33)))
    world.result(refused((100, 33)))
    assert world.wait()
    world.holds.probe_now(ONE)
    assert world.wait() is None
    world.result(refused((100, 33)))
    assert world.change.held
    assert world.change.held.seconds == 15


def test_a_status_can_hold_a_number_back() -> None:
    world = World()
    assert world.holds.hold_number("1", refused(131026)).held is None
    assert world.holds.hold_number("1", refused(131031)).began
    assert world.wait()
    assert world.wait(OTHER) is None


def test_a_copy_needs_an_answer_that_came_after_the_doubt() -> None:
    world = World()
    assert world.holds.must_prove_graph(90)
    assert not world.holds.must_prove_graph(None)
    world.result(refused(131000))
    world.now += 80
    assert not world.holds.must_prove_graph(90)
    world.result(HTML_503)
    assert world.holds.must_prove_graph(90)
    assert world.holds.must_prove_graph(None)
    assert world.holds.graph_answers() == [ONE.graph]
    assert not world.holds.must_prove_graph(90)


def test_a_key_names_no_token() -> None:
    assert "secret" not in HoldKeys.of("1", "secret").token
