import errno
import os
import stat

import pytest

from seqtrain.errors import WriteError
from seqtrain.system.disk import replace, sync, temporary_beside, write, writing


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.json"
    replace(path, b"old")
    replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_breaks_off_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write(path, b"old")
    with pytest.raises(ZeroDivisionError), temporary_beside(path) as temporary:
        write(temporary, b"half")
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_temporary_name_keeps_the_suffix(tmp_path):
    with temporary_beside(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        assert temporary.parent == tmp_path


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_what_the_system_says_against_a_write_becomes_a_message(code):
    with pytest.raises(WriteError) as caught, writing("runs/a-1/metrics.jsonl"):
        raise OSError(code, os.strerror(code))
    said = f"runs/a-1/metrics.jsonl: can't be written, {os.strerror(code)}"
    assert str(caught.value) == said
    assert "room" in caught.value.hint
    assert caught.value.exit_code == 1


def test_a_real_full_disk_is_told():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with pytest.raises(WriteError, match="/dev/full: can't be written, No space left"):
        with writing("/dev/full"):
            write("/dev/full", b"x")


def test_that_a_file_exists_is_no_failed_write(tmp_path):
    with pytest.raises(FileExistsError), writing(tmp_path):
        tmp_path.mkdir()


def test_a_folder_and_a_file_can_be_flushed(tmp_path):
    write(tmp_path / "a", b"")
    sync(tmp_path / "a")
    sync(tmp_path)
    assert stat.S_ISDIR(os.stat(tmp_path).st_mode)
