"""Notes about a project: the names in it, and whatever else keeps agents away."""

from dataclasses import dataclass, field
from typing import Literal

from livekit_doctor.finding import Finding

Level = Literal["warning", "problem"]
NAMED = (
    "LiveKit sends a named worker only to rooms that ask for exactly this name, in a token's room "
    "configuration or a dispatch by the API.",
    "Remove the name, and every new room gets the agent. Or let the token ask for it: "
    "RoomAgentDispatch in its RoomConfiguration.",
)
ASKED = (
    "The room gets only a worker that is registered under exactly this name (case matters), and "
    "never one without a name.",
    "Give worker and dispatch the same name. Or remove it from both, and every new room gets the "
    "agent.",
)
REFUSED = (
    "A job that is not accepted within 3 seconds is refused, and its room gets no agent.",
    "Remove the argument request_fnc or on_request: the SDK's own handler accepts every job. Or "
    "begin the handler with await request.accept().",
)
# What each cause means and what to do, in the order in which one hides the next: no worker, no job,
# a refused job. The numbers are measured: livekit-server 1.13.5, livekit-agents 1.8.9.
CAUSES = {
    "unknown-option": (
        "It raises TypeError: the worker does not start, or the job ends at once.",
        "Remove this argument.",
    ),
    "named-worker": NAMED,
    "named-by-environment": NAMED,
    "named-by-livekit-toml": NAMED,
    "names-differ": ASKED,
    "names-an-agent": ASKED,
    "asked-elsewhere": ASKED,
    "always-full": (
        "LiveKit gives no room to a full worker, and offers a room only once, so the room never "
        "gets an agent.",
        "Remove this argument.",
    ),
    "request-plain-def": REFUSED,
    "request-not-awaited": REFUSED,
    "request-arguments": REFUSED,
    "request-unanswered": REFUSED,
    "request-raises": REFUSED,
    "request-slow": REFUSED,
    "request-rejects": REFUSED,
    "idle-processes": (
        "With livekit-agents 1.4 or later and `start`, if two rooms open at once, one never "
        "gets an agent.",
        "Remove this argument, or set it to 4.",
    ),
    "no-main-guard": (
        "The SDK imports this file in job processes. There, the call starts a second worker, which "
        "outlives the first.",
        'Put the call under if __name__ == "__main__":',
    ),
    "name-in-metadata": (
        "LiveKit does not read metadata, so this dispatches no agent. But other code may wait for "
        "that agent, or ask for a name that no worker has.",
        "Remove the name from the metadata.",
    ),
    "unreadable": ("It was not checked.", "Save it as UTF-8, and correct its syntax."),
}
# Since livekit-agents 1.5.7 the first names a worker whose code gives it no name; since 1.6.0 the
# second beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
# From this load on, livekit-server 1.13.5 passes over a worker, whatever its threshold (measured).
FULL = 0.7
# In LiveKit's Python and in its JavaScript.
SPELLINGS = ("agent_name", "agentName")
# Where code describes a room or a participant.
ABOUT_ROOMS = {
    *("CreateRoomRequest", "RoomConfiguration", "createRoom", "roomConfig", "room_config"),
    *("AccessToken", "with_metadata", "set_metadata", "setMetadata", "updateRoomMetadata"),
    *("UpdateRoomMetadataRequest", "UpdateParticipantRequest", "updateParticipant"),
}


@dataclass(frozen=True, order=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Value:
    """An agent name in the source.

    Attributes:
        text: None if it is only known at run time.
        is_sure: whether it cannot be empty.
    """

    text: str | None
    is_sure: bool = False

    def __str__(self) -> str:
        if self.text is None:
            return "a name that is only known at run time"
        return f"the name {self.text[:100]!r}" if self.text else "no name"


NOTHING = Value("")
UNKNOWN = Value(None)


def literal(text: str) -> Value:
    return Value(text, is_sure=bool(text))


def is_metadata(words: set[str]) -> bool:
    """Whether a place in code is metadata of a room or participant, by the words before it."""
    found = {word.lower() for word in words if "metadata" in word.lower()}
    has_owner = any(word.startswith(("room", "participant")) for word in found)
    return bool(found) and (has_owner or bool(words & ABOUT_ROOMS))


@dataclass(frozen=True)
class Name:
    """A name that `by` gives to a worker, or by which it asks for an agent."""

    place: Place
    by: str
    value: Value


@dataclass
class Notes:
    """What the readers have found.

    Attributes:
        release: the newest release of livekit-agents that the project allows.
        variables: environment variables in its files that may hold an agent's name.
        settings: the names that LiveKit's own variables, or livekit.toml, give to workers.
        workers: the name that the code gives to each worker.
        requests: the names that tokens, rooms and dispatches ask for.
        mentioned: names elsewhere that may be requests, or something else.
    """

    release: tuple[float, ...]
    variables: dict[str, Value] = field(default_factory=dict)
    settings: list[Name] = field(default_factory=list)
    workers: list[Name] = field(default_factory=list)
    requests: list[Name] = field(default_factory=list)
    mentioned: set[Value] = field(default_factory=set)
    findings: dict[Finding, Place] = field(default_factory=dict)

    def variable(self, name: str, default: Value) -> Value:
        """Return the value of the environment variable `name`."""
        return self.variables.get(name) or Value(None, default.is_sure)

    def say(self, cause: str, place: Place, seen: str, level: Level = "problem") -> None:
        finding = Finding("project", level, cause, f"{place}: {seen}", *CAUSES[cause])
        self.findings[finding] = place

    def say_metadata(self, place: Place, value: Value) -> None:
        if value != NOTHING:
            seen = f"The metadata of a room or participant holds {value} of an agent."
            self.say("name-in-metadata", place, seen, "warning")
