"""`script/demo` overwrites nothing, and says what is wrong with its argument."""

from pathlib import Path

import pytest

from tests.baking import demo


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "hello").mkdir()
    result = demo(tmp_path, "--once", "hello")
    assert result.returncode == 1
    assert "hello already exists" in result.stdout


@pytest.mark.parametrize("name", ["con", "-x"])
def test_an_invalid_folder_name_is_rejected(tmp_path: Path, name: str) -> None:
    result = demo(tmp_path, "--once", "--", name)
    assert result.returncode == 1
    assert "project_slug" in result.stdout
    assert not list(tmp_path.iterdir())
