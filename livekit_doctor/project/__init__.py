"""Find what keeps agents away in the code of a LiveKit project, without running it."""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from livekit_doctor.finding import Finding
from livekit_doctor.project import python, texts
from livekit_doctor.project.notes import CAUSES, NAMING_VARIABLES, Name, Notes, Place

FILE_COUNT_LIMIT = 5000
FILE_LIMIT_BYTES = 1_000_000
SKIPPED = {
    *("venv", "node_modules", "__pycache__", "dist", "build"),
    *("test", "tests", "__tests__"),
}
SETTINGS = re.compile(
    r"\.env.*|.*\.env|.*Dockerfile.*|Procfile|Makefile|package\.json|.*\.(ya?ml|toml|sh)"
)
SCRIPT = re.compile(r".*\.([mc]?[jt]s|[jt]sx|vue|svelte|html|json)")
OTHER = re.compile(r".*\.py|uv\.lock|poetry\.lock|requirements.*\.(txt|in)")
TEST = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py|.*\.(test|spec)\.\w+|.*\.min\.js")


class NothingToRead(ValueError):
    """There is no LiveKit project here; the message says why."""


def examine(root: Path) -> list[Finding]:
    """Return what keeps agents away in the project at `root`, or one finding that nothing does.

    Raises:
        NothingToRead: `root` is not a folder, or no file in it mentions LiveKit.
    """
    if not root.is_dir():
        raise NothingToRead(f"{root} is not a folder.")
    unreadable: list[str] = []
    sources = dict(read(root, unreadable))
    if not unreadable and not any("livekit" in text.lower() for text in sources.values()):
        raise NothingToRead(f"No file in {root} mentions LiveKit.")
    notes = Notes(texts.release(sources))
    modules = python.Modules(sources)
    # Settings first, because code refers to them.
    for file in sorted(sources, key=lambda file: not SETTINGS.fullmatch(PurePosixPath(file).name)):
        try:
            read_file(file, sources[file], modules, notes)
        except (ValueError, RecursionError):
            unreadable.append(file)
    compare_names(notes)
    if unreadable:
        seen = f"Cannot read {', '.join(unreadable[:10])}."
        notes.say("unreadable", Place(unreadable[0], 1), seen, "warning")
    if not notes.findings:
        count = len(sources)
        files = "1 file" if count == 1 else f"{count} files"
        files = f"the first {files}" if count == FILE_COUNT_LIMIT else files
        return [Finding("project", "ok", "", f"Nothing in {files} keeps an agent away.")]
    order = list(CAUSES)
    return sorted(notes.findings, key=lambda f: (order.index(f.cause), notes.findings[f]))


def read(root: Path, unreadable: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each file, and add to `unreadable` the files that are not text."""
    for file in islice(files_in(root), FILE_COUNT_LIMIT):
        try:
            path = root / file
            if not path.is_file():
                continue  # reading a pipe would never end
            content = path.read_bytes() if path.stat().st_size <= FILE_LIMIT_BYTES else b""
            yield file, content.decode("utf-8-sig")
        except OSError:
            unreadable.append(file)
        except UnicodeDecodeError:
            if b"livekit" in content.lower():
                unreadable.append(file)


def files_in(root: Path) -> Iterator[str]:
    """Yield the paths of the files worth reading, relative to `root`."""
    for folder, folders, files in os.walk(root):
        parent = Path(folder)
        is_github = parent.name == ".github"
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED
            and not (parent / name / "pyvenv.cfg").exists()
            and (name == "workflows" if is_github else name[0] != "." or name == ".github")
        )
        for name in [] if is_github else sorted(files):
            is_wanted = any(kind.fullmatch(name) for kind in (SETTINGS, SCRIPT, OTHER))
            try:
                is_inside = (parent / name).resolve().is_relative_to(root.resolve())
            except RuntimeError:  # a loop of symbolic links, before Python 3.13
                continue
            if is_wanted and is_inside and not TEST.fullmatch(name):
                yield (parent / name).relative_to(root).as_posix()


def read_file(file: str, text: str, modules: python.Modules, notes: Notes) -> None:
    """Read one file, as its name says.

    Raises:
        ValueError, RecursionError: its text does not parse.
    """
    name = PurePosixPath(file).name
    if SETTINGS.fullmatch(name):
        texts.read_settings(file, text, notes)
    if re.fullmatch(r"livekit.*\.toml", name):
        texts.read_livekit_toml(file, text, notes)
    elif "livekit" in text.lower():
        if name.endswith(".py"):
            if not (module := modules.module(file)):
                raise ValueError(file)
            python.read(module, notes)
        elif SCRIPT.fullmatch(name):
            texts.read_script(file, text, notes)
    elif name.endswith(".json") and re.search("room_?config", text, re.IGNORECASE):
        texts.read_script(file, text, notes)  # a SIP dispatch rule


def compare_names(notes: Notes) -> None:
    """Report workers with a name that nobody asks for, and requests for a name without a worker."""
    workers = list(dict.fromkeys(effective_names(notes)))
    names = {worker.value.text for worker in workers}
    requested = {request.value.text for request in notes.requests}
    requested = (requested | {value.text for value in notes.mentioned}) - {""}
    known = names | requested if None in names else names
    unmet = [r for r in notes.requests if r.value.text and r.value.text not in known]
    for request in unmet:
        cause, but = "asked-elsewhere", "this project has no worker"
        if workers:
            cause = "names-differ" if any(names) else "names-an-agent"
            but = "; ".join(f"the worker at {w.place} has {w.value}" for w in workers[:3])
        seen = f"{request.by} asks for {request.value}, but {but}."
        notes.say(cause, request.place, seen, "problem" if workers else "warning")
    for worker in workers:
        name = worker.value.text
        is_met = bool(requested & {name, None}) or (name is None and requested)
        if name != "" and not is_met and not unmet:
            cause = "named-worker"
            if worker in notes.settings:
                by_file = worker.by == texts.TOML
                cause = "named-by-livekit-toml" if by_file else "named-by-environment"
            seen = f"{worker.by} gives the worker {worker.value}, and nothing here asks for it."
            notes.say(cause, worker.place, seen, "problem" if worker.value.is_sure else "warning")


def effective_names(notes: Notes) -> Iterator[Name]:
    """Yield the name of each worker, which the environment may have given it."""
    variable, override = NAMING_VARIABLES
    since = {variable: (1, 5, 7), override: (1, 6)}  # measured
    settings = [s for s in notes.settings if notes.release >= since.get(s.by, (0,))]
    if not notes.workers:
        yield from (setting for setting in settings if setting.by in since)
    for worker in notes.workers:
        applicable = [s for s in settings if applies(s.place, worker.place)]
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
