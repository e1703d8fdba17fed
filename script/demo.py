# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.7.1,<3"]
# ///
"""Bakes the default project, runs it, and plays a person who meets the agent in a real room."""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

TEMPLATE = Path(__file__).parents[1]
UV = os.environ.get("UV") or shutil.which("uv") or "uv"
READY = {"the worker has registered": "registered worker", "the backend serves": "startup complete"}
TIMEOUT = 120  # seconds for the programs to come up


def choose_folder(named: str | None) -> Path:
    """The folder to bake into: the one that is named, or the first of my-agent, my-agent-2, …"""
    if named is None:
        names = ("my-agent" if n == 1 else f"my-agent-{n}" for n in count(1))
        return next(path for path in map(Path, names) if not path.exists())
    if Path(named).exists():
        sys.exit(f"{named} is there already, and nothing is overwritten: name another folder.")
    return Path(named)


def bake(project: Path) -> None:
    """Bakes the default project into the folder `project`."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input"),
            *("--output-dir", str(project.parent), f"project_slug={project.name}"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if result.returncode:
        reason, _, _ = result.stdout.partition("(The lines from cookiecutter below")
        sys.exit(f"{reason.strip()}\nThe name of the folder becomes the project_slug.")


def free_port(*wanted: int) -> int:
    """The first of `wanted`, if it and those after it are free; else any free port."""
    for port in wanted:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    else:
        return wanted[0]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def programs_running(
    project: Path, port: int, env: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Runs LiveKit server, worker and token backend, from when all of them are ready."""
    log = Path(tempfile.gettempdir()) / f"{project.name}-{os.getpid()}.log"
    process = subprocess.Popen(
        # It is not to read .env, because what it finds there would win over `env`.
        [UV, "run", "honcho", "-e", "none", "start", "-p", str(port)],
        cwd=project,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    pending = dict(READY)
    ready = threading.Event()

    def read() -> None:
        assert process.stdout
        with log.open("w", encoding="utf-8") as file:
            for line in process.stdout:
                print(line, end="", file=file, flush=True)
                for what in [what for what, words in pending.items() if words in line]:
                    del pending[what]
                if not pending:
                    ready.set()
        ready.set()  # they have ended

    reader = threading.Thread(target=read)
    reader.start()
    try:
        ready.wait(TIMEOUT)
        if pending:
            process.terminate()
            reader.join()
            print(*log.read_text(encoding="utf-8").splitlines()[-30:], sep="\n")
            sys.exit(f"It did not come so far that {' and '.join(pending)}. The whole log: {log}")
        print(f"   their log: {log}")
        yield process
    finally:
        process.terminate()
        process.wait()
        reader.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("folder", nargs="?", help="where to bake to (default: my-agent)")
    parser.add_argument("--once", action="store_true", help="end everything when the agent was met")
    arguments = parser.parse_args()
    project = choose_folder(arguments.folder).absolute()

    print(f"1. Baking {project}", flush=True)
    bake(project)

    # What is set here for other projects must not reach this one.
    others = ("LIVEKIT_URL", "LIVEKIT_API", "LIVEKIT_AGENT", "WORKER_", "TOKEN_", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    env["PYTHONPATH"] = str(project)

    print("2. Installing it", flush=True)
    subprocess.run([UV, "sync", "--quiet"], cwd=project, env=env, check=True)
    get_server = [UV, "run", "python", "-m", "dev.livekit_server", "--get"]
    print("   a LiveKit server: ", end="", flush=True)
    if subprocess.run(get_server, cwd=project, env=env, check=False).returncode:
        return 1  # it has said what is missing

    print("3. Starting LiveKit server, worker and token backend", flush=True)
    livekit, backend, worker = free_port(7880, 7881, 7882), free_port(8000), free_port(8082)
    env |= {"LIVEKIT_URL": f"ws://127.0.0.1:{livekit}", "WORKER_PORT": str(worker)}
    with programs_running(project, backend, env) as programs:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker}/worker") as answer:
            name = json.load(answer).get("agent_name", "")  # the worker leaves empty fields out
        print(f'   the worker has registered with the agent name "{name}"')

        print("4. A person comes", flush=True)
        person = [UV, "run", "python", str(TEMPLATE / "script" / "person.py")]
        url = f"http://127.0.0.1:{backend}"
        if subprocess.run([*person, url], cwd=project, env=env, check=False).returncode:
            return 1
        if not arguments.once:
            print(f"5. Meet the agent yourself at {url} until you press Ctrl-C", flush=True)
            programs.wait()
    print(f'Stopped. The project is yours: cd "{project}", then uv run honcho start')
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends its programs, too
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
