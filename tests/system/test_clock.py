import time

import pytest

from seqtrain.errors import SeqtrainError
from seqtrain.system.clock import Clock, refuse_strange_date


def test_it_is_the_time_of_day():
    before = time.time()
    assert before <= Clock().now() <= time.time()


def test_it_goes_on_where_the_machines_clock_is_set_back(monkeypatch):
    clock, steady = Clock(), iter(range(100, 200, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(steady))
    times = iter([5000.0, 5009.0, 10.0, 20.0, 6000.0])
    monkeypatch.setattr(time, "time", lambda: next(times))
    assert [clock.now() for _ in range(5)] == [5000, 5010, 5020, 5030, 6000]


def test_it_can_be_made_later_but_never_earlier():
    clock = Clock()
    clock.advance(4e9)
    assert clock.now() > 4e9
    clock.advance(0.0)
    assert clock.now() > 4e9


@pytest.mark.parametrize("seconds", [0, 2**33])
def test_a_date_that_no_zip_file_holds_is_refused(monkeypatch, seconds):
    date = time.gmtime(seconds)
    monkeypatch.setattr(time, "localtime", lambda: date)
    with pytest.raises(SeqtrainError, match=f"shows the year {date.tm_year}, one from"):
        refuse_strange_date()
