"""What of a conversation's past becomes history."""

from tests.support.turns import answered, said

from assistant.turn_context import HISTORY_LIMIT, past_turns


def test_turns_are_whole_and_in_order() -> None:
    one = (said("q1", 1, 10), answered("a1", 2, 10))
    two = (said("q2", 3, 11), said("q3", 4, 11), answered("a2", 5, 11))
    assert past_turns([*one, *two]) == (one, two)


def test_a_message_stored_before_the_answer_to_the_last_turn_keeps_its_own_turn() -> None:
    messages = [said("q1", 1, 10), said("q2", 2, 11), answered("a1", 3, 10), answered("a2", 4, 11)]
    assert past_turns(messages) == ((messages[0], messages[2]), (messages[1], messages[3]))


def test_a_turn_without_an_answer_is_no_history() -> None:
    assert past_turns([said("q1", 1, 10)]) == ()


def test_a_turn_that_the_read_limit_may_have_cut_is_left_out() -> None:
    long = [said("q", id, 10) for id in range(HISTORY_LIMIT - 3)]
    rest = [answered("a", 50, 10), said("q2", 51, 11), answered("a2", 52, 11)]
    assert past_turns(long + rest) == (tuple(rest[1:]),)


def test_an_answer_whose_question_was_cut_is_left_out() -> None:
    full = [answered("late", 1, 9), answered("orphan", 2, 10)]
    full += [said("q", id, 11) for id in range(3, HISTORY_LIMIT)] + [answered("a", 99, 11)]
    assert [turn[0].turn_id for turn in past_turns(full)] == [11]
