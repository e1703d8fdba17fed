"""The worker on this machine: what it says about itself on its HTTP port."""

import json
from dataclasses import dataclass
from functools import partial

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout

from app.dispatch.names import our_name
from app.doctor.finding import Finding
from app.settings import Settings

problem = partial(Finding, "worker", "problem")

TOO_MUCH = (OverflowError, RecursionError)  # what JSON may bring
TIMEOUT = 3  # seconds for the worker to answer
START = "uv run python -m app.agent dev"


@dataclass(frozen=True)
class Worker:
    """What GET /worker tells; what is empty, the SDK leaves out.

    livekit-agents 1.0 tells neither its load nor its release (measured).
    """

    agent: str
    load: float | None
    jobs: int
    sdk: str | None


async def look(settings: Settings) -> tuple[Finding, Worker | None]:
    """Gives the worker, too, if it can be seen."""
    own = our_name(settings)
    port = settings.worker_port
    if not port:
        seen = "Where the worker is, cannot be known: WORKER_PORT is 0."
        return Finding("worker", "skipped", "", seen), None
    host = settings.worker_host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{port}"  # noqa: S104
    try:
        worker = await ask(url)
    except TimeoutError:
        return problem(
            "worker-silent",
            f"The worker at {url} does not answer within {TIMEOUT} s.",
            "Something in it stands still, or it was suspended (Ctrl-Z).",
            f"End it, and start it anew: {START}",
        ), None
    except ClientConnectorError:
        return problem(
            "no-worker",
            f"No worker answers at {url}.",
            "LiveKit says nothing about it: rooms just get no agent.",
            f"Start it: {START} (or, if it runs, correct WORKER_PORT)",
        ), None
    except (ClientError, ValueError, LookupError, TypeError, AttributeError, *TOO_MUCH):
        return problem(
            "no-livekit-worker",
            f"What answers at {url} is no LiveKit worker.",
            "Another program has the port, so the worker could not start.",
            f"End it, or choose another WORKER_PORT, and start the worker: {START}",
        ), None
    if not worker:
        return problem(
            "worker-disconnected",
            f"The worker at {url} has given up: it cannot reach LiveKit, or was refused.",
            "It gets no job before it has registered.",
            f"Its log says why. Start it anew: {START}",
        ), None
    if worker.agent != own:
        return problem(
            "named-worker",
            f"The worker at {url} has registered as {worker.agent!r}, not as {own!r}.",
            "It gets only rooms that ask for exactly this name.",
            "Another program's, or an old one? End it, and start this project's.",
        ), worker
    jobs = f"{worker.jobs} job{'' if worker.jobs == 1 else 's'}"
    load = "a load that it does not tell" if worker.load is None else f"a load of {worker.load:.2f}"
    sdk = f"livekit-agents {worker.sdk}" if worker.sdk else "an old livekit-agents"
    seen = f"The worker at {url} runs as {own!r}: {sdk}, {jobs}, {load}."
    return Finding("worker", "ok", "", seen), worker


async def ask(url: str) -> Worker | None:
    """What the worker at `url` says; None if it says that it has given up.

    Raises:
        ClientConnectorError, TimeoutError: it does not answer.
        ClientError, ValueError, …: what answers is none.
    """
    async with ClientSession(timeout=ClientTimeout(total=TIMEOUT)) as http:
        async with http.get(f"{url}/") as answer:
            if answer.status == 503:
                return None
        async with http.get(f"{url}/worker") as answer:
            said = json.loads(await answer.read())
    agent, jobs = str(said.get("agent_name", "")), int(said.get("active_jobs", 0))
    if "sdk_version" not in said and said["worker_type"]:
        return Worker(agent, None, jobs, None)
    return Worker(agent, float(said.get("worker_load", 0)), jobs, str(said["sdk_version"]))
