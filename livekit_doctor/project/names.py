"""Compare the names of workers with the names that tokens, rooms and dispatches ask for."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from packaging.version import Version

from livekit_doctor.finding import Level
from livekit_doctor.project.files import PROSE, SETTINGS
from livekit_doctor.project.notes import NAMING_VARIABLES, UNKNOWN, Name, Notes, Place
from livekit_doctor.project.texts import TOML

# Ids of LiveKit: an agent of the Cloud, a worker, a job, a room, a dispatch, a trunk.
ID = re.compile(r"(CA|AW|AJ|RM|PA|AD|ST|SDR|TR|SIP|A)_[A-Za-z0-9]{8,24}")
# Calls that any program may make for any room; a token is made by the program of its own project.
BY_API = {"CreateAgentDispatchRequest", "createDispatch", "create_dispatch", "--agent-name"}
ROOT = PurePosixPath(".")
# What makes tokens, rooms or dispatches. Settings and texts have readers of their own.
ASKING = re.compile(r"(?i)dispatch|access_?token|room_?config|create_?room")
NO_CODE = re.compile(rf"{SETTINGS.pattern}|{PROSE.pattern}")
EXAMPLES = 5  # so many unnamed workers side by side are a collection of examples, not a project


class Scopes:
    """The projects in a repository: folders with a worker each, if they lie side by side.

    A file outside of all of them, such as a shared front end, belongs to each.
    """

    def __init__(self, workers: Iterable[str]) -> None:
        self._roots = sorted(self._split(ROOT, [PurePosixPath(file) for file in workers]))

    def _split(self, folder: PurePosixPath, files: list[PurePosixPath]) -> Iterator[PurePosixPath]:
        depth = len(folder.parts)
        if len({f.parent for f in files}) < 2 or any(f.parent == folder for f in files):
            yield folder if len(files) > 1 or any(f.parent == folder for f in files) else ROOT
            return
        children = sorted({f.parts[depth] for f in files})
        for child in children:
            inside = [f for f in files if f.parts[depth] == child]
            if len(children) == 1:
                yield from self._split(folder / child, inside)
            else:
                yield from (
                    self._split(folder / child, inside) if len(inside) > 1 else [folder / child]
                )

    def of(self, file: str) -> PurePosixPath | None:
        """Return the project that `file` is part of; None if it belongs to all of them."""
        if len(self._roots) < 2:
            return ROOT
        return next((r for r in self._roots if PurePosixPath(file).is_relative_to(r)), None)


def compare(notes: Notes) -> None:
    """Report workers with a name that nobody asks for, and requests for a name without a worker."""
    workers = list(dict.fromkeys(effective_names(notes)))
    scopes = Scopes(worker.place.file for worker in workers)
    requests = [r for r in dict.fromkeys(notes.requests) if not _report_id(r, notes)]
    for mention in notes.mentioned:
        _report_id(mention, notes)
    unmet_scopes = set[PurePosixPath | None]()
    for request in requests:
        scope = scopes.of(request.place.file)
        if not request.value.text:
            continue
        near = [w for w in workers if scope in (None, scopes.of(w.place.file))]
        if any(w.value.text in (None, request.value.text) for w in near):
            continue
        far = [w for w in workers if w.value.text == request.value.text]
        if far and request.by in BY_API:
            continue
        _report_unmet(request, near, far, notes)
        unmet_scopes.add(scope)
    for worker in workers:
        scope = scopes.of(worker.place.file)
        if worker.value.text == "" or scope in unmet_scopes or (None in unmet_scopes and not scope):
            continue
        near = [r for r in requests if scopes.of(r.place.file) in (None, scope)]
        near = [r for r in near if r.value.text != ""]
        asked = {r.value.text for r in near or requests}
        asked |= {r.value.text for r in requests if r.by in BY_API}
        asked |= {m.value.text for m in notes.mentioned}
        name = worker.value.text
        if name in asked or (name is None and asked - {""}):
            continue
        if None in asked:
            _report_configured(worker, scope, scopes, notes)
            continue
        if unmet_scopes and near:
            continue  # reported with the request
        if any(ASKING.search(notes.sources[file]) for file in _holders(name, notes)):
            continue  # asked for in a way that no reader knows
        _report_unasked(worker, scope, scopes, notes)


def _report_id(request: Name, notes: Notes) -> bool:
    name = request.value.text or ""
    if not ID.fullmatch(name) or not re.search(r"\d", name):
        return False
    if any(worker.value.text == name for worker in notes.workers):
        return False
    seen = f"{request.by} asks for {name!r}, which is an id, and not the name of a worker."
    notes.say("agent-id", request.place, seen)
    return True


def _report_unmet(request: Name, near: list[Name], far: list[Name], notes: Notes) -> None:
    if not near and not far and notes.unread:
        return  # a worker whose options could not be read may have the name
    if not near and not far:
        notes.remark(
            "asked-elsewhere",
            request.place,
            f"{request.by} asks for {request.value}. No worker is in this folder: it must be "
            "registered under exactly this name.",
        )
        return
    if request.by in BY_API and len({w.place.file for w in near if not w.value.text}) >= EXAMPLES:
        seen = f"{request.by} asks for {request.value}. No worker here has it."
        notes.remark("asked-elsewhere", request.place, seen)
        return
    cause = "names-differ" if any(w.value.text for w in near) else "names-an-agent"
    but = "; ".join(f"the worker at {w.place} has {w.value}" for w in near[:3])
    if far:
        but += f"; {far[0].place} has it, but is another project"
    # A dispatch into a closed room opens it, and an unnamed worker gets it anyway.
    comes_anyway = request.by in BY_API and any(w.value.text == "" for w in near)
    is_sure = (
        request.value.is_sure
        and not comes_anyway
        and not far
        and not notes.unread
        and all(w.value.is_sure or w.value.text == "" for w in near)
    )
    seen = f"{request.by} asks for {request.value}, but {but.lstrip('; ')}."
    if comes_anyway:
        seen += " A new room gets the worker without a name, but not by this request."
    notes.say(cause, request.place, seen, "problem" if is_sure else "warning")


def _holders(name: str | None, notes: Notes) -> list[str]:
    """Return the files about LiveKit, other than those of workers, that hold a name as a text."""
    return [
        file
        for file, text in notes.sources.items()
        if name
        and file not in notes.worker_files
        and not NO_CODE.fullmatch(PurePosixPath(file).name)
        and any(f"{quote}{name}{quote}" in text for quote in "\"'`")
        and "livekit" in text.lower()
    ]


def _report_configured(
    worker: Name, scope: PurePosixPath | None, scopes: Scopes, notes: Notes
) -> None:
    """Report settings of a client that give no worker's name, where a request may take its own."""
    near = [c for c in notes.configured if scopes.of(c.place.file) in (None, scope)]
    names = {w.value.text for w in effective_names(notes)}
    if not worker.value.is_sure or not near or any(c.value.text in names - {""} for c in near):
        return
    cause = "names-differ" if near[0].value.text else "named-worker"
    seen = f"{near[0].by} is {near[0].value}, but the worker at {worker.place} has {worker.value}."
    notes.say(cause, near[0].place, seen, "warning")


def _report_unasked(
    worker: Name, scope: PurePosixPath | None, scopes: Scopes, notes: Notes
) -> None:
    cause = "named-worker"
    if worker in notes.settings:
        by_file = worker.by == TOML
        cause = "named-by-livekit-toml" if by_file else "named-by-environment"
    clients = [c for c in notes.clients if scopes.of(c) in (None, scope)]
    # A worker makes tokens for itself or its avatar, and not for the people in a room.
    issuers = [
        i for i in notes.issuers if i not in notes.worker_files and scopes.of(i) in (None, scope)
    ]
    gives = f"{worker.by} gives the worker {worker.value}"
    level: Level = "problem" if worker.value.is_sure else "warning"
    if not issuers and not clients and (why := _is_meant(worker, notes)):
        notes.remark(
            cause, worker.place, f"{gives}: only rooms that ask for exactly this name get it. {why}"
        )
        return
    clients += [f for f in _holders(worker.value.text, notes) if scopes.of(f) in (None, scope)]
    # A page gets its token from what makes tokens here, or else from elsewhere.
    clients += [page for page in notes.pages if not issuers and scopes.of(page) in (None, scope)]
    if clients:
        level, gives = "warning", f"{gives}, and no name could be read in {', '.join(clients[:3])}"
        notes.say(cause, worker.place, f"{gives}. Does it ask for this name?", level)
        return
    notes.say(cause, worker.place, f"{gives}, and nothing here asks for it.", level)


def _is_meant(worker: Name, notes: Notes) -> str:
    """Return why a name seems to be meant, in a project without clients. Empty if it does not."""
    name = worker.value.text
    if worker.value == UNKNOWN and worker not in notes.settings:
        return "Code that was not followed decides on it."
    if name and any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for text in notes.prose):
        return "A text of the project speaks of the name."
    elsewhere = r"(?i)dispatch|agent.?name|front.?end|telephony|\bsip\b|playground"
    if any(has(elsewhere, text) for text in notes.prose):
        return "Its clients seem to be elsewhere: a text of the project speaks of them."
    source = notes.sources.get(worker.place.file, "")
    if has(r"\bjob\.metadata\b", source):
        return "Its code expects to be dispatched: it reads the job's metadata."
    if has(r"(?i)explicit(ly)? dispatch|dispatch rule|\bsip[_.-]|telephon|phone_number", source):
        return "Its code speaks of dispatching, or of phone calls, for which a dispatch rule asks."
    return ""


@lru_cache(maxsize=100)
def has(pattern: str, text: str) -> bool:
    """Whether a text has a pattern; asked again for each worker in the same file."""
    return bool(re.search(pattern, text))


def effective_names(notes: Notes) -> Iterator[Name]:
    """Yield the name of each worker, which the environment may have given it."""
    variable, override = NAMING_VARIABLES
    since = {variable: Version("1.5.7"), override: Version("1.6")}  # measured
    oldest = Version("0")
    if not notes.workers:
        newest = notes.releases.newest().version
        yield from (s for s in notes.settings if s.by in since and newest >= since[s.by])
    for worker in notes.workers:
        release = notes.release(worker.place.file).version
        applicable = [
            s
            for s in notes.settings
            if release >= since.get(s.by, oldest) and applies(s.place, worker.place)
        ]
        naming = [s for s in applicable if s.by == override]
        if not naming and worker.value.text == "":
            naming = applicable
        yield from naming
        if not any(setting.value.is_sure for setting in naming):
            yield worker


def applies(setting: Place, worker: Place) -> bool:
    """Whether a setting applies to a worker: an environment file does only in its own folder."""
    path = PurePosixPath(setting.file)
    is_of_folder = ".env" in path.name or path.name.startswith("livekit")
    return not is_of_folder or PurePosixPath(worker.file).is_relative_to(path.parent)
