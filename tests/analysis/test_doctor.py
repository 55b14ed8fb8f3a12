import pytest

from seqtrain.analysis import doctor
from seqtrain.analysis.doctor import Finding, examine
from seqtrain.tables.doctor import format_finding


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """All but the training, which takes ten seconds, by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "not" / "yet" / "there"))
    monkeypatch.setattr(doctor, "_trial", lambda: Finding("training", "ok", ""))
    return lambda: {finding.name: finding for finding in examine()}


def test_everything_is_looked_at_and_nothing_is_made(findings, tmp_path):
    found = findings()
    assert list(found) == [
        "python",
        "seqtrain",
        "tensorflow",
        "keras",
        "numpy",
        "tensorboard",
        "processor",
        "features",
        "memory",
        "GPU",
        "cuDNN",
        "XLA",
        "cache",
        "runs",
        "training",
    ]
    assert list(tmp_path.iterdir()) == []
    assert found["XLA"].verdict == "ok"


def test_what_the_system_does_not_tell_is_unknown(findings, monkeypatch):
    facts = {"cpu": None, "cores": None, "memory_bytes": None}
    monkeypatch.setattr(doctor, "hardware", lambda: facts)
    monkeypatch.setattr(doctor, "versions", lambda: {"numpy": None})
    monkeypatch.setattr(doctor, "cpu_flags", lambda: None)
    found = findings()
    for name in ("numpy", "processor", "features", "memory"):
        assert found[name].verdict == "unknown"


def test_a_folder_that_cannot_be_written_is_found(findings, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "file"))
    cache = findings()["cache"]
    assert cache.verdict == "failed"
    assert (
        cache.text == f"{tmp_path}/file: Not a directory; SEQTRAIN_CACHE names another"
    )


def test_a_disk_that_is_nearly_full_is_a_warning(findings, monkeypatch):
    monkeypatch.setattr(doctor, "_LITTLE_SPACE", 2**80)
    assert findings()["runs"].verdict == "warning"


def test_a_finding_is_a_line():
    line = format_finding(Finding("cuDNN", "unknown", "made for 9"))
    assert line == "unknown cuDNN       made for 9"
