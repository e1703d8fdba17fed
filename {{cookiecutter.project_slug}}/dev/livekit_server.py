"""A LiveKit server on this machine, for development and for the tests.

python -m dev.livekit_server          run one at LIVEKIT_URL, if that is on this machine
python -m dev.livekit_server --wait   wait until the server at LIVEKIT_URL answers
python -m dev.livekit_server --get    find or build the program, and print its path
"""

import argparse
import asyncio
import http.client
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.doctor.reach import Answer
from app.doctor.server import validate
from app.settings import Settings, load_settings

VERSION = "1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
IMAGE = f"livekit/livekit-server:v{VERSION}"
HOME = os.path.expanduser("~")  # "~" for a user without one, as in some containers
CACHE = Path(__file__).parents[1] if HOME == "~" else Path(HOME)
CACHE = CACHE / ".cache" / "livekit-server" / VERSION
HOW_TO_GET_IT = """\
There is no LiveKit server on this machine. Install one in any of these ways:
  macOS    brew install livekit
  Linux    curl -sSL https://get.livekit.io | bash
  Windows  https://github.com/livekit/livekit/releases
  any      install Go (https://go.dev/dl) or start Docker, and run this again
Or set LIVEKIT_SERVER_BIN to the program."""
TAKEN = """\
The server at {} does not accept this project's key and secret. Either stop it, or
change .env: set another port in LIVEKIT_URL, or the key and secret of that server."""


SILENT_SECONDS = 5


class ServerNotFound(Exception):
    """No LiveKit server is available here; the message says how to get one."""


def find() -> list[str]:
    """Return the command that runs a LiveKit server, without its arguments.

    Try LIVEKIT_SERVER_BIN, PATH and an earlier build, then a build with Go, then Docker.

    Raises:
        ServerNotFound: none of them has one.
    """
    if named := os.environ.get("LIVEKIT_SERVER_BIN"):
        if shutil.which(named):
            return [named]
        raise ServerNotFound(f"LIVEKIT_SERVER_BIN: there is no program {named!r}")
    if program := shutil.which("livekit-server") or shutil.which("server", path=CACHE):
        return [program]
    if (go := shutil.which("go")) and build(go):
        return [str(shutil.which("server", path=CACHE))]
    if docker_answers():
        return ["docker", "run", "--rm", "--env", "LIVEKIT_CONFIG"]
    raise ServerNotFound(HOW_TO_GET_IT)


def build(go: str) -> bool:
    """Build the server with Go into the cache; return whether it worked."""
    print(
        f"Building livekit-server {VERSION} with Go. This happens once and takes about two minutes."
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder, tempfile.TemporaryFile("w+") as log:
        environment = {**os.environ, "GOBIN": folder}
        process = subprocess.Popen([go, "install", MODULE], env=environment, stdout=log, stderr=log)
        started = time.monotonic()
        while True:
            try:
                code = process.wait(timeout=10)
                break
            except subprocess.TimeoutExpired:
                print(f"  still building, {time.monotonic() - started:.0f} s", flush=True)
            except BaseException:
                process.terminate()
                raise
        if code == 0:
            for program in Path(folder).iterdir():
                program.replace(CACHE / program.name)
            return True
        log.seek(0)
        print("The build failed:", *log.readlines()[-5:], sep="\n  ", file=sys.stderr)
        return False


def docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


def start(
    key: str,
    secret: str,
    port: int,
    rtc_tcp_port: int,
    rtc_udp_port: int,
    host: str = "127.0.0.1",
    **more: Any,
) -> subprocess.Popen[bytes]:
    """Start a server that only this machine can reach. The caller must end the process.

    Args:
        host: the address of this machine to listen on.
        more: further top-level keys of livekit-server's configuration file.

    Raises:
        ServerNotFound: there is no server here.
    """
    command = find()
    docker = command[0] == "docker"
    rtc = {"tcp_port": rtc_tcp_port, "udp_port": rtc_udp_port, "node_ip": "127.0.0.1"}
    loopback = {
        "ips": {"includes": ["127.0.0.1/32"]},
        "enable_loopback_candidate": True,
        "tcp_port": 0,  # it would listen on all addresses, and UDP is enough here
    }
    configuration = {
        "port": port,
        "bind_addresses": ["0.0.0.0"] if docker else [host],  # see --publish below
        "rtc": rtc if docker else {**rtc, **loopback},
        "keys": {key: secret},
        "logging": {"level": "error"},
        **more,
    }
    if docker:
        for published in (f"{port}", f"{rtc_tcp_port}", f"{rtc_udp_port}/udp"):
            address = f"[{host}]" if ":" in host else host
            command += ["--publish", f"{address}:{published.removesuffix('/udp')}:{published}"]
        command.append(IMAGE)
    # In the environment, because every user can read a command line. JSON is valid YAML.
    return subprocess.Popen(
        command, env={**os.environ, "LIVEKIT_CONFIG": json.dumps(configuration)}
    )


@contextmanager
def ending(process: subprocess.Popen[bytes], grace_seconds: float = 2) -> Iterator[None]:
    """End `process` when the block ends; kill it after `grace_seconds`."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def status(url: str) -> int | None:
    """Return the HTTP status of the local server at `url` (ws://); None if it is down."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # bypass any proxy
    try:
        with opener.open(url.replace("ws", "http", 1), timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return None


def wait_for(url: str, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until the server at `url` answers; return False if its `process` has ended.

    Say after a while what is waited for.
    """
    silent_until = time.monotonic() + SILENT_SECONDS
    while (answer := status(url)) != 200:
        if process and process.poll() is not None:
            return False
        if time.monotonic() > silent_until:
            silent_until = math.inf
            what = f"it answers HTTP {answer}" if answer else "nothing answers"
            print(f"Waiting for the LiveKit server at {url}: {what}", flush=True)
        time.sleep(0.1)
    return True


def takes_key_of(settings: Settings) -> bool:
    """Return whether LIVEKIT_URL is a LiveKit server that accepts this project's key."""
    answer = asyncio.run(validate(settings))
    return isinstance(answer, Answer) and answer.status == 200


def serve(settings: Settings) -> int:
    """Run a server at LIVEKIT_URL until it ends; return its exit code."""
    port = urlsplit(settings.livekit_url).port or 80
    key, secret = settings.livekit_api_key, settings.livekit_api_secret.get_secret_value()
    # honcho gives each program in the Procfile a PORT, 100 above the previous program's.
    webhook = f"http://127.0.0.1:{int(os.environ.get('PORT', 8100)) - 100}/livekit/webhook"
    process = start(
        key,
        secret,
        port,
        rtc_tcp_port=port + 1,
        rtc_udp_port=port + 2,
        host="::1" if urlsplit(settings.livekit_url).hostname == "::1" else "127.0.0.1",
        webhook={"api_key": key, "urls": [webhook]},
    )
    print(f"LiveKit server at {settings.livekit_url}, with webhooks to {webhook}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with ending(process):
        return process.wait()


def run(settings: Settings) -> int:
    url = settings.livekit_url
    if settings.is_local:
        if status(url) is None:
            return serve(settings)
        if not takes_key_of(settings):
            print(TAKEN.format(url), file=sys.stderr)
            return 1
    print(f"Using the LiveKit server at {url}", flush=True)
    threading.Event().wait()  # honcho ends all programs as soon as one of them ends
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.livekit_server")
    parser.add_argument("--wait", action="store_true", help="wait until the server answers")
    parser.add_argument("--get", action="store_true", help="find or build the program")
    arguments = parser.parse_args()
    try:
        if arguments.get:
            print(*find())
            return 0
        settings = load_settings()
        if not arguments.wait:
            return run(settings)
        if settings.is_local:
            wait_for(settings.livekit_url)
    except (ServerNotFound, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
