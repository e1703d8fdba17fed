"""What LiveKit's `lk agent …` starts (livekit-cli, read): the worker registers and serves a job.

`console` and `debugger`: test_console.py. `simulate`: test_names.py. LiveKit Cloud, to which
`create` and `deploy` bring the image, runs the Dockerfile's command.
"""

import asyncio

import pytest
from livekit import agents

from app.dispatch.names import our_name
from app.settings import load_settings
from tests.e2e.person import Person
from tests.e2e.programs import WORKER, livekit_running, program

NAME = our_name(load_settings())
ENTRYPOINT = "app/agent.py" if WORKER == "app.agent" else "tests/e2e/console_worker.py"

pytestmark = pytest.mark.skipif(agents.__version__ < "1.5", reason="lk needs a newer release")


@pytest.mark.parametrize("command", ["start", "dev"])
async def test_the_worker_registers_under_our_name_and_serves_a_job(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    is_connected = asyncio.Event()
    reloader = await asyncio.start_server(lambda *_: is_connected.set(), "127.0.0.1", 0)
    host, port = reloader.sockets[0].getsockname()
    with livekit_running() as livekit, livekit.backend() as backend:
        credentials = ("--url", livekit.url, "--api-key", livekit.key)
        arguments = [ENTRYPOINT, *credentials, "--api-secret", livekit.secret]
        if command == "dev":  # it restarts the worker when a file changes
            arguments += ["--log-level", "DEBUG", "--dev", "--reload-addr", f"{host}:{port}"]
        # The SDK's own `dev` command sets the third, and then asks LiveKit Cloud by default.
        more = {"WORKER_HOST": "127.0.0.1", "WORKER_PORT": "0", "LIVEKIT_DEV_MODE": "1"}
        worker = program(
            *("livekit.agents", "start", *arguments),
            ready="registered worker",
            env={**livekit.env, **more},
        )
        with worker:
            person = await Person.with_token_from(backend)
            agent = await person.meets_agent()
            assert agent.attributes["lk.agent_name"] == NAME
            await person.hears("Hello!")
            await person.leave()
            assert is_connected.is_set() == (command == "dev")
    assert "cloud turn detector" not in capsys.readouterr().out
    reloader.close()
