"""What a client sends, against what is stored."""

from __future__ import annotations

from claude_gateway.conversations.history import Block, Turn
from claude_gateway.conversations.reconcile import merge


def said(role: str, *texts: str, partial: bool = False) -> Turn:
    return Turn(role, [{"type": "text", "text": text} for text in texts], partial=partial)


STORED = [
    said("user", "Hi"),
    said("assistant", "Hello"),
    said("user", "How?"),
    said("assistant", "So."),
]


def test_a_message_alone_joins_the_whole_history() -> None:
    merged = merge(STORED, [said("user", "More")])
    assert (merged.kept, list(merged.new)) == (4, [said("user", "More")])


def test_a_whole_history_is_not_found_twice() -> None:
    merged = merge(STORED, [*STORED, said("user", "More")])
    assert (merged.kept, list(merged.new)) == (4, [said("user", "More")])


def test_thinking_that_the_client_never_saw_makes_no_difference() -> None:
    thinking: Block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    stored = [STORED[0], Turn("assistant", [thinking, {"type": "text", "text": "Hello"}])]
    merged = merge(stored, [said("user", "Hi"), said("assistant", "Hello"), said("user", "x")])
    assert (merged.kept, list(merged.new)) == (2, [said("user", "x")])


def test_from_an_edit_on_the_clients_version_holds() -> None:
    edited = [said("user", "Hi"), said("assistant", "Hello"), said("user", "Why?")]
    merged = merge(STORED, edited)
    assert (merged.kept, list(merged.new)) == (2, [said("user", "Why?")])


def test_a_client_that_forgot_the_end_regenerates_it() -> None:
    merged = merge(STORED, STORED[:3])
    assert (merged.kept, list(merged.new)) == (3, [])


def test_a_message_whose_answer_failed_is_tried_again_not_doubled() -> None:
    merged = merge(STORED[:3], [said("user", "How?")])
    assert (merged.kept, list(merged.new)) == (3, [])


def test_of_several_messages_without_an_answer_the_last_one_or_all_may_be_tried_again() -> None:
    both = Turn("user", said("user", "How?", "And why?").content, last=4, newest=1)
    stored = [*STORED[:2], both]
    for again in (said("user", "And why?"), said("user", "How?", "And why?")):
        assert not merge(stored, [again]).new
    for new in (said("user", "How?"), said("user", "why?"), said("user", "And why?", "So?")):
        assert list(merge(stored, [new]).new) == [new]


def test_another_message_after_a_failure_joins_the_first() -> None:
    merged = merge(STORED[:3], [said("user", "Never mind")])
    assert (merged.kept, list(merged.new)) == (3, [said("user", "Never mind")])


def test_a_client_that_saw_less_of_a_broken_answer_is_not_taken_to_have_edited_it() -> None:
    stored = [said("user", "Hi"), said("assistant", "Hello wor", partial=True)]
    merged = merge(stored, [said("user", "Hi"), said("assistant", "Hello"), said("user", "Go on")])
    assert (merged.kept, list(merged.new)) == (2, [said("user", "Go on")])


def test_what_the_system_said_in_between_is_the_servers_to_keep() -> None:
    stored = [*STORED[:3], said("system", "Be brief."), STORED[3]]
    merged = merge(stored, [*STORED, said("user", "More")])
    assert (merged.kept, list(merged.new)) == (5, [said("user", "More")])


def test_other_pictures_and_other_calls_are_other_turns() -> None:
    def picture(data: str) -> Turn:
        return Turn("user", [{"type": "image", "source": {"type": "base64", "data": data}}])

    answer = said("assistant", "A cat")
    assert merge([picture("AA"), answer], [picture("AA"), answer, said("user", "x")]).kept == 2
    assert merge([picture("AA"), answer], [picture("BB"), answer, said("user", "x")]).kept == 0
