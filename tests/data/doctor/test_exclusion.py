import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.data import exclude_films, proposed_exclusions, read_exclusions, write_exclusions
from hilum.errors import DataError
from hilum.records import DoctorCheck, DoctorReport, SuspectFilm


def check_of(code, *films, excludes=True, severity="warning"):
    return DoctorCheck(
        code=code,
        title=code,
        severity=severity,
        sentence="s",
        fix="f",
        n_films=len(films),
        films=films,
        excludes=excludes,
    )


def report_of(*checks):
    return DoctorReport(
        source="made up",
        manifest_digest="",
        n_images=9,
        n_patients=9,
        n_opened=9,
        phantom=True,
        checks=checks,
        passed=(),
        not_made={},
        shortcuts=(),
        measurable=(),
    )


def test_the_gravest_check_gives_the_reason():
    report = report_of(
        check_of("leak", SuspectFilm(image_id="a", other="b", detail="train and test")),
        check_of("blank", SuspectFilm(image_id="a"), SuspectFilm(image_id="c", detail="grey")),
        check_of("note", SuspectFilm(image_id="d"), excludes=False),
    )
    assert proposed_exclusions(report) == {
        "a": ("leak", "leak (as b): train and test"),
        "c": ("blank", "blank: grey"),
    }


@given(st.dictionaries(st.text("ab_.,\" '=é", min_size=1).map(str.strip).filter(bool), st.text('xy," ')))
def test_what_is_written_is_read_back(tmp_path_factory, films):
    path = tmp_path_factory.mktemp("x") / "excluded.csv"
    write_exclusions(path, {name: ("code", reason) for name, reason in films.items()})
    assert read_exclusions(path) == {name: reason.strip() for name, reason in films.items()}


def test_a_deleted_line_is_a_film_kept(tmp_path, manifest_of):
    path = tmp_path / "excluded.csv"
    manifest = manifest_of(4)
    ids = list(manifest.table["image_id"])
    write_exclusions(path, {ids[0]: ("blank", "x"), ids[2]: ("blank", "y")})
    assert list(exclude_films(manifest, path).table["image_id"]) == [ids[1], ids[3]]
    assert exclude_films(manifest, path).notes[-1] == "2 films left out: by excluded.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert list(exclude_films(manifest, path).table["image_id"]) == ids[1:]


def test_an_empty_list_leaves_out_nothing(tmp_path, manifest_of):
    write_exclusions(tmp_path / "excluded.csv", {})
    manifest = manifest_of(4)
    assert exclude_films(manifest, tmp_path / "excluded.csv") is manifest


def test_films_that_are_not_there_are_an_error_with_the_nearest(write_text, manifest_of):
    path = write_text("own.csv", "image_id", "00000001_00.png")
    with pytest.raises(DataError, match=r"own.csv: .*no film '00000001_00.png'.*Did you mean '00000001_000.png'"):
        exclude_films(manifest_of(4), path)
    with pytest.raises(DataError, match="no column 'image_id'"):
        exclude_films(manifest_of(4), write_text("wrong.csv", "name,code", "a,b"))
    with pytest.raises(DataError, match="all its films would be left out"):
        exclude_films(manifest_of(1), write_text("all.csv", "image_id", "00000000_000.png"))


def test_no_list_is_an_error_that_says_who_writes_one(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*gone.csv: `hilum data doctor` writes an excluded.csv"):
        read_exclusions(tmp_path / "gone.csv")


def test_what_somebody_edited_is_kept(tmp_path):
    from hilum.runs import file_digest

    path, new = tmp_path / "excluded.csv", tmp_path / "excluded.new.csv"
    films = {"a": ("blank", "x"), "b": ("blank", "y")}
    assert write_exclusions(path, films, only_over="") == path
    last = file_digest(path)
    path.write_text("image_id,code,reason\na,blank,x\n")
    assert write_exclusions(path, films, only_over=last) == new
    assert (set(read_exclusions(path)), set(read_exclusions(new))) == ({"a"}, {"a", "b"})
    # The proposal that a person came to is nothing to keep apart.
    assert write_exclusions(path, {"a": films["a"]}, only_over=last) == path
    assert not new.exists()
    assert write_exclusions(path, films) == path
    assert set(read_exclusions(path)) == {"a", "b"}


@pytest.mark.parametrize(
    "content", ["image_id,code,reason\nä.png,x,y\n".encode(code) for code in ("latin-1", "utf-16")]
)
def test_a_list_that_is_no_utf_8_is_an_error_that_says_so(tmp_path, content):
    path = tmp_path / "excluded.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="expected UTF-8 text"):
        read_exclusions(path)
