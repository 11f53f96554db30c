import numpy as np

from hilum.data import AugmentationSection, Manifest, describe_manifest, preview_augmentation
from hilum.findings import NO_FINDING

FINDINGS = ("Effusion", "Mass")


def described(manifest_of, paths=None, **columns):
    targets = [[1, 1], [1, 0], [0, 0], [0, np.nan], [1, 0], [0, 0]]
    columns = {"age_years": [5, 9.5, 10, 89, np.nan, np.nan], "view": ["PA", "PA", "AP", "", "PA", "AP"], **columns}
    return manifest_of(6, paths=paths, targets=targets, findings=FINDINGS, **columns)


def test_counts(manifest_of):
    manifest = described(manifest_of, patients=["a", "a", "a", "b", "b", "c"])
    description, films = describe_manifest(manifest)
    assert (description.n_images, description.n_patients, description.n_problems) == (6, 3, 6)
    assert films == []
    assert description.manifest_digest == manifest.digest
    assert description.positives == {"Effusion": 3, "Mass": 1, NO_FINDING: 2}
    # Where Mass is unknown and Effusion absent, nobody knows whether there is no finding.
    assert description.unknown == {"Effusion": 0, "Mass": 1, NO_FINDING: 1}
    assert description.co_occurrence["Effusion"] == {"Effusion": 3, "Mass": 1, NO_FINDING: 0}
    assert description.co_occurrence[NO_FINDING][NO_FINDING] == 2
    assert description.views == {"PA": 3, "AP": 2, "": 1}
    assert description.sexes == {"F": 6}
    assert description.age_histogram == {"0-9": 2, "10-19": 1, "80-89": 1, "unknown": 2}
    assert description.images_per_patient == {"1": 1, "2": 1, "3": 1}
    assert description.splits == {}
    assert sum(description.pixel_histogram) == 0


def test_splits_and_many_films_of_one_patient(manifest_of):
    manifest = manifest_of(14, patients=["a"] * 12 + ["b", "c"], findings=("Mass",), targets=np.ones((14, 1)))
    split = manifest.with_splits(["train"] * 12 + ["test", None])
    description, _ = describe_manifest(split)
    assert description.images_per_patient == {"1": 2, "10+": 1}
    assert description.splits == {
        "train": {"films": 12, "Mass": 12, NO_FINDING: 0},
        "validation": {"films": 0, "Mass": 0, NO_FINDING: 0},
        "test": {"films": 1, "Mass": 1, NO_FINDING: 0},
    }


def test_a_sample_of_films_is_shown(manifest_of, write_films):
    paths = write_films(6)
    paths[2].write_bytes(b"")
    manifest = described(manifest_of, paths)
    description, films = describe_manifest(manifest)
    assert description.n_problems == 1
    assert len(films) == 5
    assert {film.caption for film in films} == {"Effusion, Mass", "Effusion", NO_FINDING, "labels unknown"}
    assert all(film.pixels.shape == (160, 160) for film in films)
    histogram = np.sum([np.histogram(film.pixels, 64, (0, 256))[0] for film in films], axis=0)
    assert np.allclose(description.pixel_histogram, histogram / histogram.sum())
    few, shown = describe_manifest(manifest, sample=2, seed=1)
    assert few.n_problems + len(shown) == 2


def test_at_most_24_films_are_shown(manifest_of, write_films):
    manifest = manifest_of(30, paths=write_films(30))
    _, films = describe_manifest(manifest)
    assert len(films) == 24


def test_a_preview_shows_each_film_as_it_is_and_changed(manifest_of, write_films):
    manifest = manifest_of(5, paths=write_films(5))
    rows = preview_augmentation(manifest, n_films=3, n_variants=2)
    assert len(rows) == 3
    for row in rows:
        assert [film.caption for film in row] == ["as it is", "epoch 1", "epoch 2"]
        assert all(film.pixels.shape == (160, 160) and film.pixels.dtype == np.uint8 for film in row)
        assert (row[0].pixels != row[1].pixels).any()
        assert (row[1].pixels != row[2].pixels).any()
    nothing = AugmentationSection(**dict.fromkeys(AugmentationSection.model_fields, 0.0))
    for first, *others in preview_augmentation(manifest, section=nothing):
        assert all((other.pixels == first.pixels).all() for other in others)
    broken = Manifest(manifest.table.assign(path="/nowhere.png"), manifest.findings, source="x")
    assert preview_augmentation(broken) == []


def test_without_labels_nothing_is_known(write_films, manifest_of):
    description, films = describe_manifest(manifest_of(2, paths=write_films(2), findings=(), targets=np.zeros((2, 0))))
    assert (description.positives, description.unknown) == ({NO_FINDING: 0}, {NO_FINDING: 2})
    assert {film.caption for film in films} == {"labels unknown"}
