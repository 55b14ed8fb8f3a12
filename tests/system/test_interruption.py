import os
import signal
import threading

import pytest

from seqtrain.system.interruption import SIGNALS, Interruption, exit_on_signals


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def handlers():
    before = {n: signal.getsignal(n) for n in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_it_is_asked_for(capfd):
    with Interruption() as interruption:
        interruption.listen()
        interruption.act()  # there was none
        assert not interruption
        send(signal.SIGINT)
        assert interruption
        assert "once more leaves at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            interruption.act()


@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGXCPU, 152)],
)
def test_other_signals_are_an_exit_with_their_code(number, code):
    exit_on_signals()
    with pytest.raises(SystemExit) as caught:
        send(number)
    assert caught.value.code == code
    with Interruption() as interruption:
        interruption.listen()
        send(number)
        with pytest.raises(SystemExit) as caught:
            interruption.act()
        assert caught.value.code == code


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGXCPU])
def test_what_comes_twice_by_itself_is_no_hurry(number):
    with Interruption() as interruption:
        interruption.listen()
        send(signal.SIGTERM)
        send(number)
        with pytest.raises(SystemExit) as caught:
            interruption.act()
        assert caught.value.code == 143


def test_under_nohup_a_closed_terminal_is_nothing():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    exit_on_signals()
    with Interruption() as interruption:
        interruption.listen()
        send(signal.SIGHUP)
        assert not interruption


def test_a_second_one_acts_at_once():
    with Interruption() as interruption:
        interruption.listen()
        send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_before_it_listens_and_after_the_end_signals_do_what_they_did():
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        interruption.listen()
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup and background jobs do
    with Interruption() as interruption:
        interruption.listen()
        send(signal.SIGINT)
        assert not interruption
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_changes_no_signal():
    before = signal.getsignal(signal.SIGINT)

    def listen():
        with Interruption() as interruption:
            interruption.listen()
            found.append(signal.getsignal(signal.SIGINT))

    found = []
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [before]
