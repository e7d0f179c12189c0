"""A memory that begins late says what one says that has seen the whole log."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples

from streams.decode.nesting import NO_USAGE, Node
from streams.decode.trace_memory import READ_AGAIN, TraceMemory


def answer(key, scope, of="a", **other):
    return Node(key, prompt=10, completion=1, answer=of, scope=scope, **other)


def said(log, records, since=0, spans=50_000):
    """Return what a memory says of each record of a log, by offset, that begins at an offset."""
    memory = TraceMemory(records, spans)
    return {
        offset: (memory.repeated(offset, nodes, void), [memory.counts(key) for key in range(6)])
        for offset, (nodes, void) in log.items()
        if offset >= since
    }


def repeated(*nodes, records=100):
    """Return which spans repeat one before, of a record each."""
    memory = TraceMemory(records)
    return [key for at, node in enumerate(nodes) for key in memory.repeated(at, [node])]


def test_an_answer_is_compared_with_the_first_span_of_two_blocks():
    one, other = answer(1, "one"), answer(2, "other")
    between = [answer(key, "one", of="b") for key in range(10, 17)]

    assert repeated(one, *between[:4], other, records=4) == [2]
    assert repeated(one, *between[:6], other, records=4) == [2]
    assert repeated(one, *between[:7], other, records=4) == []


def test_which_span_of_an_answer_is_first_does_not_depend_on_the_first_before_it():
    # Every fifth span of a server that gives all answers one id, through two instrumentations.
    log = {
        offset: ([answer(offset, "other" if offset % 5 else "one")], frozenset())
        for offset in range(200)
    }
    whole = said(log, records=7)
    for position in range(50, 100):
        late = said(log, records=7, since=position - READ_AGAIN * 7)

        assert all(late[offset] == whole[offset] for offset in range(position, 200))


def test_what_is_first_depends_on_what_lies_inside_it_before_two_blocks():
    inner, outer = Node(2, 1, prompt=10, completion=1), answer(1, "one")
    log = {0: ([inner], frozenset()), 2: ([outer], frozenset()), 5: ([answer(3, "b")], frozenset())}
    whole = said(log, records=2)

    assert whole[2][0] == {1: "duplicate"}
    assert whole[5][0] == {}
    assert said(log, records=2, since=5 - 2 * READ_AGAIN)[5] == whole[5]
    # Twice the records are too few.
    assert said(log, records=2, since=5 - 2 * 2)[5] != whole[5]


def test_a_span_in_two_scopes_does_not_repeat_its_own_answer():
    memory = TraceMemory(100)

    assert memory.repeated(0, [answer(1, "one"), answer(1, "other")]) == {}


def test_a_span_that_repeats_one_around_it_still_has_its_answer():
    outer = Node(1, prompt=10, completion=1)
    inner = answer(2, "one")._replace(parent=1)

    assert repeated(outer, inner, answer(3, "other")) == [2, 3]


def test_an_answer_that_was_not_counted_after_all_is_forgotten():
    memory = TraceMemory(100)
    memory.repeated(0, [answer(1, "one")])
    memory.forget([1])

    assert memory.repeated(1, [answer(2, "other")]) == {}
    assert memory.repeated(2, [answer(3, "one")]) == {3: "duplicate"}


def test_answers_of_records_that_the_log_has_lost_are_forgotten():
    memory = TraceMemory(4)
    for offset in range(3):
        memory.repeated(offset, [answer(offset, "one", of=offset)])
    memory.forget_from(1)

    assert memory.repeated(1, [answer(7, "other", of=1)]) == {}
    assert memory.repeated(2, [answer(8, "other", of=0)]) == {8: "duplicate"}


def test_the_memory_is_tidied_once_in_many_records(monkeypatch):
    tidied = []
    tidy = TraceMemory._tidy
    monkeypatch.setattr(TraceMemory, "_tidy", lambda *given: (tidied.append(given), tidy(*given)))
    memory = TraceMemory(1000, spans=900)
    for number in range(1000):
        nodes = [
            Node((number, key), (number, "parent"), prompt=1, completion=1) for key in range(9)
        ]
        memory.repeated(number, nodes)

    assert 0 < len(tidied) <= 9_000 / (900 // 4)


# --- laws

keys = st.integers(0, 4)
times = st.sampled_from(((0, 0), (1, 5), (4, 9), (8, 12)))


@st.composite
def spans(draw):
    prompt, completion = draw(st.sampled_from(((NO_USAGE, NO_USAGE), (10, 1), (10, 1), (20, 2))))
    start, end = draw(times)
    return Node(
        draw(keys),
        draw(st.none() | keys),
        start,
        end,
        draw(st.booleans()),
        prompt,
        completion,
        draw(st.sampled_from((None, "a", "b"))),
        draw(st.sampled_from(("one", "other"))),
    )


@st.composite
def logs(draw):
    """Return a log of spans of few ids, by offset: with gaps, and some that do not count."""
    offset, log = draw(st.integers(0, 5)), {}
    for _ in range(draw(st.integers(2, 15))):
        void = frozenset(draw(st.sampled_from(((), (), (), (1,)))))
        log[offset] = draw(st.lists(spans(), min_size=1, max_size=2)), void
        offset += draw(st.sampled_from((1, 1, 1, 2)))
    return log


@settings(max_examples=examples(300), deadline=None)
@given(logs(), st.integers(1, 4), st.sampled_from((2, 5, 50_000)), st.integers(0, 1), st.data())
def test_a_memory_that_begins_late_enough_says_the_same(log, records, bound, more, data):
    position = data.draw(st.sampled_from([*log]))
    whole = said(log, records, spans=bound)
    late = said(log, records, position - (READ_AGAIN + more) * records, bound)

    assert all(late[offset] == whole[offset] for offset in log if offset >= position)
