"""The whole way, against a server on loopback that behaves as the real one."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import hilum.data.download.transfer as transfer_module
from hilum.data.download import DATASETS, get_dataset
from hilum.data.download.kaggle import CHUNK_BYTES
from hilum.errors import DataError, DownloadError, HilumError, RunError, StorageError, UnknownNameError

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("token")]


@pytest.fixture
def fetch(tmp_path, quick):
    def run(folder=tmp_path / "nih", **settings):
        told = []
        fetched = get_dataset(
            "nih",
            folder,
            environment=os.environ,
            patience=replace(quick, **settings),
            on_progress=lambda *step: told.append(step),
        )
        fetch.told = told
        return fetched

    fetch = run
    return run


@pytest.fixture
def large(made, server, small_nih):
    """An archive of a few chunks; the server gives it."""
    server.archive = made.zipped(made.nih_files(padding=40_000))
    assert len(server.archive) > 3 * CHUNK_BYTES
    return server


def work(tmp_path):
    return tmp_path / "nih" / ".hilum-download"


def test_a_set_is_fetched_unpacked_and_counted(fetch, large, tmp_path):
    fetched = fetch()
    assert fetched.check.is_whole
    assert fetched.archive.version == 3
    assert fetched.archive.is_verified
    assert (fetched.archive.n_fetched, fetched.archive.n_cuts) == (len(large.archive), 0)
    assert fetched.n_unpacked == 10
    assert large.asked == [None]
    assert len(list(tmp_path.rglob("*.png"))) == 6
    assert not work(tmp_path).exists()


def test_the_token_is_sent_to_kaggle_and_progress_is_told(fetch, large, token):
    fetch()
    assert large.authorisations == [f"Bearer {token}"] * 2
    labels = list(dict.fromkeys(label for _, _, label in fetch.told))
    assert labels == [
        "downloading, MiB",
        "unpacking, files",
        "checking, films",
    ]
    assert all(0 <= done <= total for done, total, _ in fetch.told)


def test_a_set_that_is_there_is_seen_without_a_request(fetch, large, monkeypatch):
    fetch()
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    n_requests = len(large.authorisations)
    again = fetch()
    assert again.archive is None
    assert again.check.is_whole
    assert len(large.authorisations) == n_requests


def test_a_missing_list_does_not_cost_an_archive(fetch, large, tmp_path):
    fetch()
    (tmp_path / "nih" / "BBox_List_2017.csv").unlink()
    with pytest.raises(DataError, match=r"nothing was downloaded\. BBox_List_2017\.csv is not there"):
        fetch()
    assert large.asked == [None]


def test_a_missing_film_is_fetched_again(fetch, large, tmp_path):
    fetch()
    film = next((tmp_path / "nih" / "images_001").rglob("*.png"))
    content = film.read_bytes()
    film.write_bytes(content[:-30])
    again = fetch()
    assert again.check.is_whole
    assert again.n_unpacked == 1
    assert film.read_bytes() == content


# --- cuts, and going on ----------------------------------------------------------------------------------------------


def test_a_cut_is_gone_on_with_and_nothing_is_served_twice(fetch, large):
    large.faults = [("cut", 2 * CHUNK_BYTES), ("cut", CHUNK_BYTES)]
    fetched = fetch()
    assert fetched.check.is_whole
    assert fetched.archive.n_cuts == 2
    assert large.asked == [None, f"bytes={2 * CHUNK_BYTES}-", f"bytes={3 * CHUNK_BYTES}-"]
    assert sum(large.served) == len(large.archive) == fetched.archive.n_fetched


def test_a_connection_that_hangs_is_noticed(fetch, large):
    large.faults = [("hang", CHUNK_BYTES)]
    started = time.monotonic()
    fetched = fetch(timeout_s=0.3)
    assert time.monotonic() - started < 5
    assert fetched.check.is_whole
    assert large.asked == [None, f"bytes={CHUNK_BYTES}-"]


def test_an_api_that_hangs_is_noticed(fetch, large):
    large.api_faults = ["hang"]
    assert fetch(timeout_s=0.3).check.is_whole


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_server_in_trouble_is_asked_again(fetch, large, status):
    large.api_faults = [status]
    large.faults = [status]
    assert fetch().check.is_whole


@pytest.mark.parametrize("status", [400, 403])
def test_a_link_that_has_expired_is_renewed(fetch, large, status):
    large.faults = [("cut", CHUNK_BYTES), status]
    assert fetch().check.is_whole
    assert large.asked == [None, f"bytes={CHUNK_BYTES}-", f"bytes={CHUNK_BYTES}-"]


def test_patience_ends_and_another_process_goes_on(fetch, large):
    large.faults = [("cut", CHUNK_BYTES), *[503] * 9]
    with pytest.raises(DownloadError, match=r"stopped 4 times in a row: .*503\. 0\.1 MB of the archive are here and"):
        fetch()
    large.faults = []
    fetched = fetch()
    assert large.asked[-1] == f"bytes={CHUNK_BYTES}-"
    assert fetched.archive.n_fetched == len(large.archive) - CHUNK_BYTES
    assert fetched.archive.is_verified


def test_patience_starts_anew_when_something_came(fetch, large, monkeypatch):
    monkeypatch.setattr(transfer_module, "_WORTHWHILE_BYTES", 1)
    large.faults = [("cut", CHUNK_BYTES), ("cut", CHUNK_BYTES), ("cut", CHUNK_BYTES)]
    assert fetch(attempts=2).archive.n_cuts == 3


def test_pauses_double_up_to_the_longest(fetch, large, monkeypatch):
    pauses = []
    monkeypatch.setattr(transfer_module.time, "sleep", pauses.append)
    large.api_faults = [500] * 5
    fetch(attempts=6, first_pause_s=0.25, longest_pause_s=2.0)
    assert [pause for pause in pauses if pause >= 0.25] == [0.25, 0.5, 1.0, 2.0, 2.0]


def test_a_server_without_ranges_starts_anew(fetch, large):
    large.ranges = False
    large.faults = [("cut", CHUNK_BYTES)]
    assert fetch().check.is_whole
    assert large.served == [CHUNK_BYTES, len(large.archive)]


def test_an_archive_that_changed_meanwhile_is_not_mixed(fetch, large, made):
    large.faults = [("cut", 2 * CHUNK_BYTES), *[503] * 9]
    with pytest.raises(DownloadError):
        fetch()
    large.archive = made.zipped(made.nih_files(padding=50_000))
    large.faults = []
    assert fetch().check.is_whole
    assert large.asked[-2:] == [f"bytes={2 * CHUNK_BYTES}-", None]


def test_an_archive_that_shrank_meanwhile_is_fetched_anew(fetch, large, made):
    large.faults = [("cut", 3 * CHUNK_BYTES), *[503] * 9]
    with pytest.raises(DownloadError):
        fetch()
    large.archive = made.zipped(made.nih_files())
    large.faults = []
    assert fetch().check.is_whole


def test_a_new_version_takes_the_place_of_the_old_one(fetch, large, tmp_path):
    large.faults = [("cut", CHUNK_BYTES), *[503] * 9]
    with pytest.raises(DownloadError):
        fetch()
    assert (work(tmp_path) / "version-3.zip").stat().st_size == CHUNK_BYTES
    large.version, large.faults = 4, [503] * 9
    with pytest.raises(DownloadError):
        fetch()
    assert not list(work(tmp_path).glob("version-3*"))


def test_without_a_checksum_the_files_own_ones_count(fetch, large):
    large.md5 = None
    large.headers = {"ETag": '"a"'}
    large.faults = [("cut", CHUNK_BYTES)]
    fetched = fetch()
    assert not fetched.archive.is_verified
    assert fetched.check.is_whole
    assert large.asked == [None, f"bytes={CHUNK_BYTES}-"]


def test_a_length_that_is_unknown_is_read_to_its_end(fetch, large):
    large.headers = {"Content-Length": None, "Connection": "close"}
    assert fetch().check.is_whole


# --- what cannot go on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, r"does not accept these credentials \(401\): .*Create New Token"),
        (403, r"nih-chest-xrays/data to this user \(403\).*accept its terms"),
        (404, r"no data set nih-chest-xrays/data \(404\)"),
        (418, "status 418"),
        ({"code": 403, "message": "no"}, r"\(403\)"),
    ],
)
def test_a_refusal_says_what_to_do(fetch, large, token, status, sentence):
    large.api_faults = [status]
    with pytest.raises(DownloadError, match=sentence) as caught:
        fetch()
    assert len(large.authorisations) == 1
    assert token not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_login_page_in_between_is_named(fetch, large):
    large.api_faults = ["html"]
    with pytest.raises(DownloadError, match="login page"):
        fetch()
    large.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(DownloadError, match="a web page came instead of the archive"):
        fetch()


def test_no_network_is_said_at_once(fetch, large, monkeypatch):
    def no_name(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(DownloadError, match="cannot be reached: its name cannot be resolved"):
        fetch()


def test_nobody_listening_is_said_at_once(fetch, small_nih, monkeypatch):
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setitem(
            kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, f"http://127.0.0.1:{free.getsockname()[1]}"
        )
        with pytest.raises(DownloadError, match="no connection could be made"):
            fetch()


def test_a_network_that_goes_away_is_waited_for(fetch, large, monkeypatch):
    real, calls = socket.getaddrinfo, []

    def away_for_a_while(*arguments, **settings):
        calls.append(1)
        if 3 <= len(calls) <= 4:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return real(*arguments, **settings)

    large.headers = {"Connection": "close"}
    large.faults = [("cut", CHUNK_BYTES)]
    monkeypatch.setattr(socket, "getaddrinfo", away_for_a_while)
    assert fetch().check.is_whole


def test_a_wrong_checksum_takes_the_archive_away(fetch, large, tmp_path):
    large.md5 = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(DownloadError, match="checksum is not the one that was announced"):
        fetch()
    assert not list(work(tmp_path).glob("*.zip"))
    assert not list(tmp_path.rglob("*.png"))
    large.md5 = ""
    assert fetch().check.is_whole


def test_an_archive_that_escapes_is_refused_and_not_kept(fetch, server, made, small_nih, tmp_path):
    server.archive = made.zipped({**small_nih, "../outside.txt": b"x"})
    with pytest.raises(DownloadError, match=r"refused: '\.\./outside\.txt' leads outside"):
        fetch()
    assert not list(tmp_path.rglob("*.png"))
    assert not list(tmp_path.rglob("*.zip"))


def test_an_archive_of_another_size_is_not_fetched(fetch, large, monkeypatch):
    monkeypatch.setitem(DATASETS, "nih", replace(DATASETS["nih"], archive_bytes=CHUNK_BYTES))
    with pytest.raises(DownloadError, match=r"the archive has 0\.\d MB, expected about 0\.1 MB"):
        fetch()
    large.headers = {"Content-Length": None, "Connection": "close"}
    with pytest.raises(DownloadError, match="does not end"):
        fetch()


def test_counts_that_differ_are_told(fetch, server, made, small_nih):
    server.archive = made.zipped(made.nih_files(5, boxes=2))
    check = fetch().check
    assert not check.is_whole
    assert check.counts == (
        ("films", 5, 6),
        ("label rows", 5, 6),
        ("train_val_list.txt", 3, 4),
        ("test_list.txt", 2, 2),
        ("BBox_List_2017.csv", 2, 3),
    )
    assert len(check.problems) == 4


def test_an_unknown_name_has_a_near_one(tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown data set 'nih-sampel'\. Did you mean 'nih-sample'"):
        get_dataset("nih-sampel", tmp_path, environment={})


# --- the disk --------------------------------------------------------------------------------------------------------


def test_no_room_is_said_before_a_byte_is_kept(fetch, large, monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100_000))
    with pytest.raises(StorageError, match=r"need 0\.5 MB in .*, and 0\.1 MB are free: free 0\.4 MB there, or choose"):
        fetch()
    assert not list(work(tmp_path).glob("*.zip"))
    assert large.authorisations


def test_a_disk_that_fills_up_keeps_what_came(fetch, large, monkeypatch, tmp_path):
    real_open = Path.open

    def full_after(self, mode="r", *arguments, **settings):
        stream = real_open(self, mode, *arguments, **settings)
        if self.suffix != ".zip" or "a" not in mode:
            return stream

        class Full:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                stream.close()

            def write(self, chunk):
                if stream.tell() >= 2 * CHUNK_BYTES:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return stream.write(chunk)

        return Full()

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full_after)
        with pytest.raises(StorageError, match=r"disk is full: 0\.1 MB of the archive are here and kept\. Free some"):
            fetch()
    assert fetch().check.is_whole
    assert large.asked == [None, f"bytes={2 * CHUNK_BYTES}-"]


def test_a_folder_that_cannot_be_made_is_named(fetch, server, small_nih, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write \(Not a directory\)"):
        fetch(tmp_path / "file" / "nih")


# --- processes -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with_by_the_next(large, tmp_path, token):
    large.delay_s = 0.3
    script = Path(__file__).with_name("stand_in_kaggle.py")
    arguments = [sys.executable, str(script), large.address, str(tmp_path / "nih")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    archive = work(tmp_path) / "version-3.zip"
    end = time.monotonic() + 60
    while not (archive.exists() and archive.stat().st_size >= CHUNK_BYTES):
        assert time.monotonic() < end
        time.sleep(0.01)
    with pytest.raises(RunError, match="is in use by process"):
        get_dataset("nih", tmp_path / "nih", environment=os.environ)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    kept, large.delay_s = archive.stat().st_size, 0.0
    assert 0 < kept < len(large.archive)
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert large.asked == [None, f"bytes={kept}-"]
    assert f"fetched {(len(large.archive) - kept) / 1e6:,.1f} MB" in done.stdout
    assert token not in done.stdout + done.stderr
    assert re.search(r"next: hilum data import nih .*Data_Entry_2017\.csv --out .*nih\.parquet", done.stdout)


def test_an_interruption_between_download_and_unpacking_costs_no_byte(fetch, large, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("hilum.data.download.get.unpack_zip", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fetch()
    assert fetch().archive.n_fetched == 0
    assert large.asked == [None]


def test_a_failure_leaves_no_empty_folder(fetch, large, tmp_path):
    large.api_faults = [404, 404]
    with pytest.raises(HilumError):
        fetch()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "nih").mkdir()
    with pytest.raises(HilumError):
        fetch()
    assert [path.name for path in tmp_path.rglob("*")] == ["nih"]
