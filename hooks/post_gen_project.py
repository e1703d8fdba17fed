"""Keep what the answers chose, check that no agent name is left, and print the next steps.

What only some choices of dispatch, assistant, livekit-agents release or deployment need is marked:
    a line, at its end          # only explicit
    a block, by two lines       # begin only explicit      and      # end only explicit
    a file, by its name         tests/dispatch/test_names_explicit.py
    or by its first line        # file only pipeline or realtime
    a folder                    in PATHS
A file for one assistant or release replaces the file without the suffix: app/assistant_pipeline.py
becomes app/assistant.py. A misspelt marker stops the bake.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# The choices that select files and lines, by question. No two questions share a word.
CHOICES = {
    "dispatch": ("automatic", "explicit"),
    "assistant": ("keyless", "pipeline", "realtime", "offline"),
    "livekit_agents": ("1.8", "1.0.23"),
    "deploy": ("containers", "kubernetes", "none"),
}
WORDS = tuple(word for words in CHOICES.values() for word in words)
WORD = "|".join(map(re.escape, WORDS))
SOME_WORDS = rf"(?:{WORD})(?: or (?:{WORD}))*"
COMMENT = r"(?:#|//|<!--) {}(?: -->)?\s*"
MARKED_LINE = re.compile(r"\s*" + COMMENT.format(f"only ({SOME_WORDS})") + "$")
MARKED_FILE = re.compile(COMMENT.format(f"file only ({SOME_WORDS})") + "\n")
BLOCK_BORDER = re.compile(r"\s*" + COMMENT.format(f"(begin|end) only ({SOME_WORDS})") + "$")
# Comments that look like markers. If one is not a marker it would have no effect, so it stops the
# bake. Prose has more words after "only", as in "only Caddy reaches it".
ALMOST_MARKER = re.compile(
    r"(?:#|//|<!--)\s*only\s+[\w.-]+(?:(?:\s+or|\s+and|,)\s+[\w.-]+)*\s*(?:-->)?\s*$"
    r"|(?:#|//|<!--)\s*(?:begin|end|file)\s+only\b.*$",
    re.IGNORECASE,
)

# Files and folders that only some choices need: a folder has no first line, and JSON no comments.
PATHS = {
    ".dockerignore": {"containers", "kubernetes"},
    "Dockerfile": {"containers", "kubernetes"},
    "compose.override.yaml": {"containers", "kubernetes"},
    "compose.yaml": {"containers", "kubernetes"},
    "deploy": {"containers", "kubernetes"},
    "deploy/grafana": {"kubernetes"},
    "deploy/kubernetes": {"kubernetes"},
    "evals": {"pipeline", "realtime"},
}

# Caches and the like, which are not part of the template.
NOT_OURS = {".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}

NAME = re.compile("agent[-_]?name", re.IGNORECASE)
NAME_SET = re.compile(r"""agent[-_]?name["']?\]?\s*(=(?!=)|:\s*\S)""", re.IGNORECASE)
# These mention names in order to keep them out. The tests of names also set them.
GUARDS = ("app/dispatch/names.py", "app/dispatch/policy.py", "app/doctor/")
GUARD_TESTS = ("tests/dispatch/", "tests/e2e/test_dispatch_")
# Texts for people, like docs/. They may mention names. Those that quote the owner have no markers.
TEXTS = {"README.md", "AGENTS.md", "LICENSE"}

NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")


def files(project: Path) -> Iterator[Path]:
    """Yield the path of every template file in `project`, relative to it."""
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in names:
            yield (Path(folder) / name).relative_to(project)


def strip(text: str, chosen: set[str]) -> str:
    """Remove the parts of `text` that are marked for other choices, and all markers.

    The result is empty if the whole file is marked for other choices.

    Raises:
        ValueError: a block has no end, an end has no block, or a marker is misspelt. The message
            begins with the line number.
    """
    kept: list[str] = []
    blocks: list[tuple[str, int]] = []  # choices and first line of each open block, innermost last
    first = 1
    if mark := MARKED_FILE.match(text):
        if chosen.isdisjoint(mark[1].split(" or ")):
            return ""
        text, first = text[mark.end() :], 1 + mark[0].count("\n")
    # Not splitlines(), which also splits at other characters.
    for number, line in enumerate(text.split("\n"), first):
        if border := BLOCK_BORDER.fullmatch(line):
            if border[1] == "begin":
                blocks.append((border[2], number))
            elif not blocks or blocks.pop()[0] != border[2]:
                raise ValueError(f"{number}: 'end only {border[2]}' does not match an open block")
            continue
        mark = MARKED_LINE.search(line)
        ending = "\r" if line.endswith("\r") else ""
        unmarked = line[: mark.start()] + ending if mark else line
        if almost := ALMOST_MARKER.search(unmarked):
            raise ValueError(
                f"{number}: {almost[0].strip()!r} looks like a marker, but is not one. The words"
                f" after 'only' can be: {', '.join(WORDS)} (joined by ' or '). 'file only' goes on"
                " the first line; 'begin only' and 'end only' go on lines of their own."
            )
        conditions = [choices for choices, _ in blocks] + ([mark[1]] if mark else [])
        if not any(chosen.isdisjoint(choices.split(" or ")) for choices in conditions):
            kept.append(unmarked)
    if blocks:
        raise ValueError(f"{blocks[-1][1]}: 'begin only {blocks[-1][0]}' has no end")
    return "\n".join(kept)


def names_left(project: Path) -> Iterator[str]:
    """Yield each place in an automatic project that still names an agent, as `file:line: text`."""
    for path in sorted(files(project)):
        where = path.as_posix()
        if where in TEXTS | {"pyproject.toml"} or where.startswith(("docs/", *GUARD_TESTS)):
            continue  # pyproject.toml also quotes the owner
        forbidden = NAME_SET if where.startswith(GUARDS) else NAME
        text = (project / path).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if forbidden.search(line):
                yield f"{where}:{number}: {line.strip()}"


def keep_chosen(project: Path, answers: dict[str, str]) -> None:
    """Keep what `answers` chose in `project`, and remove the alternatives."""
    chosen = {answers[question] for question in CHOICES}
    license_file = f"LICENSE-{answers['license']}"
    suffixes = {word: f"_{word.replace('.', '_')}" for word in WORDS}
    others = tuple(suffix for word, suffix in suffixes.items() if word not in chosen)
    alternatives = tuple(suffixes[answers[prompt]] for prompt in ("assistant", "livekit_agents"))
    for name, words in PATHS.items():
        if chosen.isdisjoint(words):
            if (path := project / name).is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    for path in list(files(project)):
        file = project / path
        if path.name == license_file:
            file.replace(project / "LICENSE")
        elif path.name.startswith("LICENSE-") or path.stem.endswith(others):
            file.unlink()
        elif path.stem.endswith(alternatives):
            suffix = next(suffix for suffix in alternatives if path.stem.endswith(suffix))
            file.replace(file.with_stem(path.stem.removesuffix(suffix)))
    for path in list(files(project)):
        file = project / path
        if path.name not in TEXTS:
            content = file.read_bytes()  # bytes, to keep the line endings
            try:
                stripped = strip(content.decode(), chosen).encode()
            except UnicodeDecodeError:
                continue  # a picture
            except ValueError as error:
                sys.exit(f"No project was created:\n{path.as_posix()}:{error}")
            if stripped != content:
                file.write_bytes(stripped)
                if not stripped:
                    file.unlink()


def write_env(project: Path) -> None:
    """Create `.env`: what `.env.example` sets, with a random key and secret for development."""
    text = "# Your settings. .env.example explains these and all others.\n"
    example = (project / ".env.example").read_text(encoding="utf-8")
    random = {
        "LIVEKIT_API_KEY": f"dev{os.urandom(6).hex()}",
        "LIVEKIT_API_SECRET": os.urandom(32).hex(),
    }
    for variable, value in re.findall("(?m)^([A-Z_]+)=(.*)", example):
        text += f"{variable}={random.get(variable, value)}\n"
    (project / ".env").touch(mode=0o600)
    (project / ".env").write_text(text, encoding="utf-8")


def finish_readme(project: Path) -> None:
    """Remove the first paragraph of README.md, which says that these hooks have not run."""
    path = project / "README.md"
    head, _, rest = path.read_bytes().partition(b"\n\n")  # bytes, to keep the line endings
    if head.startswith(b"**This project is unfinished"):
        path.write_bytes(rest)


def main(answers: dict[str, str]) -> None:
    project = Path.cwd()
    automatic = answers["dispatch"] == "automatic"
    keep_chosen(project, answers)
    if automatic and (left := list(names_left(project))):
        left.insert(0, "No project was created, because something still sets an agent name:")
        sys.exit("\n".join(left))
    write_env(project)
    finish_readme(project)

    if automatic and answers["agent_name"]:
        print(f"The agent name {answers['agent_name']!r} was ignored: under automatic dispatch,")
        print("the agent has no name. To have rooms ask for it by name, use dispatch=explicit.")
    for variable in NAMING_VARIABLES:
        if os.environ.get(variable):
            print(f"{variable} is set in this shell: it would name LiveKit workers started here.")
    print(f'\nYour project is ready. Next:\n\n  cd "{project}"')
    print("  uv sync           install it")
    print("  uv run poe run    run everything; meet the agent at http://127.0.0.1:8000")
    print("  uv run poe test   run all tests")
    print("\nIf no agent joins, run uv run python -m app.doctor to see why.\n")
    name = "" if automatic else f" as {answers['agent_name']!r}"
    words = f"{answers['dispatch']} dispatch{name}, assistant {answers['assistant']}"
    print(f"Made with {words}, licence {answers['license']}, owner {answers['__author']}.")


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # `tojson` escapes every quote in an answer as \u0027, so no answer can end this literal.
    main(json.loads(r'''{{ cookiecutter | tojson }}'''))  # fmt: skip
