import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.baking import PROJECT, BakedProject, bake
from tests.containers import engine, stand_ins
from tests.containers.stack import Stack

ROWS: list[tuple[str, float, str]] = []
IMAGE_SECONDS = 120


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bool]:
    """Docker and compose; whether the base images have to be stand-ins."""
    try:
        with engine.running(tmp_path_factory.mktemp("docker") / "docker") as ours:
            yield ours and not has_registry()
    except engine.Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def has_registry() -> bool:
    pull = ["docker", "pull", "--quiet", stand_ins.PYTHON]
    return subprocess.run(pull, capture_output=True, timeout=IMAGE_SECONDS).returncode == 0


@pytest.fixture(scope="session")
def project(docker: bool, tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A baked project, as a checkout under the umask 077 leaves it."""
    folder = tmp_path_factory.mktemp("project")
    project = bake(folder)
    subprocess.run(["chmod", "--recursive", "go=", project.path], check=True)
    with (project.path / ".env").open("a", encoding="utf-8") as env:
        env.write("TOKEN_RATE_LIMIT=10000/minute\n")
    if docker:
        server = ["uv", "run", "--quiet", "--project", "..", "python", "-m", "dev.livekit_server"]
        found = subprocess.run([*server, "--get"], cwd=PROJECT, capture_output=True, text=True)
        stand_ins.build(
            project.path, tmp_path_factory.mktemp("images"), found.stdout.split("\n")[-2]
        )
        # BuildKit's own frontend is enough; this line would ask a registry for a newer one.
        dockerfile = project.path / "Dockerfile"
        first, rest = dockerfile.read_text(encoding="utf-8").split("\n", 1)
        assert first.startswith("# syntax=")
        dockerfile.write_text(rest, encoding="utf-8")
    return project


@pytest.fixture(scope="session")
def built(project: BakedProject) -> Iterator[Stack]:
    """The images; whatever runs at the end is stopped."""
    stack = Stack(project, ROWS)
    try:
        yield stack
    finally:
        stack.down()


@pytest.fixture(autouse=True)
def logs_of_failures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the end of every container's log if the test fails."""
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed and "built" in request.fixturenames:
        print(request.getfixturevalue("built").logs())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ROWS:
        terminalreporter.section("containers")
        for step, seconds, note in ROWS:
            terminalreporter.write_line(f"{step:<50}{seconds:6.1f} s  {note}")
