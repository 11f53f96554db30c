"""The small tools beside the package."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record_figure = load_tool("record_figure")
check_sizes = load_tool("check_sizes")


class TestRecordFigure:
    def test_a_figure_comes_with_its_pedigree(self, tmp_path):
        file = tmp_path / "figures.json"
        words = ["demo_minutes", "4.25", "--unit", "min", "--n", "3", "--command", "make demo", "--file", str(file)]
        record_figure.main(words)
        figure = json.loads(file.read_text())["demo_minutes"]
        assert figure.pop("date") == datetime.now(UTC).date().isoformat()
        assert len(figure.pop("commit")) in {0, 40}
        assert figure == {"value": 4.25, "unit": "min", "n": 3, "command": "make demo"}

    def test_names_stay_sorted_and_one_name_is_replaced(self, tmp_path):
        file = tmp_path / "figures.json"
        for name, value in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
            record_figure.record(file, name, value, unit="s", n=1, command="true")
        figures = json.loads(file.read_text())
        assert list(figures) == ["a", "b"]
        assert figures["b"]["value"] == 3.0

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "Demo-Minutes"}, "lower case"),
            ({"value": float("nan")}, "finite"),
            ({"unit": " "}, "unit"),
            ({"command": ""}, "command"),
            ({"n": 0}, "at least 1"),
        ],
    )
    def test_what_is_no_figure_is_refused(self, tmp_path, change, message):
        given = {"name": "demo_minutes", "value": 1.0, "unit": "min", "n": 1, "command": "make demo", **change}
        file = tmp_path / "figures.json"
        with pytest.raises(ValueError, match=message):
            record_figure.record(file, given.pop("name"), given.pop("value"), **given)
        assert not file.exists()

    def test_a_refusal_is_wrong_usage(self, tmp_path, capsys):
        words = ["x", "nan", "--unit", "s", "--n", "1", "--command", "c", "--file", str(tmp_path / "f.json")]
        with pytest.raises(SystemExit) as end:
            record_figure.main(words)
        assert end.value.code == 2
        assert "finite" in capsys.readouterr().err


class TestCheckSizes:
    def test_a_byte_above_the_limit_is_named(self, tmp_path, capsys):
        just, above = tmp_path / "just.csv", tmp_path / "above.csv"
        just.write_bytes(bytes(check_sizes.LIMIT_BYTES))
        above.write_bytes(bytes(check_sizes.LIMIT_BYTES + 1))
        assert check_sizes.main([str(just)]) == 0
        assert check_sizes.main([str(just), str(above)]) == 1
        assert "above.csv" in capsys.readouterr().out

    def test_pictures_of_the_readme_may_be_large(self, tmp_path):
        picture = tmp_path / "docs" / "pictures" / "report.png"
        picture.parent.mkdir(parents=True)
        picture.write_bytes(bytes(2 * check_sizes.LIMIT_BYTES))
        assert check_sizes.too_large(["docs/pictures/report.png", "gone.txt"], root=tmp_path) == []
