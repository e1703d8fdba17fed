"""What is noted down while a project is read: names, and whatever else keeps an agent away."""

from dataclasses import dataclass, field
from typing import Literal

from livekit_doctor.finding import Finding

Level = Literal["warning", "problem"]
# Every cause, in the order in which one hides the next: no worker, no job, a refused job. What it
# means, and what to do. The numbers are measured: livekit-server 1.13.5, livekit-agents 1.8.9.
NAMED = (
    "A worker with a name gets no room by itself: LiveKit sends it only where a token's room "
    "configuration, or a dispatch by the API, asks for exactly this name.",
    "Take the name away there, and every new room gets the agent. Or let the token ask for it: "
    "RoomAgentDispatch in its RoomConfiguration.",
)
ASKED = (
    "Only a worker that registers under exactly this name gets the room (case counts), and no "
    "worker without a name gets it.",
    "Let worker and dispatch have the same name. Or take it away on both sides, and every new room "
    "gets the agent.",
)
REFUSED = (
    "A job that is not accepted within 3 seconds is refused, and its room gets no agent.",
    "Take the argument request_fnc or on_request away: the SDK's own accepts every job. Or begin "
    "with await request.accept(), whichever way it goes.",
)
CAUSES = {
    "unknown-option": (
        "It raises TypeError: the worker does not start, or the job ends at once.",
        "Take this argument away.",
    ),
    "named-worker": NAMED,
    "named-by-environment": NAMED,
    "named-by-livekit-toml": NAMED,
    "names-differ": ASKED,
    "names-an-agent": ASKED,
    "asked-elsewhere": ASKED,
    "always-full": (
        "LiveKit gives no room to a worker that is full, and does not ask again: the room stays "
        "without an agent for good.",
        "Take this argument away.",
    ),
    "request-plain-def": REFUSED,
    "request-not-awaited": REFUSED,
    "request-arguments": REFUSED,
    "request-unanswered": REFUSED,
    "request-raises": REFUSED,
    "request-slow": REFUSED,
    "request-rejects": REFUSED,
    "idle-processes": (
        "With livekit-agents 1.4 or later and `start`, of two rooms that open at once one gets no "
        "agent, for good.",
        "Take this argument away, or make it 4.",
    ),
    "no-main-guard": (
        "The SDK imports this file to make job processes. There it starts a second worker, which "
        "outlives the first.",
        'Put the call under if __name__ == "__main__":',
    ),
    "name-in-metadata": (
        "LiveKit does not read metadata, so this brings no agent. But other code may wait for that "
        "one, or ask for it by a name that no worker has.",
        "Take the name out of the metadata.",
    ),
    "unreadable": ("What it says is not in this report.", "Make it a text in UTF-8 that parses."),
}
# Since livekit-agents 1.5.7 the first names a worker whose code gives it no name; since 1.6.0 the
# second beats any name in code (measured).
NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")
# From this load on, livekit-server 1.13.5 passes over a worker, whatever its threshold (measured).
FULL = 0.7
# How LiveKit's Python and its JavaScript spell the same thing.
SPELLINGS = ("agent_name", "agentName")
# Where LiveKit's programs describe a room or a participant.
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
    """A name in the source. `text` is None if it is known at run time only.

    Attributes:
        is_sure: whether it can not be empty.
    """

    text: str | None
    is_sure: bool = False

    def __str__(self) -> str:
        if self.text is None:
            return "a name that is known at run time"
        return f"the name {self.text[:100]!r}" if self.text else "no name"


NOTHING = Value("")
LATER = Value(None)


def literal(text: str) -> Value:
    return Value(text, is_sure=bool(text))


def is_metadata(words: set[str]) -> bool:
    """Whether a place is the metadata of a room or participant, by the words that lead there."""
    found = {word.lower() for word in words if "metadata" in word.lower()}
    of_whom = any(word.startswith(("room", "participant")) for word in found)
    return bool(found) and (of_whom or bool(words & ABOUT_ROOMS))


@dataclass(frozen=True)
class Name:
    """The name that `by` gives to a worker, or by which it asks for one."""

    place: Place
    by: str
    value: Value


@dataclass
class Notes:
    """What the readers have found.

    Attributes:
        release: of livekit-agents, the newest that the project allows.
        variables: what its files set in the environment, as far as it may name an agent.
        settings: where LiveKit's own variables, or livekit.toml, name a worker.
        workers: the name that each worker gives itself.
        asked: which agent a token, a room or a dispatch asks for.
        mentioned: names of agents elsewhere, which may be asked for, or may be of something else.
    """

    release: tuple[float, ...]
    variables: dict[str, Value] = field(default_factory=dict)
    settings: list[Name] = field(default_factory=list)
    workers: list[Name] = field(default_factory=list)
    asked: list[Name] = field(default_factory=list)
    mentioned: set[Value] = field(default_factory=set)
    findings: dict[Finding, Place] = field(default_factory=dict)

    def variable(self, name: str, default: Value) -> Value:
        """What the environment variable `name` will be."""
        return self.variables.get(name) or Value(None, default.is_sure)

    def say(self, cause: str, place: Place, said: str, level: Level = "problem") -> None:
        finding = Finding("project", level, cause, f"{place}: {said}", *CAUSES[cause])
        self.findings[finding] = place

    def say_metadata(self, place: Place, value: Value) -> None:
        if value != NOTHING:
            said = f"Metadata of a room or a participant holds {value} of an agent."
            self.say("name-in-metadata", place, said, "warning")
