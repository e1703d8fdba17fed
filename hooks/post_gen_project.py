"""Keeps what the answers chose, proves that nothing else names an agent, says what to do next.

What only one kind of dispatch, one assistant, one release of livekit-agents or one way of deploying
needs is marked where it stands:
    a line, by its end          # only explicit
    a block, by two lines       # begin only explicit      and      # end only explicit
    a file, by its name         tests/dispatch/test_names_explicit.py
    or by its first line        # file only pipeline or realtime
    a folder                    in PATHS
A file for one assistant or release takes the place of the file without its name:
app/assistant_pipeline.py that of app/assistant.py.
A misspelt marker stops the bake.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# The answers that choose files and lines, by question. No two questions share a word.
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
# Comments that look like markers. Those that are not markers stop the bake, because they would have
# no effect. Prose has more words after "only", as in "only Caddy reaches it".
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
}

# What may lie in a folder, and is no text of the template's.
NOT_OURS = {".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}

NAME = re.compile("agent[-_]?name", re.IGNORECASE)
NAME_SET = re.compile(r"""agent[-_]?name["']?\]?\s*(=(?!=)|:\s*\S)""", re.IGNORECASE)
# What speaks of names in order to keep them out.
GUARDS = ("app/dispatch/names.py", "app/dispatch/policy.py", "app/doctor/")
GUARD_TESTS = {
    "tests/dispatch/test_names_automatic.py",
    "tests/e2e/test_dispatch_automatic.py",
    "tests/e2e/test_doctor.py",
    "tests/e2e/test_names.py",
    "tests/fake_livekit.py",
    "tests/dispatch/test_rooms.py",
}
# Texts for people. They quote the owner, so they hold no markers and may speak of names.
TEXTS = {"README.md", "AGENTS.md", "LICENSE"}

NAMING_VARIABLES = ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE")


def files(project: Path) -> Iterator[Path]:
    """Every file of the template in `project`, by its path from there."""
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        for name in names:
            yield (Path(folder) / name).relative_to(project)


def strip(text: str, chosen: set[str]) -> str:
    """`text` without what is marked for what was not `chosen`, and without any marker.

    Nothing is left of a file that is marked as a whole for what was not chosen.

    Raises:
        ValueError: a block has no end, an end has no block, or a marker is misspelt. The message
            begins with the number of the line.
    """
    kept: list[str] = []
    blocks: list[tuple[str, int]] = []  # choices and first line of each open block, innermost last
    first = 1
    if mark := MARKED_FILE.match(text):
        if chosen.isdisjoint(mark[1].split(" or ")):
            return ""
        text, first = text[mark.end() :], 1 + mark[0].count("\n")
    # Not splitlines(), which knows other line ends, too.
    for number, line in enumerate(text.split("\n"), first):
        if border := BLOCK_BORDER.fullmatch(line):
            if border[1] == "begin":
                blocks.append((border[2], number))
            elif not blocks or blocks.pop()[0] != border[2]:
                raise ValueError(f"{number}: 'end only {border[2]}' does not fit what precedes it")
            continue
        mark = MARKED_LINE.search(line)
        ending = "\r" if line.endswith("\r") else ""
        unmarked = line[: mark.start()] + ending if mark else line
        if almost := ALMOST_MARKER.search(unmarked):
            raise ValueError(
                f"{number}: {almost[0].strip()!r} looks like a marker, but is none. The words after"
                f" 'only' can be: {', '.join(WORDS)} (several are joined by ' or '). 'file only'"
                " belongs in the first line; 'begin only' and 'end only' need lines of their own."
            )
        marks = [choices for choices, _ in blocks] + ([mark[1]] if mark else [])
        if not any(chosen.isdisjoint(each.split(" or ")) for each in marks):
            kept.append(unmarked)
    if blocks:
        raise ValueError(f"{blocks[-1][1]}: 'begin only {blocks[-1][0]}' has no end")
    return "\n".join(kept)


def names_left(project: Path) -> Iterator[str]:
    """Each place in an automatic project that still names an agent, as `file:line: text`."""
    for path in sorted(files(project)):
        where = path.as_posix()
        if where in GUARD_TESTS | TEXTS | {"pyproject.toml"}:  # the last quotes the owner, too
            continue
        forbidden = NAME_SET if where.startswith(GUARDS) else NAME
        text = (project / path).read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if forbidden.search(line):
                yield f"{where}:{number}: {line.strip()}"


def keep_chosen(project: Path, answers: dict[str, str]) -> None:
    """Leave in `project` what `answers` chose, and nothing of the alternatives."""
    chosen = {answers[question] for question in CHOICES}
    license_file = f"LICENSE-{answers['license']}"
    suffixes = {each: f"_{each.replace('.', '_')}" for each in WORDS}
    others = tuple(suffix for each, suffix in suffixes.items() if each not in chosen)
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
            suffix = next(each for each in alternatives if path.stem.endswith(each))
            file.replace(file.with_stem(path.stem.removesuffix(suffix)))
    for path in list(files(project)):
        file = project / path
        if path.name not in TEXTS:
            content = file.read_bytes()  # bytes, so that each line keeps the ending that it has
            try:
                stripped = strip(content.decode(), chosen).encode()
            except UnicodeDecodeError:
                continue  # a picture
            except ValueError as error:
                sys.exit(f"Nothing was made:\n{path.as_posix()}:{error}")
            if stripped != content:
                file.write_bytes(stripped)
                if not stripped:
                    file.unlink()


def write_env(project: Path) -> None:
    """Makes `.env` out of `.env.example`, with a key and a secret for development."""
    text = (project / ".env.example").read_text(encoding="utf-8")
    for variable, value in {
        "LIVEKIT_API_KEY": f"dev{os.urandom(6).hex()}",
        "LIVEKIT_API_SECRET": os.urandom(32).hex(),
    }.items():
        text = re.sub(rf"(?m)^{variable}=.*", f"{variable}={value}", text)
    (project / ".env").touch(mode=0o600)
    (project / ".env").write_text(text, encoding="utf-8")


def main(answers: dict[str, str]) -> None:
    project = Path.cwd()
    automatic = answers["dispatch"] == "automatic"
    keep_chosen(project, answers)
    if automatic and (left := list(names_left(project))):
        left.insert(0, "Nothing was made, because something would still name the agent:")
        sys.exit("\n".join(left))
    write_env(project)

    if automatic and answers["agent_name"]:
        print(f"The agent name {answers['agent_name']!r} was dropped: an agent with a name joins")
        print("only the rooms that ask for it. If you want that, answer dispatch=explicit.")
    for variable in NAMING_VARIABLES:
        if os.environ.get(variable):
            print(
                f"{variable} is set in this shell: it names each LiveKit worker that starts here."
            )
    print(f'\nYour project is ready. Next:\n\n  cd "{project}"')
    print("  uv sync               installs it")
    print("  uv run honcho start   runs it all: meet the agent at http://127.0.0.1:8000")
    print("  uv run pytest         runs all tests")
    print("\nIf no agent joins, uv run python -m app.doctor says why.")


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # `tojson` writes every quote of an answer as \u0027, so no answer can end this literal.
    main(json.loads(r'''{{ cookiecutter | tojson }}'''))  # fmt: skip
