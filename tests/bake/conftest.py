from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, printed_by


@pytest.fixture(scope="package", autouse=True)
def shared_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share one virtual environment and type cache: all bakes have the same packages."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_PROJECT_ENVIRONMENT", str(folder / "venv"))
        patch.setenv("MYPY_CACHE_DIR", str(folder / "mypy"))
        yield


@pytest.fixture(scope="package")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository, built without network."""
    folder = tmp_path_factory.mktemp("dist")
    printed_by(TEMPLATE, "uv", "build", "--quiet", "--offline", "--out-dir", str(folder))
    (wheel,) = folder.glob("*.whl")
    return wheel
