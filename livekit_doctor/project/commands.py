"""The commands with which a project starts its programs, wherever they are written."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import yaml

from livekit_doctor.project.notes import Place

# Programs that start another one, and the words of a shell.
WRAPPERS = {
    *(
        "exec",
        "nohup",
        "tini",
        "dumb-init",
        "sudo",
        "gosu",
        "su-exec",
        "time",
        "nice",
        "then",
        "do",
    ),
    *("uv", "run", "poetry", "pipenv", "pdm", "hatch", "rye", "conda", "mise", "doppler", "op"),
    *("opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "run-program", "catchsegv"),
    *(
        "exec",
        "dlx",
        "x",
        "infisical",
        "dotenv",
        "xvfb-run",
        "stdbuf",
        "timeout",
        "env",
        "npx",
        "pnpx",
        "bunx",
        "else",
    ),
}
PYTHONS = re.compile(r"(.*/)?(python|pypy)[\d.]*(\.exe)?$|py$")
NODES = re.compile(r"(.*/)?(node|tsx|ts-node|ts-node-esm|bun|deno|nodemon)$")
SHELLS = re.compile(r"(.*/)?(ba|da|z|k)?sh$")
# Options that take a value: of Python, of Node, of the wrappers.
OF_PYTHON = {"-X", "-W"}
OF_NODE = {"--require", "-r", "--import", "--loader", "--env-file", "--tsconfig"}
OF_WRAPPERS = {
    "--with",
    "--group",
    "--extra",
    "-p",
    "--python",
    "--project",
    "--directory",
    "-n",
    "-u",
    "-s",
}
OF_WRAPPERS |= {"--package", "--env-file", "-f"}
CODE = (".py", ".js", ".ts", ".mjs", ".cjs")
# Programs that start a command which is one word of theirs, and some that start none.
QUOTING = {"concurrently", "watchfiles", "watchmedo", "nodemon", "su", "entr", "parallel"}
MENTIONING = {"echo", "printf", "which", "command", "type", "ls", "cp", "mv", "rm", "cat", "test"}
MENTIONING |= {"git", "grep", "pgrep", "pkill", "kill", "killall", "chmod", "chown", "mypy"}
# Programs that are certainly not a worker.
OTHERS = {
    *("uvicorn", "gunicorn", "hypercorn", "fastapi", "flask", "streamlit", "nginx", "caddy"),
    *("celery", "redis-server", "livekit-server", "next", "vite", "serve", "daphne", "granian"),
    "livekit-agents",  # in Python, there is no such program
}


@dataclass(frozen=True)
class Command:
    """One program, with its arguments.

    Attributes:
        target: the file or module that Python or Node runs; empty if it is another program.
        arguments: those after the target.
        machine: what it shares its ports with.
        is_open: whether who runs it may add arguments.
        is_deployed: whether a platform or an image runs it, rather than a person.
    """

    place: Place
    words: tuple[str, ...]
    target: str = ""
    arguments: tuple[str, ...] = ()
    program: str = ""
    machine: str = ""
    is_deployed: bool = True
    is_open: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def shown(self) -> str:
        """Return it as sentences show it."""
        return " ".join(self.words)[:100]

    @property
    def subcommand(self) -> str | None:
        """Return the first argument that is not an option; None if a variable may hold one."""
        if any(re.search(r"[$%{]|@", word) for word in self.arguments):
            return None
        skip = False
        for word in self.arguments:
            if skip:
                skip = False
            elif word.startswith("-"):
                skip = word in ("--log-level", "--url", "--api-key", "--api-secret")
            else:
                return word
        return ""


def split(written: str) -> list[list[str]]:
    """Split a line of shell into its simple commands."""
    lexer = shlex.shlex(written, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # an unclosed quote
        words = written.split()
    commands: list[list[str]] = [[]]
    for word in words:
        if word and set(word) <= set(";&|()"):
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def parse(place: Place, words: list[str], machine: str, is_deployed: bool) -> Command:
    """Find what a simple command runs, behind its wrappers and its options."""
    redirected = next((n for n, word in enumerate(words) if re.match(r"\d?[<>]", word)), None)
    rest, environment = list(words[:redirected]), {}
    while rest:
        word = rest[0]
        if found := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", word):
            environment[found[1]] = found[2]
        elif word in OF_WRAPPERS and len(rest) > 1:
            rest.pop(0)
        elif (
            (
                word in ("npm", "pnpm", "yarn", "bun")
                and rest[1:2] in (["exec"], ["dlx"], ["x"], ["tsx"])
            )
            or word.startswith("-")
            or word in WRAPPERS
            or re.fullmatch(r"\d+[smh]?", word)
        ):
            pass
        else:
            break
        rest.pop(0)
    common = Command(
        place, tuple(words), machine=machine, is_deployed=is_deployed, environment=environment
    )
    if not rest:
        return common
    program, rest = rest[0], rest[1:]
    if PYTHONS.match(program) or NODES.match(program):
        with_value = OF_PYTHON if PYTHONS.match(program) else OF_NODE
        if rest[:1] in (["run"], ["watch"]) and NODES.match(program):
            rest = rest[1:]
        while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c"):
            rest = rest[2:] if rest[0] in with_value else rest[1:]
        if rest[:1] == ["-m"]:
            rest = rest[1:]
            return replace(
                common,
                program="python -m",
                target=rest[0] if rest else "",
                arguments=tuple(rest[1:]),
            )
        if rest[:1] == ["-c"]:
            return replace(common, program="?")
        return replace(
            common, program=program, target=rest[0] if rest else "", arguments=tuple(rest[1:])
        )
    if program.endswith(CODE):
        return replace(common, program=program, target=program, arguments=tuple(rest))
    if (inner := started_by(program, rest)) is not None:
        return replace(parse(place, inner, machine, is_deployed), words=tuple(words))
    return replace(common, program=program, arguments=tuple(rest))


def started_by(program: str, arguments: list[str]) -> list[str] | None:
    """Return the command that an unknown program starts: `dockerize -wait … python worker.py`."""
    if program in QUOTING:
        quoted = (word.split() for word in arguments if " " in word)
        arguments = next((w for w in quoted if any(p.endswith(CODE) for p in w)), arguments)
    if program in MENTIONING:
        return None
    for number, word in enumerate(arguments):
        if PYTHONS.match(word) or NODES.match(word):
            following = next((w for w in arguments[number + 1 :] if w[0:1] != "-"), "")
            if following.endswith(CODE):
                return arguments[number:]
    return None


def commands(
    place: Place, written: "str | list[Any]", machine: str, is_deployed: bool = True
) -> Iterator[Command]:
    """Yield the commands in a line of shell, or in a list of words that no shell splits."""
    if isinstance(written, list):
        listed = [[str(word) for word in written]] if written else []
    else:
        listed = list(split(written.replace("\\\n", " ")))
    for words in listed:
        if (
            len(words) >= 3
            and SHELLS.match(words[0])
            and words[1].startswith("-")
            and "c" in words[1]
        ):
            yield from commands(place, words[2], machine, is_deployed)
        else:
            yield parse(place, words, machine, is_deployed)


# honcho and foreman run a Procfile on the developer's machine, too.
FOR_DEVELOPMENT = re.compile(r"fastapi dev|--reload|watchfiles|livekit[-_]server|run dev\b")


def read(file: str, text: str) -> Iterator[Command]:
    """Yield the commands in one file, other than a Dockerfile.

    Raises:
        ValueError: the file does not parse.
    """
    name = PurePosixPath(file).name
    if name.startswith("Procfile"):
        is_deployed = not FOR_DEVELOPMENT.search(text)
        for number, line in enumerate(text.splitlines(), 1):
            if found := re.match(r"\s*([\w-]+)\s*:\s*(.+)", line):
                yield from commands(Place(file, number), found[2], file, is_deployed)
    elif name.endswith((".yml", ".yaml")):
        yield from of_yaml(file, text)
    elif name.endswith(".toml") and name != "pyproject.toml":
        yield from of_toml(file, text)
    elif name == "railway.json":
        start = json.loads(text).get("deploy", {}).get("startCommand")
        if isinstance(start, str):
            yield from commands(line_of(file, text, start), start, file)
    elif name.endswith((".service", ".conf", ".ini")):
        pattern = r"(?m)^[ \t]*(?:ExecStart|command)[ \t]*=[ \t]*[-@:+!]*(.*(?:\\\n.*)*)"
        for found in re.finditer(pattern, text):
            place = Place(file, text.count("\n", 0, found.start(1)) + 1)
            machine = f"{file}:{place.line}" if name.endswith(".service") else file
            yield from commands(place, found[1], machine)
    elif name.endswith((".sh", ".bash")):
        for number, line in joined_lines(text):
            yield from commands(Place(file, number), line, file, is_deployed=False)
    elif re.fullmatch(r"Makefile|[Jj]ustfile", name):
        for number, line in joined_lines(text):
            if line[0] in " \t":  # of a recipe
                place = Place(file, number)
                yield from commands(place, line.strip(" \t@-+"), f"{place}", is_deployed=False)


def joined_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a shell script with their numbers, and continued lines as one."""
    number, pending = 1, ""
    for line in text.splitlines():
        number_of_line, number = number, number + 1
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line, pending = (pending + line)[:5000], ""
        if line.strip() and not line.lstrip().startswith("#"):
            yield number_of_line, line


def line_of(file: str, text: str, what: str) -> Place:
    at = text.find(what)
    return Place(file, text.count("\n", 0, at) + 1 if at >= 0 else 1)


class Loader(yaml.SafeLoader):
    """YAML with the line of each mapping, and without the tags of other programs."""


def construct_mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    mapping: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    lines = {key.value: value.start_mark.line + 1 for key, value in node.value}
    mapping["__lines__"] = lines
    return mapping


Loader.add_constructor("tag:yaml.org,2002:map", construct_mapping)
Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def of_yaml(file: str, text: str) -> Iterator[Command]:
    """Read docker compose, Kubernetes and render.yaml."""
    if not re.search(
        r"(?m)^\s*-?\s*(command|args|entrypoint|startCommand|dockerCommand|run)\s*:", text
    ):
        return
    if "{{" in text:  # a template of Helm
        return
    try:
        documents = list(yaml.load_all(text, Loader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(file) from error
    for document in documents:
        if isinstance(document, dict):
            yield from of_compose(file, document)
            yield from of_kubernetes(file, document)
            yield from of_render(file, document)


def of_compose(file: str, document: dict[str, Any]) -> Iterator[Command]:
    services = document.get("services")
    for name, service in services.items() if isinstance(services, dict) else []:
        if not isinstance(service, dict):
            continue
        command, entrypoint = service.get("command"), service.get("entrypoint")
        machine = f"{file} host" if service.get("network_mode") == "host" else f"{file} {name}"
        written = command or entrypoint
        both = [part for part in (entrypoint, command) if isinstance(part, str | list)]
        if isinstance(entrypoint, list) and isinstance(command, list):
            written = [*entrypoint, *command]
        elif len(both) == 2:
            written = " ".join(p if isinstance(p, str) else shlex.join(map(str, p)) for p in both)
        key = "command" if command else "entrypoint"
        if isinstance(written, str | list):
            yield from commands(
                Place(file, service["__lines__"].get(key, 1)), written, machine, "prod" in file
            )


def of_kubernetes(file: str, document: dict[str, Any]) -> Iterator[Command]:
    if "kind" not in document:
        return
    folders: list[Any] = [document]
    seen = set[int]()  # aliases can name the same part very often
    while folders:
        part = folders.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list):
            folders += part
        elif isinstance(part, dict):
            containers = part.get("containers")
            for container in containers if isinstance(containers, list) else []:
                if isinstance(container, dict):
                    command, args = container.get("command") or [], container.get("args") or []
                    if isinstance(command, list) and isinstance(args, list) and command + args:
                        lines = container["__lines__"]
                        line = lines.get("command", lines.get("args", 1))
                        machine = f"{file}:{part['__lines__'].get('containers', 1)}"
                        yield from commands(Place(file, line), [*command, *args], machine)
            folders += [value for key, value in part.items() if key != "__lines__"]


def of_render(file: str, document: dict[str, Any]) -> Iterator[Command]:
    services = document.get("services")
    for service in services if isinstance(services, list) else []:
        if isinstance(service, dict):
            for key in ("startCommand", "dockerCommand"):
                if isinstance(written := service.get(key), str):
                    place = Place(file, service["__lines__"].get(key, 1))
                    yield from commands(place, written, f"{file}:{place.line}")


def of_toml(file: str, text: str) -> Iterator[Command]:
    """Read fly.toml, railway.toml and nixpacks.toml."""
    parsed = tomllib.loads(text)
    written: list[str] = []
    processes = parsed.get("processes")
    if isinstance(processes, dict):
        written += [command for command in processes.values() if isinstance(command, str)]
    for section, key in (("deploy", "startCommand"), ("start", "cmd"), ("experimental", "cmd")):
        part = parsed.get(section)
        if isinstance(part, dict) and isinstance(part.get(key), str):
            written.append(part[key])
    for command in written:
        place = line_of(file, text, command)
        yield from commands(place, command, f"{file}:{place.line}")
