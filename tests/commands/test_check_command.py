import re
import resource
import subprocess

from command_line import COMMAND

from seqtrain.config import shipped_configs


def test_check_reports_on_the_data(call):
    done = call("check", "tiny.yaml")
    assert done.returncode == 0
    assert re.search(r"^examples +180 +20 +50$", done.stdout, re.MULTILINE)
    assert "best possible accuracy 1.0000" in done.stdout
    assert done.stdout.endswith("tiny.yaml: nothing is wrong\n")
    assert done.stderr == ""


def test_check_without_data_looks_at_the_config_alone(call):
    missing = "data={source: files, train: no.csv}"
    done = call("check", "tiny.yaml", "--no-data", "--set", missing)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "tiny.yaml: nothing is wrong with the config\n"
    done = call("check", "tiny.yaml", "--no-data", "--set", "data.distance=12")
    assert done.returncode == 2
    assert "12 is not below length, here 12" in done.stderr


def test_check_without_data_answers_at_once(tmp_path):
    """In processor time of the child, which other work on the machine adds less to."""
    path = max(shipped_configs(), key=lambda path: path.stat().st_size)

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [*COMMAND, "check", str(path), "--no-data"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # A quarter of it is NumPy, which the kinds of data import with their sections.
    assert min(seconds() for _ in range(3)) <= 1.5


def test_check_takes_overrides(call):
    done = call("check", "tiny.yaml", "--set", "data.examples=300")
    assert re.search(r"^examples +270 +30 +50$", done.stdout, re.MULTILINE)
