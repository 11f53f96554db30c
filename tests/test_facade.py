"""``import hilum`` loads nothing; rooms load when they are named."""

import subprocess
import sys
from pathlib import Path

import pytest

import hilum


def test_rooms_load_when_they_are_named():
    code = (
        "import sys, hilum; assert not [m for m in sys.modules if m.startswith('hilum.')]; "
        "assert hilum.findings.get_finding('Mass').name == 'Mass'; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_room_but_the_command_line_is_offered():
    folder = Path(hilum.__file__).parent
    rooms = {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()} | {"errors"}
    assert set(dir(hilum)) - {"__version__"} == rooms - {"cli"}


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no room 'serving'"):
        _ = hilum.serving
