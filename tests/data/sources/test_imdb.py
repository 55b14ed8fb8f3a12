import gzip
import hashlib
import http.server
import io
import os
import re
import tarfile
import threading

import pytest

from seqtrain.data.sources.download import download
from seqtrain.data.sources.imdb import archive_path, imdb_files, read_imdb
from seqtrain.errors import DataError

REVIEWS = {
    "train/neg/0_2.txt": "Dull.<br />Very dull.",
    "train/neg/1_1.txt": "",
    "train/pos/0_9.txt": "A café of joy.",
    "test/neg/0_3.txt": "Awful.",
    "test/pos/0_10.txt": "Superb.",
    "test/pos/1_7.txt": "Lovely.",
}
OTHERS = {
    "train/unsup/0_0.txt": "Nobody rated this.",
    "train/labeledBow.feat": "9 0:9",
    "train/pos/._0_9.txt": "\x00",
    "README": "Large Movie Review Dataset v1.0",
}


def tar_bytes(files, links=()):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return stream.getvalue()


def acl_imdb(files):
    return {f"aclImdb/{name}": text for name, text in files.items()}


ARCHIVE = tar_bytes(acl_imdb(REVIEWS | OTHERS))
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; breaks off after `cut` bytes, once for each entry."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cuts, self.ranges = ARCHIVE, [], True
        self.asked = []  # the Range header of each request
        self.url = f"http://127.0.0.1:{self.server_port}/aclImdb_v1.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        server.asked.append(asked)
        start = int(re.findall(r"\d+", asked)[0]) if asked and server.ranges else 0
        body = server.content[start:]
        if start and not body:
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "aclImdb_v1.tar.gz"


@pytest.fixture
def folder(tmp_path):
    for name, text in (REVIEWS | OTHERS).items():
        file = tmp_path / "aclImdb" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "aclImdb"


def archive(tmp_path, content, name="small.tar.gz"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_download_leaves_the_whole_file_and_nothing_else(server, path):
    download(server.url, SHA256, path)
    assert path.read_bytes() == ARCHIVE
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_download_happens_once(server, path):
    download(server.url, SHA256, path)
    download(server.url, SHA256, path)
    assert server.asked == [None]


def test_download_goes_on_where_the_connection_broke(server, path):
    server.cuts = [100, 50]
    download(server.url, SHA256, path)
    assert server.asked == [None, "bytes=100-", "bytes=150-"]
    assert path.read_bytes() == ARCHIVE


def test_download_goes_on_where_an_earlier_command_stopped(server, path):
    server.cuts = [100, 50, 25]
    with pytest.raises(DataError, match="connection broke") as error:
        download(server.url, SHA256, path)
    assert "run the command again" in error.value.hint
    assert not path.exists()
    download(server.url, SHA256, path)
    assert server.asked[-1] == "bytes=175-"
    assert path.read_bytes() == ARCHIVE


def test_download_restarts_at_a_server_without_ranges(server, path):
    server.ranges, server.cuts = False, [100]
    download(server.url, SHA256, path)
    assert path.read_bytes() == ARCHIVE
    assert len(server.asked) == 2


@pytest.mark.parametrize("part", [ARCHIVE, ARCHIVE + b"more", b"another file"])
def test_download_starts_anew_from_a_part_of_another_file(server, path, part):
    path.parent.mkdir()
    path.with_name(path.name + ".part").write_bytes(part)
    download(server.url, SHA256, path)
    assert path.read_bytes() == ARCHIVE


def test_download_replaces_a_file_that_was_damaged_since(server, path):
    path.parent.mkdir()
    path.write_bytes(ARCHIVE[:-1])
    download(server.url, SHA256, path)
    assert path.read_bytes() == ARCHIVE


def test_download_of_other_content_is_refused_and_not_kept(server, path):
    server.content = b"<html>Sign in to this network</html>"
    with pytest.raises(DataError, match=f"sha256 is [0-9a-f]{{64}}, {SHA256} is"):
        download(server.url, SHA256, path)
    assert list(path.parent.iterdir()) == []
    assert len(server.asked) == 1


def test_download_from_a_server_that_is_not_there_names_the_address(server, path):
    url = server.url.replace(str(server.server_port), "1")
    with pytest.raises(DataError, match="127.0.0.1:1/.*can't be downloaded") as error:
        download(url, SHA256, path)
    assert "data.path" in error.value.hint


def test_downloaded_archive_is_read_without_a_path(server, monkeypatch, tmp_path):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    monkeypatch.setattr("seqtrain.data.sources.imdb.URL", server.url)
    monkeypatch.setattr("seqtrain.data.sources.imdb.SHA256", SHA256)
    train, _ = read_imdb(None)
    assert train.labels == ["negative", "negative", "positive"]
    assert archive_path().parent == tmp_path
    assert imdb_files(None) == {str(archive_path()): SHA256}


def test_archive_gives_the_labelled_reviews_of_both_splits(tmp_path):
    train, test = read_imdb(archive(tmp_path, ARCHIVE))
    assert train.texts == ["Dull.<br />Very dull.", "", "A café of joy."]
    assert train.labels == ["negative", "negative", "positive"]
    assert test.texts == ["Awful.", "Superb.", "Lovely."]
    assert test.labels == ["negative", "positive", "positive"]


def test_folder_archive_and_plain_tar_give_the_same(tmp_path, folder):
    expected = read_imdb(archive(tmp_path, ARCHIVE))
    assert read_imdb(folder) == expected
    plain = tmp_path / "aclImdb.tar"
    plain.write_bytes(gzip.decompress(ARCHIVE))
    assert read_imdb(plain) == expected


def test_members_outside_the_layout_are_neither_read_nor_written(tmp_path):
    outside = {
        "../aclImdb/train/pos/5_9.txt": "Up.",
        "/aclImdb/train/pos/6_9.txt": "Root.",
        "aclImdb/train/pos/../../../7_9.txt": "Round about.",
    }
    path = archive(tmp_path, tar_bytes(acl_imdb(REVIEWS) | outside))
    train, _ = read_imdb(path)
    assert len(train.texts) == 3
    assert list(tmp_path.iterdir()) == [path]


def test_link_in_the_place_of_a_review_is_refused(tmp_path):
    content = tar_bytes(acl_imdb(REVIEWS), links=["aclImdb/train/pos/2_9.txt"])
    with pytest.raises(DataError, match="train/pos/2_9.txt: a link or device"):
        read_imdb(archive(tmp_path, content))


@pytest.mark.parametrize("end", [10, 200, len(ARCHIVE) // 2, -1])
def test_archive_cut_off_is_refused(tmp_path, end):
    with pytest.raises(DataError, match="small.tar.gz: not a whole gzip file"):
        read_imdb(archive(tmp_path, ARCHIVE[:end]))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"x" * 2000])
def test_file_that_is_no_archive_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="not a whole .tar or .tar.gz archive"):
        read_imdb(archive(tmp_path, content))


def test_review_that_is_twice_in_the_archive_is_refused(tmp_path):
    again = {"./aclImdb/train/pos/0_9.txt": "Another joy."}
    content = tar_bytes(acl_imdb(REVIEWS) | again)
    with pytest.raises(DataError, match="train/pos/0_9.txt: twice") as error:
        read_imdb(archive(tmp_path, content))
    assert "anew" in error.value.hint


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to a device"])
def test_review_of_the_folder_that_is_no_file_is_refused(folder, kind):
    path = folder / "train/pos/3_9.txt"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    for read in (read_imdb, imdb_files):
        with pytest.raises(DataError, match="3_9.txt: a .*, a regular file is needed"):
            read(folder)


@pytest.mark.parametrize("kind", ["a file", "a circle"])
def test_download_into_no_folder_is_refused(server, tmp_path, kind):
    place = tmp_path / "cache"
    place.write_text("") if kind == "a file" else place.symlink_to(place)
    with pytest.raises(DataError, match="can't be downloaded"):
        download(server.url, SHA256, place / "aclImdb_v1.tar.gz")


def test_archive_without_a_class_is_refused(tmp_path):
    files = {k: v for k, v in acl_imdb(REVIEWS).items() if "test/pos" not in k}
    with pytest.raises(DataError, match="no review in test/pos"):
        read_imdb(archive(tmp_path, tar_bytes(files)))


def test_folder_above_the_right_one_is_refused(folder):
    with pytest.raises(DataError, match="no review in train/neg") as error:
        read_imdb(folder.parent)
    assert "aclImdb folder" in error.value.hint


def test_path_that_does_not_exist_is_refused(folder):
    with pytest.raises(DataError, match="aclImbd: no such file") as error:
        read_imdb(folder.with_name("aclImbd"))
    assert error.value.hint == "did you mean 'aclImdb'?"


def test_review_that_is_not_utf8_is_named(folder):
    (folder / "test/pos/1_7.txt").write_bytes(b"one\ncaf\xe9")
    with pytest.raises(DataError, match="1_7.txt:2: byte 0xe9 is not UTF-8"):
        read_imdb(folder)


def test_folder_digest_follows_the_labelled_reviews(folder):
    before = imdb_files(folder)
    (folder / "train/unsup/1_0.txt").write_text("More.")
    assert imdb_files(folder) == before
    (folder / "train/pos/0_9.txt").write_text("A cave of joy.")
    assert imdb_files(folder) != before
