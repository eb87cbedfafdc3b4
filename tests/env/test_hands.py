from __future__ import annotations

import sys
import threading

import pytest

from pkm_env.hands import ENOUGH, MOST, hands_for, share
from tests.support.threads import no_threads


@pytest.mark.parametrize(("processors", "hands"), [(1, 1), (2, 2), (64, MOST), (None, 1)])
def test_many_calls_are_worth_a_hand_for_each_processor(monkeypatch, processors, hands):
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    assert hands_for(ENOUGH) == hands
    assert hands_for(ENOUGH - 1) == 1


def test_one_hand_takes_the_items_in_their_order():
    taken: list[int] = []
    share(range(5), taken.append, 1)
    assert taken == [0, 1, 2, 3, 4]


def test_several_hands_take_each_item_once():
    taken: list[int] = []
    share(range(5000), taken.append, 4)
    assert sorted(taken) == list(range(5000))


def test_several_hands_work_at_the_same_time():
    """Each waits for the other: one hand alone would wait until the time is over."""
    together = threading.Barrier(2, timeout=30)
    share(range(2), lambda _: together.wait(), 2)
    assert not together.broken


@pytest.mark.parametrize("hands", [1, 3])
def test_error_of_one_hand_ends_the_work_and_is_raised(hands):
    taken: list[int] = []

    def take(item: int) -> None:
        taken.append(item)
        if item == 10:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        share(range(100_000), take, hands)
    before = len(taken)
    assert 10 in taken
    assert before < 100_000
    assert len(taken) == before, "a hand went on after the error was raised"


def test_hands_without_work_end():
    share([], lambda _: pytest.fail("there is nothing to take"), 4)


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere a stack that is too large is refused otherwise"
)
def test_where_no_thread_can_be_made_one_hand_does_it_all():
    taken: list[int] = []
    with no_threads():
        share(range(10), taken.append, 4)
    assert taken == list(range(10))
