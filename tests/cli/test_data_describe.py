import pytest


@pytest.mark.slow
def test_describe(hilum, films, tmp_path):
    out = tmp_path / "about"
    answer = hilum("data", "describe", films.manifest, "--out", out, "--sample", 12)
    assert answer.code == 0, answer.err
    assert "72 films of" in answer.out
    assert "Pleural Thickening" in answer.out
    (page,) = out.glob("*.html")
    assert f"wrote {page}" in answer.out
    assert list(out.rglob("*.png"))


def test_no_manifest(hilum, tmp_path):
    answer = hilum("data", "describe", tmp_path / "m.parquet", "--out", tmp_path)
    assert answer.code == 1
    assert "there is no manifest" in answer.sentence
