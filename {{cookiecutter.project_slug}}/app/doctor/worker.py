"""Check the worker on this machine, through its HTTP port and its connections."""

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout

from app.dispatch.names import our_name
from app.doctor import processes
from app.doctor.finding import Finding
from app.doctor.processes import PROJECT, Process
from app.settings import Settings

problem = partial(Finding, "worker", "problem")
warning = partial(Finding, "worker", "warning")

JSON_LIMITS = (OverflowError, RecursionError)  # a hostile number, or nesting
NOT_A_WORKER = (ClientError, ValueError, LookupError, TypeError, AttributeError, *JSON_LIMITS)
TIMEOUT_SECONDS = 3
RECONNECT_SECONDS = 1  # a worker connects again after a second or so
START = "uv run python -m app.agent dev"
SHARED = "LiveKit gives each room to either of them, so people may meet the other one's agent."


@dataclass(frozen=True)
class Worker:
    """What GET /worker reports. The SDK leaves out what is empty.

    livekit-agents 1.0 reports neither its load nor its release (measured).
    """

    agent: str
    load: float | None
    jobs: int
    sdk: str | None


def url_of(settings: Settings) -> str:
    host = settings.worker_host
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    return f"http://{host}:{settings.worker_port}"


async def check(settings: Settings) -> tuple[Finding, Worker | None]:
    """Return a finding, and the worker if it answers and may use this server."""
    if not settings.worker_port:
        seen = "The worker's port is unknown: WORKER_PORT is 0."
        return Finding("worker", "skipped", "", seen), None
    url = url_of(settings)
    try:
        worker = await worker_at(url)
    except TimeoutError:
        return problem(
            "worker-silent",
            f"The worker at {url} does not answer within {TIMEOUT_SECONDS} s.",
            "It is blocked, or suspended (Ctrl-Z).",
            "End it, and start it again",
            START,
        ), None
    except ClientConnectorError:
        return problem(
            "no-worker",
            f"No worker answers at {url}.",
            "LiveKit does not report this: rooms just get no agent. (If it runs, WORKER_PORT is "
            "not its port.)",
            "Start it",
            START,
        ), None
    except NOT_A_WORKER:
        return problem(
            "no-livekit-worker",
            f"The program at {url} is not a LiveKit worker.",
            "It has the worker's port, so the worker could not start.",
            "End it, or set another WORKER_PORT, and start the worker",
            START,
        ), None
    process, is_connected = await connection_of(settings)
    where = f"It was started in {process.folder}, not in {PROJECT}" if process else ""
    if process and not is_connected and process.is_elsewhere:
        return problem(
            "another-projects-worker",
            f"The worker at {url} is another project's. {where}, and is not connected to "
            f"{settings.livekit_url}.",
            "It has the worker's port, so this project's worker could not start.",
            "Set another WORKER_PORT in .env, and start this project's worker",
            START,
        ), None
    if not worker:
        return problem(
            "worker-disconnected",
            f"The worker at {url} has given up: it cannot reach LiveKit, or was refused.",
            "It gets no jobs until it has registered.",
            "Its log says why. Start it again",
            START,
        ), None
    if process and not is_connected:
        return problem(
            "worker-elsewhere",
            f"The worker at {url} is not connected to {settings.livekit_url}.",
            "Either it started with other settings, or it is still trying to connect.",
            "End it, and start it again with these settings",
            START,
        ), None
    own_name = our_name(settings)
    if worker.agent != own_name:
        return problem(
            "named-worker",
            f"The worker at {url} is registered {by_name(worker.agent)}; this project's worker "
            f"should be registered {by_name(own_name)}.",
            "LiveKit sends a worker only the rooms that ask for exactly its name.",
            "Is it an old worker, or another project's? End it, and start this project's",
            START,
        ), worker
    if process and process.is_elsewhere:
        return warning(
            "second-project",
            f"The worker at {url} may be another project's. {where}.",
            f"It uses the server at {settings.livekit_url}, and has this worker's port.",
            "If it is another project's, end it, and start this project's",
            START,
        ), worker
    jobs = f"{worker.jobs} job{'' if worker.jobs == 1 else 's'}"
    load = "load unknown" if worker.load is None else f"load {worker.load:.2f}"
    sdk = f"livekit-agents {worker.sdk}" if worker.sdk else "an old livekit-agents"
    seen = f"The worker at {url} is registered {by_name(own_name)} ({sdk}, {jobs}, {load})."
    unknown = "Its connections cannot be seen from here, so it may use another server."
    return Finding("worker", "ok", "", seen, "" if process else unknown), worker


async def connection_of(settings: Settings) -> tuple[Process | None, bool]:
    """Return the process on the worker's port if it can be seen, and whether it has the server."""
    for wait in (0, RECONNECT_SECONDS):
        await asyncio.sleep(wait)
        servers = await processes.addresses(settings.livekit_url)
        found = [p for p in await processes.listening() if settings.worker_port in p.ports]
        if len(found) != 1:
            return None, False
        if processes.may_use(found[0], servers):
            return found[0], True
    return found[0], False


async def check_others(settings: Settings) -> list[Finding]:
    """Find other projects' workers on this machine that take this project's rooms."""
    if str(urlsplit(settings.livekit_url).hostname).endswith(".livekit.cloud"):
        return []  # its projects share addresses
    servers = await processes.addresses(settings.livekit_url)
    findings = []
    for process in await processes.listening():
        ports = process.ports - {settings.worker_port}
        if process.is_elsewhere and process.peers & servers:
            for port in sorted(ports):
                try:
                    worker = await worker_at(f"http://127.0.0.1:{port}")
                except (TimeoutError, *NOT_A_WORKER):
                    continue
                if worker and worker.agent == our_name(settings):
                    seen = f"Another worker, started in {process.folder}, is connected to this "
                    seen += f"server and registered {by_name(worker.agent)}, too (port {port})."
                    advice = "If it is another project's, give it its own agent name, LiveKit "
                    advice += "server or project; or end it."
                    findings.append(warning("second-project", seen, SHARED, advice))
    return findings


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
