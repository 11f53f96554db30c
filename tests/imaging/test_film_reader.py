"""Hostile tasks stand for hostile films: what a decoder does to itself must reach nobody else."""

import os
import re
import signal
import subprocess
import sys
import time
from itertools import count, islice
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from hilum.errors import HilumError, ImageRefusedError, InvalidValueError, MissingExtraError
from hilum.imaging import REFUSALS, FilmReader, ReadLimits, film_reader, read_image, read_square, write_png

pytestmark = pytest.mark.usefixtures("cold_decoders")

QUICK = ReadLimits(cpu_s=0.3, patience=40.0)
IMPATIENT = ReadLimits(cpu_s=0.3, patience=2.0)
TASKS = '''
import os, signal, sys, time
from pathlib import Path

import numpy as np

from hilum.errors import MissingExtraError
from hilum.imaging.refusal import check_size, refuse


def spin(path):
    while True:
        pass


def spin_after_header(path):
    check_size(1000, 1000)
    spin(path)


def sleep(path):
    time.sleep(60)


def nap(path, seconds):
    time.sleep(seconds)
    return {"name": path.name}


def crash(path):
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_later(path):
    """The film before is to blame: a fresh decoder does it."""
    if path.name == "first":
        sys.modules["broken"] = True
    elif "broken" in sys.modules:
        crash(path)
    return {"name": path.name, "pid": os.getpid()}


def leave(path):
    os._exit(3)


def eat(path):
    return {"n": len(np.ones(4 * 2**30, dtype=np.uint8))}


def eat_for(path, n_bytes, n_pixels):
    if n_pixels:
        check_size(n_pixels // 1000, 1000)
    return {"n": len(np.ones(n_bytes, dtype=np.uint8))}


def write(path):
    Path(path).write_bytes(b"0" * 100)
    return {}


def environment(path):
    return {"names": sorted(os.environ), "threads": os.environ["OMP_NUM_THREADS"]}


def wrong(path):
    raise IndexError("the patient's name")


def refused(path):
    raise refuse("modality", "It is of another kind.")


def absent(path):
    raise MissingExtraError("pydicom", "dicom")


def plain(path):
    print("a library that talks")
    return {"name": path.name, "few": np.arange(6).reshape(2, 3), "none": np.zeros((0, 4), np.float32), "at": [1, None]}


def odd(path):
    return {"at": {1, 2}}


def text(path):
    return {"at": np.array(["a"])}


def bad_image(path, **_):
    return {"pixels": np.full((2, 2), np.nan, np.float32), "facts": {}}


def no_facts(path, **_):
    return {"pixels": np.zeros((2, 2), np.uint8), "facts": {}}
'''


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "film_tasks.py").write_text(TASKS)
    sys.path.insert(0, str(folder))
    yield __import__("film_tasks")
    sys.path.remove(str(folder))
    del sys.modules["film_tasks"]


@pytest.fixture(scope="module")
def reader():
    """A reader that is quick to end a film; its decoder may have read others before."""
    with FilmReader(1, QUICK) as reader:
        yield reader


@pytest.fixture
def fresh():
    """Such a reader of which no decoder has started yet."""
    with FilmReader(1, QUICK) as reader:
        yield reader


@pytest.fixture(scope="module")
def calm():
    """A reader for films that harm nothing."""
    with FilmReader(1) as reader:
        yield reader


@pytest.fixture(scope="module")
def pair():
    """Two decoders for films that harm nothing."""
    with FilmReader(2) as reader:
        yield reader


def one(reader, task, name="film", **options):
    (answer,) = reader.map(task, [Path(name)], options=options)
    return answer


def decoders_of(pid):
    """Processes that decode for ``pid``, and those nobody waits for any more."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, parent = (folder / "cmdline").read_bytes(), (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if (b"decode_worker" in command or parent[0] == "Z") and int(parent[1]) == pid:
            found.append(int(folder.name))
    return found


@pytest.fixture
def new_decoders():
    """Lists the decoders that this test has started and that are still there."""
    before = set(decoders_of(os.getpid()))
    return lambda: [pid for pid in decoders_of(os.getpid()) if pid not in before]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("spin", "more processor time than a film of its size"),
        ("crash", r"died of it \(SIGSEGV\)"),
        pytest.param("leave", r"died of it \(exit status 3\)", marks=pytest.mark.slow),
        ("eat", "more memory than a film of its size"),
    ],
)
def test_what_costs_too_much_costs_itself_alone(new_decoders, reader, tasks, task, words):
    error = one(reader, getattr(tasks, task))
    assert (error.code, error.advice) == ("too_costly", REFUSALS["too_costly"])
    assert re.search(words, error.sentence)
    assert new_decoders() == []
    assert one(reader, tasks.plain)["name"] == "film"
    assert len(new_decoders()) == 1


def test_a_decoder_that_sleeps_is_ended(new_decoders, tasks):
    with FilmReader(1, IMPATIENT) as reader:
        error = one(reader, tasks.sleep)
        assert (error.code, error.sentence) == ("too_costly", "Decoding it does not come to an end.")
        assert new_decoders() == []


@pytest.mark.slow
def test_the_budget_grows_with_the_pixels(tasks):
    limits = ReadLimits(cpu_s=0.2, cpu_s_per_megapixel=0.5, memory_bytes=64 * 2**20, bytes_per_pixel=64)
    with FilmReader(1, limits) as reader:
        start = time.monotonic()
        assert one(reader, tasks.spin_after_header).code == "too_costly"
        assert time.monotonic() - start >= 0.7
        assert one(reader, tasks.eat_for, n_bytes=100 * 2**20, n_pixels=0).code == "too_costly"
        assert one(reader, tasks.eat_for, n_bytes=100 * 2**20, n_pixels=2_000_000)["n"] == 100 * 2**20
        assert one(reader, tasks.eat_for, n_bytes=100 * 2**20, n_pixels=0).code == "too_costly"
        assert one(reader, tasks.eat_for, n_bytes=1, n_pixels=37_000_000).code == "too_large"


def test_results_come_in_order_and_memory_does_not_grow_with_their_number(pair, tasks):
    asked = []
    paths = (asked.append(n) or Path(f"{n}") for n in count())
    names = [answer["name"] for answer in islice(pair.map(tasks.plain, paths), 40)]
    assert names == [f"{n}" for n in range(40)]
    assert len(asked) <= 40 + 2 * 2 + 1


def test_a_slow_film_holds_up_nothing_but_its_turn(pair, tasks):
    answers = pair.map(tasks.nap, [Path("slow"), Path("b"), Path("c")], options={"seconds": 0.1})
    assert [answer["name"] for answer in answers] == ["slow", "b", "c"]


@pytest.mark.slow
def test_a_decoder_that_a_film_broke_is_blamed_on_that_film(reader, tasks):
    answers = list(reader.map(tasks.crash_later, [Path("first"), Path("second"), Path("third")]))
    assert [answer["name"] for answer in answers] == ["first", "second", "third"]
    assert answers[0]["pid"] != answers[1]["pid"] == answers[2]["pid"]


def test_a_decoder_that_was_killed_while_idle_is_replaced(new_decoders, fresh, tasks):
    one(fresh, tasks.plain)
    (pid,) = new_decoders()
    os.kill(pid, signal.SIGKILL)
    assert one(fresh, tasks.plain)["name"] == "film"


def test_a_record_comes_back_as_it_was(calm, tasks):
    answer = one(calm, tasks.plain, "a\udce4b")
    assert answer["name"] == "a\udce4b"
    assert answer["at"] == [1, None]
    assert answer["few"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (answer["none"].shape, answer["none"].dtype) == ((0, 4), np.float32)


@pytest.mark.parametrize(
    ("task", "code", "sentence"),
    [
        ("refused", "modality", r"It is of another kind\."),
        ("wrong", "undecodable", r"Reading it failed \(IndexError in film_tasks.py, line \d+\)\."),
        ("odd", "undecodable", r"Reading it failed \(TypeError in .*"),
        ("text", "undecodable", r"Reading it failed \(TypeError in decode_message.py, line \d+\)\."),
        ("write", "undecodable", r"Reading it failed \(OSError in .*"),
    ],
)
def test_a_task_that_fails_refuses_its_film(calm, tasks, tmp_path, task, code, sentence):
    error = one(calm, getattr(tasks, task), str(tmp_path / "new"))
    assert (error.code, error.advice) == (code, REFUSALS[code])
    assert re.fullmatch(sentence, error.sentence)
    assert not (tmp_path / "new").exists() or (tmp_path / "new").stat().st_size == 0


def test_a_missing_extra_stops_the_work(calm, tasks):
    with pytest.raises(MissingExtraError, match=r"pip install 'hilum\[dicom\]'"):
        one(calm, tasks.absent)


def test_a_decoder_sees_no_secrets(fresh, tasks, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    answer = one(fresh, tasks.environment)
    assert "KAGGLE_KEY" not in answer["names"]
    assert answer["threads"] == "1"


def test_tasks_that_cannot_be_named(calm, tasks):
    for task in (lambda path: {}, TestMethod.task, type("T", (), {"__module__": "__main__", "__qualname__": "t"})):
        with pytest.raises(InvalidValueError, match="a module that can be imported"):
            next(calm.map(task, [Path("film")]))


class TestMethod:
    @staticmethod
    def task(path):
        return {}


def test_a_task_of_a_module_that_decoders_do_not_find_is_an_error_in_words(fresh, tasks, monkeypatch):
    monkeypatch.setattr(tasks.plain, "__module__", "no_such_module")
    with pytest.raises(HilumError, match=r"a decoder did not start \(exit status -?\d+\)"):
        one(fresh, tasks.plain)


@pytest.mark.parametrize("name", ["film.png", "film.jpg", "film.tif"])
def test_pictures_are_read_as_in_this_process(calm, save, grey, name):
    path = save(grey, name)
    image, expected = calm.read(path), read_image(path)
    assert (image.pixels == expected.pixels).all()
    assert image.facts == expected.facts
    (square,) = calm.squares([path], 24, rule="stretch")
    assert (square == read_square(path, 24, rule="stretch")).all()


def test_dicom_is_read_as_in_this_process_and_so_are_refusals(calm, dicom, ramp, tmp_path):
    (tmp_path / "empty.png").touch()
    film, ct = dicom(ramp, BitsStored=12), tmp_path / "absent.dcm"
    image, expected = calm.read(film), read_image(film)
    assert image.pixels.tobytes() == expected.pixels.tobytes()
    assert image.facts == expected.facts
    for path in (tmp_path / "empty.png", ct, tmp_path, Path("a\0b")):
        with pytest.raises(ImageRefusedError) as caught:
            calm.read(path)
        with pytest.raises(ImageRefusedError) as alone:
            read_image(path)
        assert str(caught.value) == str(alone.value)
        assert caught.value.code == alone.value.code


def test_a_film_comes_as_the_square_that_the_store_holds_and_the_facts_that_reading_gives(calm, tmp_path):
    path = tmp_path / "film.png"
    write_png(path, np.arange(150 * 200, dtype=np.uint8).reshape(150, 200))
    ((pixels, facts),) = calm.films([path], 32, rule="stretch")
    assert (pixels == read_square(path, 32, rule="stretch")).all()
    assert facts == read_image(path).facts
    assert next(iter(calm.films([tmp_path], 32))).code == "missing"


@pytest.mark.shared
def test_real_films_are_read_as_in_this_process(calm, shared_data):
    paths = [
        *sorted((shared_data / "cxr-original").glob("*.png"))[:2],
        *sorted((shared_data / "dicom").rglob("*.dcm"))[:3],
    ]
    for path in paths:
        image, expected = calm.read(path), read_image(path)
        assert image.pixels.tobytes() == expected.pixels.tobytes()
        assert image.facts == expected.facts


def test_answers_of_a_decoder_that_was_taken_over(reader, tasks, monkeypatch, tmp_path):
    monkeypatch.setattr(film_reader, "read_record", tasks.bad_image)
    monkeypatch.setattr(film_reader, "square_record", tasks.bad_image)
    monkeypatch.setattr(film_reader, "film_record", tasks.bad_image)
    with pytest.raises(ImageRefusedError, match="makes no sense"):
        reader.read(tmp_path)
    for answers in (reader.squares([tmp_path], 2), reader.films([tmp_path], 2)):
        assert [answer.code for answer in answers] == ["too_costly"]
    monkeypatch.setattr(film_reader, "film_record", tasks.no_facts)
    assert [answer.code for answer in reader.films([tmp_path], 2)] == ["too_costly"]


LIES = """
import os, sys
from hilum.imaging.decode_message import Message, pack, receive, write_all
receive(0)
write_all(1, pack(Message("ready")))
receive(0)
say = lambda *message: write_all(1, pack(Message(*message)))
{lie}
receive(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ("say('refused', {'code': 'no such code', 'sentence': ''})", "makes no sense"),
        ("say('of another kind', {})", "makes no sense"),
        ("say('pixels', {'n_pixels': 10**12})", "died of it"),
        ("say('pixels', {'n_pixels': 'many'})", "died of it"),
        ("os.write(1, b'\\xff' * 100)", "died of it"),
        ("os.write(1, b'\\0\\0\\0\\5[[[[[')", "died of it"),
        ("while True: say('pixels', {'n_pixels': 1})", "does not come to an end"),
    ],
)
def test_a_decoder_that_lies_is_ended(new_decoders, tasks, monkeypatch, tmp_path, lie, words):
    (tmp_path / "liar.py").write_text(LIES.format(lie=lie))
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda words, **options: popen([words[0], str(tmp_path / "liar.py")], **options)
    )
    with FilmReader(1, IMPATIENT) as reader:
        error = one(reader, tasks.plain)
        assert (error.code, words in error.sentence) == ("too_costly", True), error
        assert new_decoders() == []


def test_closing_ends_all_and_is_final(new_decoders, tasks):
    with FilmReader(2) as reader:
        list(reader.map(tasks.nap, [Path("a"), Path("b")], options={"seconds": 0.2}))
        assert len(new_decoders()) == 2
    assert new_decoders() == []
    with pytest.raises(InvalidValueError, match="is closed"):
        reader.read(Path("a"))
    reader.close()


def test_closing_does_not_wait_for_a_film(new_decoders, tasks):
    reader, caught = FilmReader(1), []

    def read():
        with pytest.raises(InvalidValueError, match="is closed"):
            one(reader, tasks.sleep)
        caught.append(True)

    thread = Thread(target=read)
    thread.start()
    while not reader._busy:
        time.sleep(0.01)
    reader.close()
    thread.join(5)
    assert caught == [True]
    assert new_decoders() == []


@pytest.mark.slow
def test_more_threads_than_decoders_take_turns(new_decoders, tasks):
    with FilmReader(2) as reader:
        answers = []
        threads = [
            Thread(target=lambda n=n: answers.append(one(reader, tasks.plain, f"{n}")["name"])) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [f"{n}" for n in range(8)]
        assert len(new_decoders()) <= 2


def test_numbers_that_are_refused():
    with pytest.raises(InvalidValueError, match="workers must be at least 1, got 0"):
        FilmReader(0)
    with pytest.raises(InvalidValueError, match="patience must be above 0"):
        ReadLimits(patience=0)
    with FilmReader(1) as reader:
        for size, rule in ((0, "pad"), (8, "crop")):
            with pytest.raises(InvalidValueError, match="size_px >= 1 and rule pad or stretch"):
                next(reader.squares([], size, rule=rule))


# No main guard, on purpose: a user's script needs none. Started in the background, tests would ignore Ctrl-C.
SCRIPT = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, sys.argv[1])
import film_tasks
from hilum.imaging import FilmReader
with FilmReader(2) as reader:
    print(next(reader.map(film_tasks.plain, [Path("a")]))["name"], flush=True)
    list(reader.map(getattr(film_tasks, sys.argv[2]), [Path(str(n)) for n in range(9)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("task", ["sleep", "spin"])
def test_nothing_is_left_when_the_parent_goes(tasks, tmp_path, number, task):
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, tmp_path / "script.py", Path(tasks.__file__).parent, task],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "a\n"
        while len(decoders := decoders_of(process.pid)) < 2:
            time.sleep(0.02)
        start = time.monotonic()
        process.send_signal(number)
        words = process.communicate()[1]
        assert time.monotonic() - start < 5
    assert process.returncode == -number
    assert words.count("Traceback") == (number == signal.SIGINT)
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in words
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in decoders):
        assert time.monotonic() - start < 20
        time.sleep(0.05)


def test_a_path_is_that_of_the_caller_who_may_have_moved(calm, tmp_path, monkeypatch, grey):
    calm.read(write_film(tmp_path / "film.png", grey))
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(calm.read(Path("film.png")).pixels, read_image(Path("film.png")).pixels)


def write_film(path, pixels):
    write_png(path, pixels)
    return path
