"""A real Redis, which token backends and LiveKit servers share."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from dev import livekit_server
from tests.e2e.programs import TIMEOUT, free_ports, lack


@contextmanager
def redis_running() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a real Redis; yield its address and its process."""
    redis = shutil.which("redis-server")
    if not redis:
        lack("no Redis: run `apt install redis-server` or `brew install redis`")
    (port,) = free_ports(1)
    command = [redis, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    with livekit_server.ending(process, TIMEOUT):
        assert process.stdout
        assert any(b"Ready to accept connections" in line for line in process.stdout)
        yield f"127.0.0.1:{port}", process
