from pathlib import Path

import pytest

from tests.baking import BakedProject, bake


@pytest.fixture
def automatic(tmp_path: Path) -> BakedProject:
    """A project baked with all defaults."""
    return bake(tmp_path)


@pytest.fixture
def explicit(tmp_path: Path) -> BakedProject:
    """A project baked for explicit dispatch of the agent `concierge`."""
    return bake(tmp_path, dispatch="explicit", agent_name="concierge")
