"""Check the worker on this machine, through its HTTP port."""

import json
from dataclasses import dataclass
from functools import partial

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout

from app.dispatch.names import our_name
from app.doctor.finding import Finding
from app.settings import Settings

problem = partial(Finding, "worker", "problem")

JSON_LIMITS = (OverflowError, RecursionError)  # a hostile number, or nesting
TIMEOUT_SECONDS = 3
START = "uv run python -m app.agent dev"


@dataclass(frozen=True)
class Worker:
    """What GET /worker reports. The SDK leaves out what is empty.

    livekit-agents 1.0 reports neither its load nor its release (measured).
    """

    agent: str
    load: float | None
    jobs: int
    sdk: str | None


async def check(settings: Settings) -> tuple[Finding, Worker | None]:
    """Return a finding, and the worker if it answers."""
    port = settings.worker_port
    if not port:
        seen = "The worker's port is unknown: WORKER_PORT is 0."
        return Finding("worker", "skipped", "", seen), None
    host = settings.worker_host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{port}"  # noqa: S104
    try:
        worker = await worker_at(url)
    except TimeoutError:
        return problem(
            "worker-silent",
            f"The worker at {url} does not answer within {TIMEOUT_SECONDS} s.",
            "It is blocked, or suspended (Ctrl-Z).",
            f"End it, and start it again: {START}",
        ), None
    except ClientConnectorError:
        return problem(
            "no-worker",
            f"No worker answers at {url}.",
            "LiveKit does not report this: rooms just get no agent.",
            f"Start it: {START} (or, if it runs, correct WORKER_PORT)",
        ), None
    except (ClientError, ValueError, LookupError, TypeError, AttributeError, *JSON_LIMITS):
        return problem(
            "no-livekit-worker",
            f"The program at {url} is not a LiveKit worker.",
            "It has the worker's port, so the worker could not start.",
            f"End it, or set another WORKER_PORT, and start the worker: {START}",
        ), None
    if not worker:
        return problem(
            "worker-disconnected",
            f"The worker at {url} has given up: it cannot reach LiveKit, or was refused.",
            "It gets no jobs until it has registered.",
            f"Its log says why. Start it again: {START}",
        ), None
    own_name = our_name(settings)
    if worker.agent != own_name:
        return problem(
            "named-worker",
            f"The worker at {url} is registered {by_name(worker.agent)}; this project's worker "
            f"should be registered {by_name(own_name)}.",
            "LiveKit sends a worker only the rooms that ask for exactly its name.",
            "Is it an old worker, or another project's? End it, and start this project's.",
        ), worker
    jobs = f"{worker.jobs} job{'' if worker.jobs == 1 else 's'}"
    load = "load unknown" if worker.load is None else f"load {worker.load:.2f}"
    sdk = f"livekit-agents {worker.sdk}" if worker.sdk else "an old livekit-agents"
    seen = f"The worker at {url} is registered {by_name(own_name)} ({sdk}, {jobs}, {load})."
    return Finding("worker", "ok", "", seen), worker


def by_name(name: str) -> str:
    return f"as {name!r}" if name else "without a name"


async def worker_at(url: str) -> Worker | None:
    """Return the worker at `url`, or None if it says that it has given up.

    Raises:
        ClientConnectorError, TimeoutError: nothing answers.
        ClientError, ValueError, …: what answers is not a worker.
    """
    async with ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS)) as http:
        async with http.get(f"{url}/") as answer:
            if answer.status == 503:
                return None
        async with http.get(f"{url}/worker") as answer:
            details = json.loads(await answer.read())
    agent, jobs = str(details.get("agent_name", "")), int(details.get("active_jobs", 0))
    if "sdk_version" not in details and details["worker_type"]:
        return Worker(agent, None, jobs, None)
    return Worker(agent, float(details.get("worker_load", 0)), jobs, str(details["sdk_version"]))
