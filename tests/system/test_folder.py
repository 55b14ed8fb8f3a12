import os
import socket

import pytest

from seqtrain.errors import RunError, WriteError
from seqtrain.system.folder import Folder


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    (path / "inner").mkdir(parents=True)
    (path / "a").write_bytes(b"abc")
    (path / "inner/b").write_bytes(b"b")
    (tmp_path / "elsewhere").write_bytes(b"secret")
    return Folder(path)


def strange(folder, name):
    """Put something other than a file under a name."""
    path = folder.path / name
    if name == "link":
        path.symlink_to("../elsewhere")
    elif name == "dangling":
        path.symlink_to("nowhere")
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif name == "device":
        try:
            os.mknod(path, 0o20600, os.makedev(1, 3))
        except OSError:
            pytest.skip("only root makes devices")
    return name


@pytest.mark.parametrize("name", ["link", "dangling", "pipe", "socket", "device"])
def test_only_files_are_opened_whatever_is_asked_of_them(folder, monkeypatch, name):
    monkeypatch.chdir(folder.path)  # the path of a socket must be short
    folder = Folder(folder.path.relative_to(folder.path))
    strange(folder, name)
    kind = "link" if name == "dangling" else name
    for use in (
        lambda: folder.read(name, 100),
        lambda: folder.open(name, "a"),
        lambda: folder.place(name),
        lambda: folder.has(name),
        lambda: folder.sha256(name),
        lambda: folder.replace(name, b"x"),
        lambda: folder.check(),
    ):
        with pytest.raises(RunError, match=f"{name}: is a {kind}, a file of the run's"):
            use()
    assert (folder.path / "../elsewhere").read_bytes() == b"secret"
    folder.remove(name)
    assert not os.path.lexists(name)


def test_no_folder_on_the_way_is_a_link(folder, tmp_path):
    (tmp_path / "away").mkdir()
    (tmp_path / "away/b").write_bytes(b"theirs")
    (folder.path / "door").symlink_to("../away")
    for use in (
        lambda: folder.read("door/b", 100),
        lambda: folder.names("door"),
        lambda: folder.make("door/new"),
        lambda: folder.replace("door/b", b"ours"),
        lambda: folder.remove("door/b"),
    ):
        with pytest.raises(RunError, match="door: is a link, a folder of the run's"):
            use()
    assert (tmp_path / "away/b").read_bytes() == b"theirs"
    assert os.listdir(tmp_path / "away") == ["b"]
    folder.remove("door")  # the link itself
    assert (tmp_path / "away/b").exists()


@pytest.mark.parametrize("name", ["../elsewhere", "inner/../../elsewhere", "/etc", "."])
def test_no_name_leads_out(folder, name):
    with pytest.raises(RunError, match="leads out of the run"):
        folder.read(name, 100)


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "shortcut").symlink_to("run")
    assert Folder(tmp_path / "shortcut").read("inner/b", 1) == b"b"


def test_what_is_too_large_is_not_read(folder):
    assert folder.read("a", 3) == b"abc"
    with pytest.raises(RunError, match="has 3 bytes and such a file 2 at most"):
        folder.read("a", 2)
    os.truncate(folder.path / "a", 2**28)  # nearly all of it a hole
    with pytest.raises(RunError, match="such a file 67,108,864 at most"):
        folder.read("a", 2**30)
    os.truncate(folder.path / "a", 2**40)  # no memory has room for it
    with pytest.raises(RunError, match="a is damaged, it has 1,099,511,627,776 bytes"):
        folder.read("a", 2**20)


def test_a_file_with_another_name_elsewhere_is_read_and_replaced_but_not_changed(
    folder, tmp_path
):
    os.link(folder.path / "a", tmp_path / "backup")
    assert folder.read("a", 3) == b"abc"
    for mode in ("a", "r+b"):
        with pytest.raises(RunError, match="a: has another name elsewhere"):
            folder.open("a", mode)
    folder.replace("a", b"new")
    assert (tmp_path / "backup").read_bytes() == b"abc"


def test_a_folder_that_is_gone_is_not_made_again(folder, tmp_path):
    os.rename(folder.path, tmp_path / "moved")
    with pytest.raises(WriteError, match="No such file or directory"):
        folder.make("eval")
    assert not folder.path.exists()


def test_all_files_are_listed(folder):
    assert sorted(folder.check()) == ["a", "inner/b"]
    assert folder.names("inner") == ["b"]
    assert folder.names("nothing") == []
    assert folder.make("deep/er") == folder.path / "deep/er"


def test_a_folder_of_too_many_files_is_refused(folder, monkeypatch):
    monkeypatch.setattr("seqtrain.system.folder._MOST_FILES", 2)
    folder.check()
    (folder.path / "c").write_bytes(b"")
    with pytest.raises(RunError, match="more than 2 files"):
        folder.check()
