# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.7.1,<3"]
# ///
"""Bake the default project, run it, and join a real room as a person who meets the agent."""

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
READY = {"worker": "registered worker", "token backend": "startup complete"}  # words in the log
TIMEOUT_SECONDS = 120  # for the programs to start


def choose_folder(named: str | None) -> Path:
    """Return the folder to bake into: `named`, or the first free one of my-agent, my-agent-2, …"""
    if named is None:
        names = ("my-agent" if n == 1 else f"my-agent-{n}" for n in count(1))
        return next(path for path in map(Path, names) if not path.exists())
    if Path(named).exists():
        sys.exit(f"{named} already exists: name another folder")
    return Path(named)


def bake(project: Path) -> None:
    """Bake the default project into the folder `project`."""
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
        sys.exit(f"{reason.strip()}\nThe folder name becomes the project_slug.")


def free_port(*wanted: int) -> int:
    """Return the first of `wanted` if all of them are free, else any free port."""
    for port in wanted:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                break
    else:
        return wanted[0]
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def programs_running(
    project: Path, port: int, env: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Run LiveKit server, worker and token backend. Yields once all of them are ready."""
    log = Path(tempfile.gettempdir()) / f"{project.name}-{os.getpid()}.log"
    process = subprocess.Popen(
        [UV, "run", "poe", "run", "-p", str(port)],
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
                for name in [name for name, words in pending.items() if words in line]:
                    del pending[name]
                if not pending:
                    ready.set()
        ready.set()  # the programs have ended

    reader = threading.Thread(target=read)
    reader.start()
    try:
        ready.wait(TIMEOUT_SECONDS)
        if pending:
            process.terminate()
            reader.join()
            print(*log.read_text(encoding="utf-8").splitlines()[-30:], sep="\n")
            sys.exit(f"Did not start ({', '.join(pending)}). See the whole log: {log}")
        print(f"   log: {log}")
        yield process
    finally:
        process.terminate()
        process.wait()
        reader.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    parser.add_argument("folder", nargs="?", help="where to create the project (default: my-agent)")
    parser.add_argument("--once", action="store_true", help="stop once the agent has answered")
    arguments = parser.parse_args()
    project = choose_folder(arguments.folder).absolute()

    print(f"1. Baking {project}", flush=True)
    bake(project)

    # Settings of other projects in this shell must not reach this one.
    others = ("LIVEKIT_URL", "LIVEKIT_API", "LIVEKIT_AGENT", "WORKER_", "TOKEN_", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    env["PYTHONPATH"] = str(project)

    print("2. Installing it", flush=True)
    subprocess.run([UV, "sync", "--quiet"], cwd=project, env=env, check=True)
    get_server = [UV, "run", "python", "-m", "dev.livekit_server", "--get"]
    print("   a LiveKit server: ", end="", flush=True)
    if subprocess.run(get_server, cwd=project, env=env, check=False).returncode:
        return 1  # the command has printed what is missing

    print("3. Starting LiveKit server, worker and token backend", flush=True)
    livekit, backend, worker = free_port(7880, 7881, 7882), free_port(8000), free_port(8082)
    env |= {"LIVEKIT_URL": f"ws://127.0.0.1:{livekit}", "WORKER_PORT": str(worker)}
    with programs_running(project, backend, env) as programs:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker}/worker") as answer:
            name = json.load(answer).get("agent_name", "")  # the worker omits empty fields
        print(f'   the worker has registered with the agent name "{name}"')

        print("4. A person joins", flush=True)
        person = [UV, "run", "python", str(TEMPLATE / "script" / "person.py")]
        url = f"http://127.0.0.1:{backend}"
        if subprocess.run([*person, url], cwd=project, env=env, check=False).returncode:
            return 1
        if not arguments.once:
            print(f"5. Meet the agent yourself at {url} until you press Ctrl-C", flush=True)
            programs.wait()
    print(f'Stopped. The project is yours: cd "{project}", then uv run poe run')
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also stops the programs
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
