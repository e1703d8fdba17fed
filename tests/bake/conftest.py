from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def shared_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share one virtual environment and type cache: all bakes have the same packages."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_PROJECT_ENVIRONMENT", str(folder / "venv"))
        patch.setenv("MYPY_CACHE_DIR", str(folder / "mypy"))
        yield
