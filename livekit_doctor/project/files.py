"""The files of a project that are worth reading, and what could not be read."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from livekit_doctor import text

FILE_COUNT_LIMIT = 5000
FILE_LIMIT_BYTES = 1_000_000
TOTAL_LIMIT_BYTES = 50_000_000
ENTRY_LIMIT = 200_000  # files and folders to look at
DEPTH_LIMIT = 40
SKIPPED = {
    *("venv", "env", "virtualenv", "node_modules", "bower_components", "__pycache__"),
    *("site-packages", "vendor", "Pods", "dist", "build", "target", "DerivedData"),
    *("test", "tests", "__tests__", "testdata", "fixtures", "spec"),
}
SETTINGS = re.compile(
    r"\.env.*|.*\.env|.*Dockerfile.*|Containerfile|Procfile.*|Makefile|[Jj]ustfile|package\.json|"
    r"Pipfile|railway\.json|.*\.(ya?ml|toml|sh|bash|ps1|bat|cmd|service|conf|cfg|ini)|"
    r".*\.(properties|xcconfig|gradle|tf)"
)
SCRIPT = re.compile(r".*\.([mc]?[jt]s|[jt]sx|vue|svelte|html|json)")
PYTHON = re.compile(r".*\.(py|ipynb)")
LANGUAGES = {
    **{"swift": "Swift", "m": "Objective-C", "mm": "Objective-C", "kt": "Kotlin", "kts": "Kotlin"},
    **{"java": "Java", "dart": "Dart", "go": "Go", "php": "PHP", "rb": "Ruby", "cs": "C#"},
    **{"rs": "Rust", "cpp": "C++", "cc": "C++", "cxx": "C++", "h": "C++", "hpp": "C++", "c": "C"},
    **{"ex": "Elixir", "exs": "Elixir", "scala": "Scala", "groovy": "Groovy", "clj": "Clojure"},
    **{"lua": "Lua", "gd": "GDScript", "fs": "F#", "vb": "Visual Basic", "erl": "Erlang"},
}
PROSE = re.compile(r".*\.(mdx?|rst|txt|in|adoc)")
LOCK = re.compile(r"uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock")
# A cell of a notebook in another language, such as %%bash; one with %%time is Python.
OTHER_CELL = re.compile(
    r"\s*%%(?!(?:time|timeit|capture|prun|python3?|debug)\b|(?:writefile|file)\s.*\.py\s)"
)
TEST = re.compile(r"test_.*\.py|.*_test\.(py|go)|conftest\.py|.*\.(test|spec)\.\w+|.*\.min\.js")
# Large, and without a name of an agent.
IGNORED = {"package-lock.json", "pnpm-lock.yaml", "CHANGELOG.md", "LICENSE.txt", "tsconfig.json"}
# What python-dotenv, Python and Node cannot read in UTF-16.
MARK = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\xef\xbb\xbf": "UTF-8 with a mark"}


def language(file: str) -> str:
    """Return the language of a client, if it is none that is parsed. Empty otherwise."""
    return LANGUAGES.get(PurePosixPath(file).suffix.removeprefix("."), "")


@dataclass
class Sources:
    """The text of each file, by its path relative to the project.

    Attributes:
        marks: files that begin with a byte order mark, and what it says.
        unread: what could not be read, and why.
        limits: why not even all files were looked at.
        passed_over: what was not read, and hardly matters: bundles and data.
    """

    texts: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)

    def kinds(self) -> Counter[str]:
        """Return how many files there are of each kind that says something about LiveKit."""
        kinds = Counter[str]()
        for file, source in self.texts.items():
            name = PurePosixPath(file).name
            if "livekit" not in source.lower() and not SETTINGS.fullmatch(name):
                continue
            if PYTHON.fullmatch(name):
                kinds["Python"] += 1
            elif language(file):
                kinds[language(file)] += 1
            elif SCRIPT.fullmatch(name) and not name.endswith(".json"):
                kinds["JavaScript"] += 1
            elif not PROSE.fullmatch(name):
                kinds["settings"] += 1
        return kinds


def read(root: Path) -> Sources:
    """Read the files of the project at `root`."""
    sources, total = Sources(), 0
    for file in files_in(root, sources):
        if len(sources.texts) >= FILE_COUNT_LIMIT:
            sources.limits.append(f"only the first {FILE_COUNT_LIMIT:,} files were read")
            break
        if total > TOTAL_LIMIT_BYTES:
            sources.limits.append(f"only the first {TOTAL_LIMIT_BYTES // 1_000_000} MB were read")
            break
        path = root / file
        try:
            if not path.is_file():
                continue  # reading a pipe would never end
            source = text.read(path, FILE_LIMIT_BYTES)
            with path.open("rb") as opened:
                start = opened.read(3)
            if mark := MARK.get(start) or MARK.get(start[:2]):
                sources.marks[file] = mark
            elif "\0" in path.open("rb").read(200).decode("latin-1"):
                sources.marks[file] = "UTF-16"
            if file.endswith(".ipynb"):
                source = code_of_notebook(source)
            sources.texts[file] = source
            total += len(source)
        except text.NotText as error:
            if is_relevant(path):
                is_code = PYTHON.fullmatch(path.name) or ".env" in path.name
                (sources.unread if is_code else sources.passed_over)[file] = str(error)
        except (ValueError, RecursionError):
            sources.unread[file] = "is damaged"  # a notebook
        except OSError as error:
            sources.unread[file] = f"cannot be read ({error.strerror})"
    return sources


def is_relevant(path: Path) -> bool:
    """Whether a file that is not text, or is too large, may speak of LiveKit."""
    with path.open("rb") as file:
        return b"livekit" in file.read(FILE_LIMIT_BYTES).lower() or path.name.startswith(".env")


def code_of_notebook(source: str) -> str:
    """Return the code cells as one Python text, without what only IPython understands.

    Raises:
        ValueError: it is not a notebook.
    """
    notebook = json.loads(source)
    cells = notebook.get("cells", []) if isinstance(notebook, dict) else []
    lines: list[str] = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            written = cell.get("source", "")
            written = written if isinstance(written, str) else "".join(map(str, written))
            is_other = OTHER_CELL.match(written)
            for line in written.splitlines():
                is_magic = line.lstrip()[:1] in ("%", "!", "?")
                lines.append(f"pass  #{line}" if is_magic or is_other else line)
    return "\n".join(lines) + "\n"


def is_wanted(name: str) -> bool:
    kinds = (SETTINGS, SCRIPT, PYTHON, PROSE, LOCK)
    if name in IGNORED or TEST.fullmatch(name):
        return False
    return bool(language(name)) or any(kind.fullmatch(name) for kind in kinds)


def files_in(root: Path, sources: Sources) -> Iterator[str]:
    """Yield the paths of the files worth reading, relative to `root`, level by level."""
    real_root = root.resolve()
    folders, count = [(root, 0)], 0
    while folders:
        folder, depth = folders.pop(0)
        relative = folder.relative_to(root).as_posix()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            sources.unread[relative] = f"cannot be read ({error.strerror})"
            continue
        is_github = folder.name == ".github"
        for entry in entries:
            count += 1
            if count > ENTRY_LIMIT:
                sources.limits.append(f"only the first {ENTRY_LIMIT:,} files were looked at")
                return
            try:
                if entry.is_dir(follow_symlinks=False):
                    if is_project_folder(entry, is_github):
                        if depth < DEPTH_LIMIT:
                            folders.append((Path(entry.path), depth + 1))
                        else:
                            sources.unread[f"{relative}/{entry.name}"] = "is nested too deeply"
                elif is_github or not is_wanted(entry.name):
                    continue
                elif not entry.is_symlink() or is_inside(Path(entry.path), real_root):
                    yield Path(entry.path).relative_to(root).as_posix()
            except OSError:
                continue


def is_project_folder(entry: "os.DirEntry[str]", is_github: bool) -> bool:
    if is_github:
        return entry.name == "workflows"
    if entry.name in SKIPPED or (entry.name[0] == "." and entry.name != ".github"):
        return False
    return not os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))


def is_inside(link: Path, real_root: Path) -> bool:
    try:
        return link.resolve().is_relative_to(real_root)
    except (RuntimeError, OSError):  # a loop of symbolic links, before Python 3.13
        return False
