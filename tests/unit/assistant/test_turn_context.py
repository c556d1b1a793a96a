"""What of a conversation's past becomes history."""

from dataclasses import replace

from tests.support.turns import assistant_message, contact_message

from assistant.turn_context import HISTORY_LIMIT, past_turns


def test_turns_are_whole_and_in_order() -> None:
    one = (contact_message("q1", 1, 10), assistant_message("a1", 2, 10))
    two = (
        contact_message("q2", 3, 11),
        contact_message("q3", 4, 11),
        assistant_message("a2", 5, 11),
    )
    assert past_turns([*one, *two]) == (one, two)


def test_a_message_stored_before_the_answer_to_the_last_turn_keeps_its_own_turn() -> None:
    messages = [
        contact_message("q1", 1, 10),
        contact_message("q2", 2, 11),
        assistant_message("a1", 3, 10),
        assistant_message("a2", 4, 11),
    ]
    assert past_turns(messages) == ((messages[0], messages[2]), (messages[1], messages[3]))


def test_a_turn_without_an_answer_is_no_history() -> None:
    assert past_turns([contact_message("q1", 1, 10)]) == ()


def test_a_turn_that_the_read_limit_may_have_cut_is_left_out() -> None:
    long = [contact_message("q", id, 10) for id in range(HISTORY_LIMIT - 3)]
    rest = [
        assistant_message("a", 50, 10),
        contact_message("q2", 51, 11),
        assistant_message("a2", 52, 11),
    ]
    assert past_turns(long + rest) == (tuple(rest[1:]),)


def test_an_answer_whose_question_was_cut_is_left_out() -> None:
    full = [assistant_message("late", 1, 9), assistant_message("orphan", 2, 10)]
    full += [contact_message("q", id, 11) for id in range(3, HISTORY_LIMIT)] + [
        assistant_message("a", 99, 11)
    ]
    assert [turn[0].turn_id for turn in past_turns(full)] == [11]


def test_what_a_person_wrote_without_a_question_is_history() -> None:
    person = replace(assistant_message("Soy Marta.", 1, 10), kind="person")
    answer = replace(assistant_message("Sí.", 2, 11), kind="answer")
    assert past_turns([person, answer]) == ((person,),)
