"""The Dockerfile and compose.yaml of a project, in real containers. These tests run in order."""

import asyncio
import re
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from livekit.protocol.rtc import SignalResponse

from tests.containers.stack import (
    AGENT_SECONDS,
    Backend,
    Stack,
    asks,
    docker,
    is_registered,
    meets_another,
    until,
    update_during_a_conversation,
)

START_SECONDS = 60
LONGEST_WAIT_SECONDS = 3  # of a token request, during an update


def test_an_image_builds_without_a_lock_file(built: Stack, tmp_path: Path) -> None:
    target = tmp_path / "target.yaml"  # the stage that uses uv.lock
    target.write_text("services: {worker: {build: {target: build}}}", encoding="utf-8")
    files = ("-f", str(built.project.path / "compose.yaml"), "-f", str(target))
    began = time.perf_counter()
    built.compose(*files, "build", "worker")
    built.add_row("build, without uv.lock", time.perf_counter() - began)


def test_an_image_has_the_packages_of_the_lock_file(built: Stack) -> None:
    built.project.path.joinpath("uv.lock").unlink(missing_ok=True)
    subprocess.run(["uv", "lock", "--quiet"], cwd=built.project.path, check=True)
    began = time.perf_counter()
    built.compose("build")
    built.add_row("build, with uv.lock", time.perf_counter() - began)
    exported = subprocess.run(
        ["uv", "export", "--quiet", "--no-dev", "--no-hashes", "--no-annotate", "--no-header"],
        cwd=built.project.path,
        capture_output=True,
        text=True,
        check=True,
    )
    code = "from importlib.metadata import version; print(version('livekit-agents'))"
    version = built.compose("run", "--rm", "--no-deps", "worker", "python", "-c", code)
    assert f"livekit-agents=={version}\n" in exported.stdout


def test_an_outdated_lock_file_is_rejected(built: Stack) -> None:
    pyproject = built.project.path / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    changed = text.replace('\n    "fastapi>=', '\n    "tomli",\n    "fastapi>=')
    pyproject.write_text(changed, encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="needs to be updated"):
            built.compose("build")
    finally:
        pyproject.write_text(text, encoding="utf-8")


def test_everything_starts_and_the_doctor_agrees(built: Stack) -> None:
    began = time.perf_counter()
    built.up("--build")
    built.add_row("up --build --wait", time.perf_counter() - began)
    began = time.perf_counter()
    doctor = ("python", "-m", "app.doctor", "--backend", "http://backend:8000")
    assert "All is well" in built.compose("exec", "-T", "worker", *doctor)
    built.add_row("doctor, in the worker's container", time.perf_counter() - began)


def test_a_container_is_locked_down(built: Stack) -> None:
    write = "id -u; touch /srv/app/x 2>&1; touch /tmp/x && echo written"
    printed = built.compose("exec", "-T", "worker", "sh", "-c", write)
    assert printed.startswith("10001\n")
    assert "Read-only file system" in printed
    assert printed.endswith("written")


def test_a_platform_chooses_port_and_user_and_gives_no_home(built: Stack) -> None:
    page = built.project.read("docs/deployment.md")
    options = ("--detach", "--no-deps", "--user", "12345:0", "--env", "HOME=", "--env", "PORT=9000")
    programs = {"worker": ("Worker", "/"), "backend": ("Token backend", "/health")}
    checks = {}
    try:
        for service, (name, path) in programs.items():
            row = rf"(?m)^\| {name} \| `sh -c '([^']*)'` \| `GET {path}` \|$"
            (command,) = re.findall(row, page)
            started = built.compose("run", *options, service, "sh", "-c", command)
            checks[started.splitlines()[-1]] = (
                f"import urllib.request as r; r.urlopen('http://127.0.0.1:9000{path}', timeout=4)"
            )
        for container, ask in checks.items():
            began = time.perf_counter()
            check = ["docker", "exec", container, "python", "-c", ask]
            while subprocess.run(check, capture_output=True, check=False).returncode:
                assert time.perf_counter() - began < START_SECONDS, docker("logs", container)
                time.sleep(0.5)
    finally:
        docker("rm", "--force", *checks)


def test_the_image_is_smaller_than_without_a_diet(built: Stack) -> None:
    size = int(docker("inspect", "--format", "{{.Size}}", built.image())) / 1e6
    built.add_row("size of the image", 0, f"{size:.0f} MB")
    assert size < 540


def test_a_person_on_this_machine_meets_the_agent_without_asking_anybody_outside(
    built: Stack,
) -> None:
    async def scenario(backend: Backend) -> None:
        url, token = await backend.token()
        query = f"/rtc?access_token={token}&auto_subscribe=1"
        async with backend.http.ws_connect(url + query) as socket:
            joined = SignalResponse.FromString((await socket.receive()).data).join
        stun = [url for server in joined.ice_servers for url in server.urls]
        assert stun == ["stun:127.0.0.1:7882"]
        person = await backend.person("first")
        await person.meets_agent()
        built.add_row("from joining to seeing the agent", time.perf_counter() - person.came_at)
        await asks(person, "Is anybody there?")
        await person.leave()

    run(scenario)


def run(scenario: Callable[[Backend], Awaitable[None]]) -> None:
    async def with_backend() -> None:
        async with aiohttp.ClientSession() as http:
            await scenario(Backend(http, "http://127.0.0.1:8000"))

    asyncio.run(with_backend())


def test_an_update_interrupts_no_conversation_and_refuses_no_token(built: Stack) -> None:
    async def scenario(backend: Backend) -> None:
        clients = await update_during_a_conversation(built, backend)
        assert clients.refused == 0
        assert max(clients.waited) < LONGEST_WAIT_SECONDS

    run(scenario)


def test_three_workers_share_the_rooms_and_replace_one_that_is_killed(built: Stack) -> None:
    began = time.perf_counter()
    built.up("--scale", "worker=3")
    built.add_row("up --scale worker=3 --wait", time.perf_counter() - began)

    async def scenario(backend: Backend) -> None:
        await until(lambda: all(map(is_registered, built.containers("worker"))))
        people = [await backend.person(f"shared {number}") for number in range(8)]
        agents = [await person.meets_agent() for person in people]
        workers = [built.worker_of(agent) for agent in agents]
        shares = sorted(workers.count(worker) for worker in set(workers))
        assert len(shares) > 1
        victim = workers[0]
        lost = [
            (person, agent)
            for person, agent, worker in zip(people, agents, workers, strict=True)
            if worker == victim
        ]
        docker("kill", victim)
        waited = await asyncio.gather(*(meets_another(*both) for both in lost))
        note = f"8 rooms were shared {'/'.join(map(str, shares))}"
        built.add_row("a worker is killed: its last room has an agent", max(waited), note)
        await asyncio.gather(*(person.leave() for person in people))

    run(scenario)


@pytest.mark.parametrize("service", ["redis", "livekit"])
def test_a_conversation_survives_a_crash(built: Stack, service: str) -> None:
    async def scenario(backend: Backend) -> None:
        person = await backend.person(f"crash of {service}")
        await person.meets_agent()
        await asks(person, "before")
        (container,) = built.containers(service)
        began = time.perf_counter()
        built.crash(service)
        await asks(person, "after", 2 * AGENT_SECONDS)
        answered = time.perf_counter() - began
        newcomer = await backend.person(f"after the crash of {service}")
        await newcomer.meets_agent()
        note = f"an agent joins a new room after {time.perf_counter() - began:.1f} s"
        built.add_row(f"{service} crashes: the agent answers again", answered, note)
        assert docker("inspect", "--format", "{{.RestartCount}}", container) == "1"
        await person.leave()
        await newcomer.leave()

    run(scenario)
