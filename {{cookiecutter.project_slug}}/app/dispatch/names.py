"""The agent name: a worker registers under it, and rooms ask for it.

LiveKit offers each new room to a worker registered *without* a name. A named worker gets only the
rooms that ask for exactly that name. An unwanted name is the most common reason for no agent.
app/agent.py registers no name, so LiveKit offers it every room.  # only automatic
app/agent.py registers one name, and every token asks for it.  # only explicit
"""

import json
import logging
import os  # only 1.8
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

from livekit.api import Job

from app.observability.metrics import STRIPPED
from app.settings import Settings

JobOptions = dict[str, Any]  # what a client asks of our agent's job: some of JOB_OPTIONS

logger = logging.getLogger("app.dispatch.names")

# Since livekit-agents 1.5.7, the first names a worker that has no name in code. Since 1.6.0, the
# second overrides the name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
NAME_KEYS = ("agent_name", "agentName")
ANY_NAME = re.compile("agent[-_]?name", re.IGNORECASE)
# How clients ask for an agent, in lower case and without separators.
OPTIONS = (
    "agentname agent agents agentid agentdispatch dispatch agentmetadata agentattributes "
    "agentdeployment deployment agentrestartpolicy restartpolicy"
)
JOB_OPTIONS = ("metadata", "deployment", "attributes")  # of a dispatch
NAME_OF_WORKER = "_agent_name"  # there is no public attribute for it  # only 1.8


def our_name(settings: Settings) -> str:
    """Return the name of our agent: always empty here, for automatic dispatch."""  # only automatic
    """Return the name of our agent."""  # only explicit
    return settings.livekit_agent_name  # only explicit
    return ""  # only automatic


def is_simulation() -> bool:
    """Whether `lk agent simulate` runs this worker. It needs the name that it gives the worker."""
    return "--simulation" in sys.argv


def ignore_names(environ: MutableMapping[str, str], settings: Settings) -> None:
    """Remove the environment variables that would give the worker another name.

    Call this after reading the settings and before creating the worker, which reads the variables.
    """
    if is_simulation():
        return
    for variable in NAMING_VARIABLES:
        name = environ.get(variable)
        if name and name != our_name(settings):
            del environ[variable]
            logger.warning("⚠️  agent_name is set to: %r", name)
            logger.warning("⚠️  This will PREVENT automatic dispatch!")  # only automatic
            logger.warning("Ignored: %s does not name this worker.", variable)


# begin only 1.8
def keep_name(worker: Any, settings: Settings) -> None:
    """Make `worker` register only under our name.

    After 1.8.9, livekit-agents uses `[agent] name` of livekit.toml when a worker starts in
    production (livekit/agents #7295, read).
    """
    ours = our_name(settings)

    def ignore_name() -> None:
        if (name := getattr(worker, NAME_OF_WORKER)) != ours:
            setattr(worker, NAME_OF_WORKER, ours)
            logger.warning("Ignored: livekit.toml or livekit-agents names this worker %r.", name)

    def require_name() -> None:
        if (name := getattr(worker, NAME_OF_WORKER)) != ours:
            text = "Stopping: this worker is registered as %r, not as %r, and would miss its rooms"
            logger.error(text, name, ours)
            os._exit(1)  # no jobs yet; SystemExit would end in tracebacks of the SDK's tasks

    if not is_simulation():
        worker.on("worker_started", ignore_name)
        worker.on("worker_registered", require_name)


# end only 1.8
def room_configuration(requested: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what a client `requested` (the JSON of LiveKit's `RoomConfiguration`) for a token.

    It has our agent only, and `require_agent` in its metadata. A ValueError begins with the field.
    """
    agents = requested.get("agents") or []
    others = {name_of(agent) for agent in agents} - {"", our_name(settings)}
    if others:
        logger.warning("Ignored: a client asked for the agent %.100r.", min(others))
        STRIPPED.inc()
    # A client that gives no name means our agent.
    ours = [agent for agent in agents if name_of(agent) not in others]
    jobs = [job for agent in ours if (job := job_options(agent, settings))]
    if any(job != jobs[0] for job in jobs):
        raise ValueError("agents: asks for our agent twice, with different options")
    # An entry with a name would replace the automatic dispatch.  # only automatic
    kept = jobs[:1]  # only automatic
    kept = [{NAME_KEYS[1]: our_name(settings), **(jobs[0] if jobs else {})}]  # only explicit
    try:
        content = parse(requested.get("metadata") or "{}")[0]
        metadata = dump({**content, "require_agent": True})
    except (json.JSONDecodeError, TypeError):
        raise ValueError("metadata: must be a JSON object") from None
    except ValueError as error:
        raise ValueError(f"metadata: {error}") from None
    return {**requested, "agents": kept, "metadata": metadata}


def name_of(agent: Mapping[str, Any]) -> str:
    """Return the requested name, spelled as in LiveKit's SDKs or as in protobuf JSON."""
    return next((agent[key] for key in NAME_KEYS if agent.get(key)), "")


def job_options(agent: Mapping[str, Any], settings: Settings) -> JobOptions:
    """Return what a client asks of our agent's job."""
    options = {field: agent[field] for field in JOB_OPTIONS if agent.get(field)}
    if "deployment" in options and not our_name(settings):
        raise ValueError("agents.deployment: needs explicit dispatch")
    if any(key.startswith("lk.") for key in options.get("attributes", ())):
        raise ValueError("agents.attributes: must not begin with lk., as LiveKit's own do")
    if metadata := options.get("metadata"):
        try:
            options["metadata"] = without_name(metadata)
        except ValueError as error:
            raise ValueError(f"agents.metadata: {error}") from None
    return options


def without_name(metadata: str) -> str:
    """Return metadata without the name of an agent. Text that is not JSON stays as it is.

    livekit-server 1.13.5 ignores such a name (measured), but other code may wait for that agent.
    Raise ValueError for what cannot be cleaned, or what a browser could not parse.
    """
    if metadata.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
        return metadata  # a text, or JSON without keys
    try:
        content, has_name = parse(metadata)
    except json.JSONDecodeError:
        if ANY_NAME.search(metadata):
            raise ValueError("must not name an agent") from None
        return metadata
    if not has_name:
        return metadata
    STRIPPED.inc()
    return dump(content)


def parse(metadata: str) -> tuple[Any, bool]:
    """Parse JSON without the names of agents, at any depth; also return whether it had some."""
    dropped: list[str] = []

    def without_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        dropped.extend(key for key, _ in pairs if is_name(key))
        return {key: value for key, value in pairs if not is_name(key)}

    def refuse(constant: str) -> None:
        raise ValueError(f"must not contain {constant}, which is not JSON")

    def integer(digits: str) -> float:
        return int(digits) if len(digits) < 400 else float(digits)  # Python limits its integers

    try:
        content = json.loads(
            metadata, object_pairs_hook=without_names, parse_constant=refuse, parse_int=integer
        )
    except RecursionError:
        raise ValueError("must not be nested so deeply") from None
    return content, bool(dropped)


def dump(content: Any) -> str:
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        raise ValueError("must not contain numbers above 1e308, or be nested so deeply") from None
    return text.encode(errors="backslashreplace").decode()  # half a surrogate pair


def is_name(key: str) -> bool:
    """Whether this is agent_name in some spelling: agentName, agent-name, AGENT_NAME …"""
    return "".join(filter(str.isalpha, key)).lower() == "agentname"


def name_for(job: Job) -> str:
    return job.agent_name
