"""Notes about a project: the names in it, and whatever else keeps agents away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from livekit_doctor.finding import Finding, Level
from livekit_doctor.project.causes import BY_ID
from livekit_doctor.project.releases import Release, Releases

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
        is_sure: whether it is this one, or, if it is unknown, whether it cannot be empty.
        unless: the environment variable that may hold another one.
    """

    text: str | None
    is_sure: bool = False
    unless: str = ""

    def __str__(self) -> str:
        if self.text is None:
            return "a name that is only known at run time"
        unless = f" (unless {self.unless} says another)" if self.unless else ""
        return f"the name {self.text[:100]!r}{unless}" if self.text else "no name"


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
        releases: the release of livekit-agents for each file.
        variables: environment variables in its files that may hold an agent's name.
        examples: the same in files such as .env.example.
        constants: the members of objects that JavaScript exports, such as `CONFIG.agentName`.
        settings: the names that LiveKit's own variables, or livekit.toml, give to workers.
        workers: the name that the code gives to each worker.
        requests: the names that tokens, rooms and dispatches ask for.
        mentioned: names elsewhere that may be requests, or something else.
        configured: the names in objects of settings, in JavaScript; empty if there is none.
        clients: files that speak of LiveKit, in which no name could be read.
        pages: JavaScript that joins rooms, in which no name could be read.
        issuers: files that make tokens or rooms.
        prose: the texts of READMEs.
        remarks: what is worth knowing, though nothing is wrong.
        unread: places that could not be read, and why: they may hide names.
        unfollowed: request handlers that could not be followed, and why.
    """

    releases: Releases
    sources: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    examples: dict[str, Value] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    settings: list[Name] = field(default_factory=list)
    workers: list[Name] = field(default_factory=list)
    requests: list[Name] = field(default_factory=list)
    mentioned: list[Name] = field(default_factory=list)
    configured: list[Name] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    issuers: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    findings: dict[Finding, Place] = field(default_factory=dict)
    remarks: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    unfollowed: dict[str, str] = field(default_factory=dict)

    @cached_property
    def is_vendored(self) -> bool:
        """Whether the project holds livekit-agents itself, so that no release says what it has."""
        return any(f.endswith("livekit/agents/worker.py") for f in self.sources)

    @cached_property
    def worker_files(self) -> set[str]:
        """The files with workers, once all files are read."""
        return {worker.place.file for worker in self.workers}

    @cached_property
    def has_sessions(self) -> bool:
        return any("rtc_session" in text for file, text in self.sources.items() if ".py" in file)

    def variable(self, name: str, default: Value) -> Value:
        """Return the value of the environment variable `name`."""
        if value := self.variables.get(name):
            return value
        if default.text:
            return Value(default.text, unless=name)
        if example := self.examples.get(name):
            return example
        return Value(None, default.is_sure, unless=name)

    def say(self, cause: str, place: Place, seen: str, level: Level = "problem") -> None:
        self.findings[BY_ID[cause].finding("project", level, f"{place}: {seen}")] = place

    def release(self, file: str) -> Release:
        return self.releases.of(file)

    def remark(self, cause: str, place: Place, seen: str) -> None:
        """Say what is worth knowing, though nothing is known to be wrong."""
        self.remarks.append(BY_ID[cause].finding("project", "ok", f"{place}: {seen}"))

    def say_metadata(self, place: Place, value: Value) -> None:
        if value != NOTHING:
            seen = f"The metadata of a room or participant holds {value} of an agent."
            self.say("name-in-metadata", place, seen, "warning")
