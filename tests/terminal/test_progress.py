import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from seqtrain.terminal.progress import Progress

FACTS = "epoch 1  loss 0.6931  accuracy 0.5000  1234 examples/s"


class Terminal(io.StringIO):
    """A stderr that a person looks at."""

    def isatty(self):
        return True


@pytest.fixture
def log(tmp_path):
    return tmp_path / "train.log"


@pytest.fixture
def start(log, monkeypatch):
    """Make a Progress, perhaps on a terminal, and close it after the test."""
    with contextlib.ExitStack() as stack:

        def start(total, terminal=None):
            if terminal:  # set only now: pytest sets its own when a test begins
                monkeypatch.setattr(sys, "stderr", terminal)
            return stack.enter_context(contextlib.closing(Progress(log, total)))

        yield start


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on when told to."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def advance(seconds):
        now[0] += seconds

    return advance


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def drawn_lines(text):
    """What a person sees of each drawing of the bar."""
    return [line for line in text.replace("\x1b[K", "").split("\r") if line]


def test_rows_go_to_stdout_and_talk_to_stderr_and_the_log_has_both(log, capsys, start):
    progress = start(10)
    progress.say("hello")
    progress.row("epoch  loss")
    progress.line(5, FACTS)
    progress.close()

    said = capsys.readouterr()
    assert said.out == "epoch  loss\n"
    hello, line = said.err.splitlines()
    assert hello == "hello"
    assert line.startswith(f"step 5/10  {FACTS}  ")
    assert line.endswith(" left")
    assert log.read_text() == f"hello\nepoch  loss\n{line}\n"


def test_without_a_terminal_there_is_neither_bar_nor_escape_code(
    log, capsys, clock, start
):
    progress = start(10)
    for step in range(1, 11):
        clock(1)
        progress.step(step, FACTS)
    progress.row("a row")
    progress.close()

    said = capsys.readouterr()
    assert (said.out, said.err) == ("a row\n", "")


def test_log_can_be_read_while_the_training_goes_on_and_grows(log, start):
    log.write_text("before\n")
    progress = start(10)
    progress.say("now")
    assert log.read_text() == "before\nnow\n"


def test_bar_shows_share_step_facts_and_time_left(log, terminal, clock, start):
    progress = start(200, terminal)
    clock(30)
    progress.step(50, FACTS)

    [line] = drawn_lines(terminal.getvalue())
    bar, rest = line.split("]")
    assert re.fullmatch(r"\[#+ +", bar)
    assert bar.count("#") == (len(bar) - 1) // 4
    # 50 steps took 30 s, so the other 150 will take 90.
    assert rest == f"  25%  step 50/200  {FACTS}  1:30 left"


@pytest.mark.parametrize(
    "seconds, left", [(0.4, "0:00"), (59, "0:59"), (60, "1:00"), (3725, "1:02:05")]
)
def test_time_left_reads_like_a_clock(seconds, left, log, capsys, clock, start):
    progress = start(2)
    clock(seconds)
    progress.line(1, FACTS)
    progress.close()
    assert capsys.readouterr().err.endswith(f"  {left} left\n")


def test_time_left_goes_by_the_steps_made_since_a_run_was_resumed(log, capsys, clock):
    with contextlib.closing(Progress(log, 200, done=100)) as progress:
        clock(10)
        progress.line(150, FACTS)
    assert capsys.readouterr().err.endswith("  0:10 left\n")


@pytest.mark.parametrize("columns", [20, 60, 79, 80, 95, 100, 120, 200])
def test_bar_is_never_wider_than_the_terminal(
    columns, log, terminal, clock, monkeypatch, start
):
    monkeypatch.setenv("COLUMNS", str(columns))
    progress = start(100_000, terminal)
    for step in (1, 999, 100_000):
        clock(1000)
        progress.step(step, FACTS)
    lines = drawn_lines(terminal.getvalue())
    assert len(lines) == 3
    # A terminal wraps when its last column is written.
    assert max(map(len, lines)) < columns


def test_bar_fits_the_terminal_when_rows_go_to_a_file(log):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    script = (
        "import sys, time; from pathlib import Path\n"
        "from seqtrain.terminal.progress import Progress\n"
        "progress = Progress(Path(sys.argv[1]), 10)\n"
        "time.sleep(0.15)\n"
        "progress.step(1, sys.argv[2])\n"
        "progress.close()\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    subprocess.run(
        [sys.executable, "-c", script, log, FACTS],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment,
        check=True,
    )
    os.close(theirs)
    [line] = drawn_lines(os.read(ours, 1000).decode())
    os.close(ours)
    assert len(line) < 60


def test_bar_is_drawn_ten_times_a_second_at_most(log, terminal, clock, start):
    progress = start(1000, terminal)
    for step in range(1, 101):
        clock(0.01)
        progress.step(step, FACTS)
    assert 5 <= len(drawn_lines(terminal.getvalue())) <= 10


def test_on_a_terminal_a_row_replaces_the_bar_and_lines_only_go_to_the_log(
    log, terminal, clock, capsys, start
):
    progress = start(10, terminal)
    clock(1)
    progress.step(1, FACTS)
    progress.line(1, FACTS)
    progress.row("a row")

    assert terminal.getvalue().endswith("left\r\x1b[K")
    assert capsys.readouterr().out == "a row\n"
    assert log.read_text() == f"step 1/10  {FACTS}\na row\n"


def test_closing_leaves_a_clean_line(log, terminal, clock, start):
    progress = start(10, terminal)
    clock(1)
    progress.step(1, FACTS)
    progress.close()
    assert terminal.getvalue().endswith("\r\x1b[K")
