"""Find what keeps agents away in the code of a LiveKit project, without running it."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import tree_sitter_python
from tree_sitter import Language, Parser

from livekit_doctor.finding import Finding
from livekit_doctor.project import clients, files, names, python, starting, starts, texts
from livekit_doctor.project.causes import BY_ID, ORDER
from livekit_doctor.project.files import PROSE, SCRIPT, SETTINGS
from livekit_doctor.project.notes import Notes, Place
from livekit_doctor.project.releases import Releases

FINDINGS_OF_A_KIND = 20  # so many are shown, and the rest are counted


class NothingToRead(ValueError):
    """There is no LiveKit project here; the message says why."""


def examine(root: Path) -> list[Finding]:
    """Return what keeps agents away in the project at `root`, then what was examined.

    Raises:
        NothingToRead: `root` is not a folder, or no file in it mentions LiveKit.
    """
    if not root.is_dir():
        raise NothingToRead(f"{root} is not a folder.")
    sources = files.read(root)
    if not sources.unread and not any("livekit" in t.lower() for t in sources.texts.values()):
        raise NothingToRead(f"No file in {root} mentions LiveKit.")
    notes = Notes(Releases(sources.texts), sources.texts)
    modules = python.Modules(sources.texts)
    for file, text in sources.texts.items():
        if SCRIPT.fullmatch(PurePosixPath(file).name) and "gent" in text.lower():
            texts.note_constants(file, text, notes)
    # Settings first, because code refers to them.
    for file in sorted(sources.texts, key=lambda f: not SETTINGS.fullmatch(PurePosixPath(f).name)):
        try:
            read_file(file, sources.texts[file], modules, notes)
        except (ValueError, RecursionError) as error:
            sources.unread[file] = str(error) or "does not parse"
    for file in sources.marks:
        report_mark(file, sources, notes)
    starting.check(sources.texts, modules, notes, sources.unread)
    names.compare(notes)
    sources.unread |= notes.unread | notes.unfollowed
    found = sorted(notes.findings, key=lambda f: (ORDER[f.cause], notes.findings[f]))
    unknown = sorted(unknown_imports(modules, notes))
    return [*shorten([*found, *notes.remarks]), *verdict(sources, found, unknown)]


def unknown_imports(modules: python.Modules, notes: Notes) -> set[str]:
    """Return the modules that the project imports, without having or requiring them by this name.

    A distribution may have another name than its module, so they are only said to be unchecked.
    """
    if notes.is_vendored:
        return set()  # the SDK's own files are many, and their imports do not matter
    known = {"livekit", *sys.stdlib_module_names}
    known |= {part.partition(".")[0] for f in notes.sources for part in PurePosixPath(f).parts}
    for requirements in notes.releases.around(""):
        known |= {n.replace("-", "_") for n in requirements.names | requirements.locked_names}
        known |= {n.removeprefix("python-") for n in requirements.names}
    imported = set[str]()
    for file, text in notes.sources.items():
        if file.endswith(".py") and "livekit" in text and (module := modules.module(file)):
            for node in module.tree.body:
                match node:
                    case ast.Import(names=names):
                        imported |= {alias.name.partition(".")[0] for alias in names}
                    case ast.ImportFrom(level=0, module=str(name)):
                        imported.add(name.partition(".")[0])
    return imported - known


def shorten(found: list[Finding]) -> Iterator[Finding]:
    """Yield the first findings of each kind; the last of them says how many more there are."""
    totals = Counter((finding.cause, finding.level) for finding in found)
    counts = Counter[tuple[str, str]]()
    for finding in found:
        kind = finding.cause, finding.level
        counts[kind] += 1
        more = totals[kind] - FINDINGS_OF_A_KIND
        if counts[kind] == FINDINGS_OF_A_KIND and more > 0:
            finding = replace(finding, seen=f"{finding.seen} The same in {more:,} more places.")
        if counts[kind] <= FINDINGS_OF_A_KIND:
            yield finding


def read_file(file: str, text: str, modules: python.Modules, notes: Notes) -> None:
    """Read one file, as its name says.

    Raises:
        ValueError, RecursionError: its text does not parse.
    """
    name = PurePosixPath(file).name
    if re.search(r"(^|/)livekit/(agents|plugins|api|rtc|protocol)/", file):
        return  # the SDK itself
    if SETTINGS.fullmatch(name):
        texts.read_settings(file, text, notes)
    if re.fullmatch(r"livekit.*\.toml", name):
        texts.read_livekit_toml(file, text, notes)
    elif "livekit" in text.lower():
        if name.endswith((".py", ".ipynb")):
            if module := modules.module(file):
                python.read(module, notes)
                starts.read(module, notes)
            else:
                report_syntax(file, modules, notes)
        elif SCRIPT.fullmatch(name):
            texts.read_script(file, text, notes)
        elif files.language(file):
            clients.read(file, text, notes)
        elif PROSE.fullmatch(name):
            clients.read_prose(file, text, notes)
    elif name.endswith(".json") and re.search("room_?config", text, re.IGNORECASE):
        texts.read_script(file, text, notes)  # a SIP dispatch rule
    elif files.language(file) and clients.KEY.search(text):
        clients.read(file, text, notes)
    elif PROSE.fullmatch(name):
        clients.read_prose(file, text, notes)


def report_syntax(file: str, modules: python.Modules, notes: Notes) -> None:
    """Report a file that Python does not run; one that is a template is only not read.

    Raises:
        ValueError: it is no Python, but a template or code of Python 2.
    """
    error = modules.errors.get(file)
    text = notes.sources[file]
    is_template = ("{{" in text and "}}" in text) or "{%" in text
    if not isinstance(error, SyntaxError) or is_template:
        raise ValueError("is nested too deeply" if error is None else "does not parse")
    if file.endswith(".ipynb"):
        raise ValueError("does not parse")
    if "too many nested" in error.msg:
        raise ValueError("is nested too deeply")
    if is_newer_syntax(text, error):
        raise ValueError("needs a newer Python to be read")
    is_worker = bool(re.search(r"\brun_app\b|WorkerOptions|AgentServer", text))
    seen = f"Python cannot read this line: {error.msg}."
    place = Place(file, error.lineno or 1)
    notes.say("syntax-error", place, seen, "problem" if is_worker else "warning")


def is_newer_syntax(text: str, error: SyntaxError) -> bool:
    """Whether a newer Python than this one may read the text."""
    if isinstance(error, IndentationError) or error.msg.startswith("Missing parentheses"):
        return False  # tree-sitter forgives both
    return (
        not Parser(Language(tree_sitter_python.language())).parse(text.encode()).root_node.has_error
    )


def report_mark(file: str, sources: files.Sources, notes: Notes) -> None:
    name = PurePosixPath(file).name
    text = sources.texts.get(file, "")
    is_code = name.endswith((".py", ".ts", ".js", ".mjs")) and "livekit" in text.lower()
    is_settings = re.fullmatch(r"\.env.*|.*\.env|package\.json|Dockerfile", name)
    if sources.marks[file] == "UTF-16" and (is_code or is_settings) and "example" not in name:
        notes.say("encoding", Place(file, 1), "The file is saved as UTF-16.")
        return
    first = re.match(r"\s*(?:export\s+)?(LIVEKIT_\w+)", text)
    if first and sources.marks[file] != "UTF-16" and ".env" in name and "example" not in name:
        seen = f"The file begins with a byte order mark, so {first[1]} is not set."
        notes.say("encoding", Place(file, 1), seen, "warning")


def verdict(sources: files.Sources, found: list[Finding], unknown: list[str]) -> Iterator[Finding]:
    """Yield what could not be read, then what was examined."""
    unread = [f"{file} {why}" for file, why in sorted(sources.unread.items())]
    more = f", and {len(unread) - 10} more" if unread[10:] else ""
    unread = [*unread[:10], *sources.limits]
    if unread:
        seen = f"Could not read: {'; '.join(unread)}{more}."
        yield BY_ID["unreadable"].finding("project", "unread", seen)
    count = f"{len(sources.texts)} file{'s' if len(sources.texts) != 1 else ''}"
    kinds = sources.kinds()
    about = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    details = f" About LiveKit: {about}." if about else ""
    if as_text := sorted({language for language in kinds if language in files.LANGUAGES.values()}):
        details += f" Read as text, for names only: {', '.join(as_text)}."
    if sources.passed_over:
        more = " and others" if len(sources.passed_over) > 3 else ""
        details += f" Passed over: {', '.join(sorted(sources.passed_over)[:3])}{more}."
    if found:
        yield Finding("project", "ok", "", f"Read {count}.{details}")
    else:
        seen = f"Nothing in {count} keeps an agent away.{details}"
        means = "Code can hide what only a run shows: pass the worker's log with --log, too."
        if unknown:
            more = ", …" if unknown[4:] else ""
            means = f"Not checked: whether {', '.join(unknown[:4])}{more} can be imported. {means}"
        yield Finding("project", "ok", "", seen, means)
