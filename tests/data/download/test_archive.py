import io
import os
import stat
import zipfile
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.data.download.archive import UnpackLimits, gigabytes, require_room, unpack_zip
from hilum.errors import DownloadError, StorageError

ROOMY = UnpackLimits(max_files=100, max_bytes=50_000_000)


def quiet(_done, _total, _label):
    pass


@pytest.fixture
def unpack(tmp_path, made):
    def run(files, *, limits=ROOMY, compression=zipfile.ZIP_DEFLATED):
        archive = tmp_path / "archive.zip"
        archive.write_bytes(files if isinstance(files, bytes) else made.zipped(files, compression))
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        return unpack_zip(archive, folder, limits=limits, on_progress=quiet)

    return run


def entry(name, *, mode=stat.S_IFREG | 0o644, **facts):
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    info.external_attr = mode << 16
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info


def archive_of(*entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return stream.getvalue()


def everything_below(tmp_path):
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))


@settings(max_examples=25, deadline=None)
@given(
    files=st.dictionaries(
        st.lists(
            st.text("abcü .-", min_size=1, max_size=6).filter(lambda t: t.strip(". ")), min_size=1, max_size=3
        ).map(lambda parts: "/".join(["d", *parts])),
        st.binary(max_size=200),
        max_size=5,
    )
)
def test_what_was_packed_is_unpacked(tmp_path_factory, made, files):
    names = [name.casefold() for name in files]
    if len(set(names)) < len(names) or any(f"{a}/" in f"{b}/" for a in names for b in names if a != b):
        return
    folder = tmp_path_factory.mktemp("out")
    archive = folder / "archive.zip"
    archive.write_bytes(made.zipped(files))
    assert unpack_zip(archive, folder, limits=ROOMY, on_progress=quiet) == len(files)
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_what_is_there_stays_and_what_differs_is_replaced(unpack, tmp_path):
    files = {"a/one.txt": b"one", "a/two.txt": b"two", "empty/": b"", "b.txt": b"b"}
    assert unpack(files) == 3
    before = (tmp_path / "out/a/one.txt").stat().st_mtime_ns
    (tmp_path / "out/a/two.txt").write_bytes(b"owt")
    (tmp_path / "out/b.txt").write_bytes(b"longer")
    assert unpack(files) == 2
    assert (tmp_path / "out/a/one.txt").stat().st_mtime_ns == before
    assert (tmp_path / "out/a/two.txt").read_bytes() == b"two"
    assert (tmp_path / "out/b.txt").read_bytes() == b"b"


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "a/../../out.txt", "/etc/out.txt", "a\\..\\out.txt", "C:/out.txt", "..", "a/..", "", "a\0b.txt"],
)
def test_a_path_that_leaves_the_folder_is_refused(unpack, tmp_path, name):
    with pytest.raises(DownloadError, match="leads outside the folder"):
        unpack(archive_of((entry("fine.txt"), b"fine"), (entry(name), b"x")))
    assert everything_below(tmp_path) == ["archive.zip", "out"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o644])
def test_links_and_devices_are_refused(unpack, tmp_path, mode):
    with pytest.raises(DownloadError, match="is a link or a device"):
        unpack(archive_of((entry("link", mode=mode), b"/etc/passwd")))
    assert everything_below(tmp_path) == ["archive.zip", "out"]


def test_our_own_folder_an_encrypted_file_and_a_name_twice_are_refused(unpack):
    with pytest.raises(DownloadError, match="would replace the archive itself"):
        unpack({".hilum-download/version-3.zip": b"x"})
    with pytest.raises(DownloadError, match="stands in it twice"):
        unpack({"a.txt": b"x", "A.txt": b"y"})
    locked = archive_of((entry("a.txt"), b"secret"))
    place = locked.index(b"PK\x01\x02") + 8
    with pytest.raises(DownloadError, match="is encrypted"):
        unpack(locked[:place] + b"\x01" + locked[place + 1 :])


def test_bombs_are_refused_before_a_byte_is_written(unpack, tmp_path):
    with pytest.raises(DownloadError, match=r"'a' unpacks to more than 100 times its size"):
        unpack({"a": bytes(3_000_000)})
    with pytest.raises(DownloadError, match="it unpacks to more than 2 times its size"):
        unpack(
            {"a": bytes(1_000_000), "b": bytes(1_000_000), "c": os.urandom(400_000)},
            limits=UnpackLimits(max_files=9, max_bytes=10**8, max_ratio=2),
        )
    with pytest.raises(DownloadError, match="it holds 3 files, expected at most 2"):
        unpack({"a": b"", "b": b"", "c": b""}, limits=UnpackLimits(max_files=2, max_bytes=9))
    with pytest.raises(DownloadError, match=r"it unpacks to 0\.0 MB, expected at most 0\.0 MB"):
        unpack({"a": b"12345"}, limits=UnpackLimits(max_files=2, max_bytes=4))
    assert everything_below(tmp_path) == ["archive.zip", "out"]


def test_a_size_that_lies_writes_no_more_than_it_says(unpack, made, tmp_path):
    packed = made.zipped({"a.txt": os.urandom(5000)})
    place = packed.index(b"PK\x01\x02") + 24
    with pytest.raises(DownloadError, match="no zip file that can be unpacked"):
        unpack(packed[:place] + (10).to_bytes(4, "little") + packed[place + 4 :])
    assert everything_below(tmp_path) == ["archive.zip", "out"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06"])
def test_no_archive_is_said(unpack, content):
    with pytest.raises(DownloadError, match="no zip file that can be unpacked"):
        unpack(content)


@pytest.mark.parametrize("place", [40, 60, -30])
def test_a_damaged_archive_leaves_no_damaged_file(unpack, made, tmp_path, place):
    packed = bytearray(made.zipped({"a.txt": os.urandom(5000)}, zipfile.ZIP_DEFLATED))
    packed[place] ^= 0xFF
    with pytest.raises(DownloadError, match="no zip file that can be unpacked"):
        unpack(bytes(packed))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_disk_without_room_is_said_before_unpacking(unpack, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(StorageError, match=r"the unpacked files need 0\.0 MB in .*What is there is kept"):
        unpack({"a.txt": b"more than five"})
    assert (tmp_path / "archive.zip").exists()
    require_room(tmp_path, 5, what="this")


def test_a_file_where_a_folder_must_be_is_said(unpack, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("a file")
    with pytest.raises(StorageError, match="cannot write"):
        unpack({"a/b.txt": b"x"})


@pytest.mark.parametrize(("n_bytes", "text"), [(0, "0.0 MB"), (12_345_678, "12.3 MB"), (45_100_000_000, "45.1 GB")])
def test_sizes_for_people(n_bytes, text):
    assert gigabytes(n_bytes) == text
