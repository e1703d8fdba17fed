"""Read the code of a project that uses LiveKit, without running it: what keeps agents away?"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from livekit_doctor.finding import Finding
from livekit_doctor.project import python, texts
from livekit_doctor.project.notes import CAUSES, NAMING_VARIABLES, Name, Notes, Place

MOST_FILES = 5000
MOST_BYTES = 1_000_000
SKIPPED = {
    *("venv", "node_modules", "__pycache__", "dist", "build"),
    *("test", "tests", "__tests__"),
}
SETTINGS = re.compile(
    r"\.env.*|.*\.env|.*Dockerfile.*|Procfile|Makefile|package\.json|.*\.(ya?ml|toml|sh)"
)
SCRIPT = re.compile(r".*\.([mc]?[jt]s|[jt]sx|vue|svelte|html|json)")
OTHERS = re.compile(r".*\.py|uv\.lock|poetry\.lock|requirements.*\.(txt|in)")
TEST = re.compile(r"test_.*\.py|.*_test\.py|conftest\.py|.*\.(test|spec)\.\w+|.*\.min\.js")


class NothingToRead(ValueError):
    """There is no project that uses LiveKit here; the message says why."""


def examine(root: Path) -> list[Finding]:
    """Return what keeps an agent away in the project at `root`, or one finding that nothing does.

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
    # First the settings: code asks for them.
    for file in sorted(sources, key=lambda file: not SETTINGS.fullmatch(PurePosixPath(file).name)):
        try:
            note(file, sources[file], modules, notes)
        except (ValueError, RecursionError):
            unreadable.append(file)
    compare_names(notes)
    if unreadable:
        said = f"This cannot be read: {', '.join(unreadable[:10])}"
        notes.say("unreadable", Place(unreadable[0], 1), said, "warning")
    if not notes.findings:
        files = f"{'the first ' if len(sources) == MOST_FILES else ''}{len(sources)} files"
        return [Finding("project", "ok", "", f"Nothing in {files} keeps an agent away.")]
    order = list(CAUSES)
    return sorted(notes.findings, key=lambda each: (order.index(each.cause), notes.findings[each]))


def read(root: Path, unreadable: list[str]) -> Iterator[tuple[str, str]]:
    for file in islice(files_in(root), MOST_FILES):
        try:
            path = root / file
            if not path.is_file():
                continue  # a pipe would let us wait for ever
            content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
            yield file, content.decode("utf-8-sig")
        except OSError:
            unreadable.append(file)
        except UnicodeDecodeError:
            if b"livekit" in content.lower():
                unreadable.append(file)


def files_in(root: Path) -> Iterator[str]:
    """The paths of the files that may say something, relative to `root`."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        is_github = here.name == ".github"
        folders[:] = sorted(
            each
            for each in folders
            if each not in SKIPPED
            and not (here / each / "pyvenv.cfg").exists()
            and (each == "workflows" if is_github else each[0] != "." or each == ".github")
        )
        for name in [] if is_github else sorted(files):
            is_wanted = any(kind.fullmatch(name) for kind in (SETTINGS, SCRIPT, OTHERS))
            try:
                is_inside = (here / name).resolve().is_relative_to(root.resolve())
            except RuntimeError:  # links in a circle, before Python 3.13
                continue
            if is_wanted and is_inside and not TEST.fullmatch(name):
                yield (here / name).relative_to(root).as_posix()


def note(file: str, text: str, modules: python.Modules, notes: Notes) -> None:
    """Reads one file with the reader of its kind.

    Raises:
        ValueError, RecursionError: it is not what its name says.
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
        texts.read_script(file, text, notes)  # a dispatch rule of LiveKit's SIP


def compare_names(notes: Notes) -> None:
    """Says where a worker waits for a name that nobody asks for, or the other way round."""
    workers = list(dict.fromkeys(named_from_outside(notes)))
    names = {each.value.text for each in workers}
    asked = {each.value.text for each in notes.asked} | {each.text for each in notes.mentioned}
    asked -= {""}
    known = names | asked if None in names else names
    strangers = [each for each in notes.asked if each.value.text and each.value.text not in known]
    for each in strangers:
        cause, theirs = "asked-elsewhere", "no worker is in this project"
        if workers:
            cause = "names-differ" if any(names) else "names-an-agent"
            theirs = "; ".join(f"the worker of {w.place} has {w.value}" for w in workers[:3])
        said = f"{each.by} asks for {each.value}, but {theirs}."
        notes.say(cause, each.place, said, "problem" if workers else "warning")
    for each in workers:
        is_met = bool(asked & {each.value.text, None}) or (each.value.text is None and asked)
        if each.value.text != "" and not is_met and not strangers:
            cause = "named-worker"
            if each in notes.settings:
                by_file = each.by == texts.TOML
                cause = "named-by-livekit-toml" if by_file else "named-by-environment"
            said = f"{each.by} gives the worker {each.value}, and nothing here asks for it."
            notes.say(cause, each.place, said, "problem" if each.value.is_sure else "warning")


def named_from_outside(notes: Notes) -> Iterator[Name]:
    """The workers, each with the name that it has in the end: the environment may give it one."""
    variable, override = NAMING_VARIABLES
    since = {variable: (1, 5, 7), override: (1, 6)}  # measured
    settings = [each for each in notes.settings if notes.release >= since.get(each.by, (0,))]
    if not notes.workers:
        yield from (each for each in settings if each.by in since)
    for worker in notes.workers:
        near = [each for each in settings if reaches(each.place, worker.place)]
        naming = [each for each in near if each.by == override]
        if not naming and worker.value.text == "":
            naming = near
        yield from naming
        if not any(each.value.is_sure for each in naming):
            yield worker


def reaches(setting: Place, worker: Place) -> bool:
    """An environment file is for what is in its folder; compose or a workflow, for everything."""
    path = PurePosixPath(setting.file)
    is_of_folder = ".env" in path.name or path.name.startswith("livekit")
    return not is_of_folder or PurePosixPath(worker.file).is_relative_to(path.parent)
