from hilum.data import read_siim


def test_an_outline_is_a_pneumothorax(layout):
    here = layout("siim")
    manifest = read_siim(here.path)
    assert manifest.targets()[:, 0].tolist() == [0, 1, 0]
    assert manifest.paths() == here.films
    assert any("1 row is a further outline" in note for note in manifest.notes)
    assert "patients are unknown" in manifest.notes[0]


def test_films_turned_into_pictures_are_found(layout):
    here = layout("siim")
    for film in here.films:
        film.rename(film.with_suffix(".png"))
    assert all(path.is_file() for path in read_siim(here.path).paths())
