"""Dockerfiles: what an image starts, as whom, and where its model files are."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from livekit_doctor.project import commands
from livekit_doctor.project.commands import Command
from livekit_doctor.project.notes import Place

INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
HOME_OPTIONS = re.compile(r"(?:--home(?:-dir)?|-d|-h)[= ]+[\"']?([^\s\"']+)")
UID_OPTIONS = re.compile(r"(?:--uid|-u)[= ]+[\"']?([^\s\"']+)")
HUGGINGFACE = ".cache/huggingface"


@dataclass
class Stage:
    """One stage of a Dockerfile.

    Attributes:
        homes: the home folder of each user, by name and by number.
        models: where model files lie; `None` in it: at a place that the text does not tell.
        downloaded: whether a command of this stage, or of one it builds on, fetches model files.
        copied: the folders that are copied into it from the project, relative to the Dockerfile.
    """

    name: str = ""
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=lambda: {"root": "/root", "0": "/root"})
    folder: str = "/"
    models: set[str | None] = field(default_factory=set)
    downloaded_by: tuple[str, Place] | None = None
    entrypoint: tuple[Place, "str | list[str]"] | None = None
    command: tuple[Place, "str | list[str]"] | None = None
    is_base_known: bool = True
    sources: list[str] = field(default_factory=list)
    is_cached: bool = False

    def home(self) -> str | None:
        """Return the home of the user; None if the text does not tell."""
        if home := self.environment.get("HOME"):
            return self.expand(home)
        user = self.expand(self.user.partition(":")[0])
        if user is None:
            return None
        if user in self.homes:
            return self.homes[user]
        if user.isdigit():
            return "/"  # what Docker takes for a number without an entry in /etc/passwd
        return f"/home/{user}" if user != "nobody" else "/nonexistent"

    def model_folder(self) -> str | None:
        """Return where huggingface_hub keeps its files; None if the text does not tell."""
        for variable, suffix in (
            ("HF_HUB_CACHE", ""),
            ("HUGGINGFACE_HUB_CACHE", ""),
            ("HF_HOME", "/hub"),
            ("XDG_CACHE_HOME", "/huggingface/hub"),
        ):
            if value := self.environment.get(variable):
                expanded = self.expand(value)
                return None if expanded is None else expanded.rstrip("/") + suffix
        home = self.home()
        return None if home is None else f"{home.rstrip('/')}/{HUGGINGFACE}/hub"

    def expand(self, text: str) -> str | None:
        """Replace variables; None if one has no value here."""
        for _ in range(5):
            found = re.search(r"\$\{?(\w+)(?::?-([^}]*))?\}?", text)
            if not found:
                return text
            value = self.environment.get(found[1], found[2])
            if value is None:
                return None
            text = text[: found.start()] + value + text[found.end() :]
        return None


class Image:
    """A Dockerfile, read to its last stage."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.stages: list[Stage] = []
        for number, line in instructions(text):
            if found := INSTRUCTION.match(line):
                self._instruction(found[1].upper(), found[2].strip(), Place(file, number))

    @property
    def last(self) -> Stage:
        return self.stages[-1] if self.stages else Stage()

    def start(self) -> Iterator[Command]:
        """Yield what the image runs: ENTRYPOINT with CMD as its arguments."""
        entrypoint, command = self.last.entrypoint, self.last.command
        machine = f"{self.file} image"
        if entrypoint and isinstance(entrypoint[1], str):
            yield from commands.commands(entrypoint[0], entrypoint[1], machine)
        elif entrypoint:
            words = list(entrypoint[1])
            place = entrypoint[0]
            if command:
                place = command[0]
                words += (
                    command[1] if isinstance(command[1], list) else ["/bin/sh", "-c", command[1]]
                )
            for started in commands.commands(place, words, machine):
                yield replace(started, is_open=command is None)
        elif command:
            yield from commands.commands(command[0], command[1], machine)

    def _instruction(self, what: str, rest: str, place: Place) -> None:
        if what == "FROM":
            words = [word for word in rest.split() if not word.startswith("--")]
            base = next((s for s in self.stages if words and s.name == words[0].lower()), None)
            stage = Stage(name=words[2].lower() if len(words) > 2 else "")
            if base:
                stage.user, stage.folder = base.user, base.folder
                stage.environment, stage.homes = dict(base.environment), dict(base.homes)
                stage.models, stage.sources = set(base.models), list(base.sources)
                stage.downloaded_by, stage.is_cached = base.downloaded_by, base.is_cached
                stage.entrypoint, stage.command = base.entrypoint, base.command
            elif words and not re.search(
                r"(^|/)(python|node|debian|ubuntu|alpine|uv)\b|slim|bookworm", words[0]
            ):
                stage.is_base_known = False
            self.stages.append(stage)
        elif not self.stages:
            if what == "ARG":
                return
        elif what in ("ENV", "ARG"):
            self._environment(rest, what)
        elif what == "USER":
            self.last.user = rest.split()[0] if rest else "root"
        elif what == "WORKDIR":
            folder = self.last.expand(rest.strip("\"'")) or rest
            self.last.folder = str(PurePosixPath(self.last.folder, folder))
        elif what == "RUN":
            self._run(rest, place)
        elif what in ("COPY", "ADD"):
            self._copy(rest)
        elif what == "ENTRYPOINT":
            self.last.entrypoint, self.last.command = (place, form(rest)), None
        elif what == "CMD":
            self.last.command = (place, form(rest))

    def _environment(self, rest: str, what: str) -> None:
        pairs = re.findall(r"""(\w+)=("(?:\\.|[^"\\])*"|'[^']*'|\S*)""", rest)
        if not pairs and what == "ENV" and len(words := rest.split(None, 1)) == 2:
            pairs = [(words[0], words[1])]
        for name, value in pairs:
            value = value.strip("\"'")
            self.last.environment[name] = self.last.expand(value) or value

    def _run(self, rest: str, place: Place) -> None:
        stage = self.last
        for found in re.finditer(r"\b(?:adduser|useradd)\b([^;&|]*)", rest):
            words = [word for word in found[1].split() if not word.startswith("-")]
            options = re.sub(r"\s+", " ", found[1])
            name = words[-1].strip("\"'") if words else ""
            if "adduser" in found[0] and len(words) > 1 and not HOME_OPTIONS.search(options):
                name = next((w for w in reversed(words) if not w.isdigit()), name)
            home = HOME_OPTIONS.search(options)
            folder = stage.expand(home[1]) if home else f"/home/{name}"
            for key in [name, *(uid[1] for uid in [UID_OPTIONS.search(options)] if uid)]:
                stage.homes[stage.expand(key) or key] = folder or f"/home/{name}"
        if re.search(
            r"\b(download-files|snapshot_download|hf_hub_download|hf download|huggingface-cli)\b",
            rest,
        ):
            stage.models.add(stage.model_folder() if not is_elsewhere(rest) else None)
            stage.downloaded_by = (stage.user, place)
            folder = stage.model_folder() or ""
            for target in re.findall(r"--mount=type=cache\S*target=([^\s,]+)", rest):
                mounted = stage.expand(target.replace("~", stage.home() or "~")) or ""
                if mounted and folder.startswith(mounted.rstrip("/") + "/"):
                    stage.models.discard(folder)  # a cache mount is not part of the image
                    stage.is_cached = True
        elif re.search(
            r"\b(cp|mv|ln|rsync|install)\b.*(\.cache|huggingface|model)", rest, re.DOTALL
        ):
            stage.models.add(None)

    def _copy(self, rest: str) -> None:
        stage, options = self.last, re.findall(r"--(\S+)", rest)
        words = form(rest)
        paths = (
            words
            if isinstance(words, list)
            else [w for w in rest.split() if not w.startswith("--")]
        )
        paths = [path.strip("\"'") for path in paths if not path.startswith("--")]
        if len(paths) < 2:
            return
        *sources, target = paths
        target = (
            stage.expand(str(PurePosixPath(stage.folder, stage.expand(target) or target))) or target
        )
        origin = next((o[5:] for o in options if o.startswith("from=")), None)
        if origin is None:
            stage.sources += sources
            if any(re.search(r"\.cache|huggingface|models?\b", source) for source in sources):
                stage.models.add(None)
            return
        named = [s for n, s in enumerate(self.stages[:-1]) if origin.lower() in (s.name, str(n))]
        if not named:
            if any(re.search(r"\.cache|huggingface|models?\b", source) for source in sources):
                stage.models.add(None)
            return
        stage.downloaded_by = stage.downloaded_by or named[0].downloaded_by
        stage.sources += named[0].sources
        for source in sources:
            source = str(PurePosixPath("/", named[0].expand(source) or source))
            for model in named[0].models:
                if model is None:
                    stage.models.add(None)
                elif (model + "/").startswith(source.rstrip("/") + "/"):
                    stage.models.add(target.rstrip("/") + model[len(source.rstrip("/")) :])


def is_elsewhere(run: str) -> bool:
    """Whether the command itself says where to put the files, or as whom to run."""
    return bool(
        re.search(
            r"\b(HF_\w+|XDG_CACHE_HOME|HOME)=|--local-dir|cache_dir|\bsu\b|gosu|sudo|\bcp\b|\bmv\b",
            run,
        )
    )


def form(rest: str) -> "str | list[str]":
    """Return the list of an exec form, or the text of a shell form."""
    if rest.startswith("["):
        try:
            words = json.loads(rest)
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                return words
        except ValueError:
            pass
    return rest


def instructions(text: str) -> Iterator[tuple[int, str]]:
    """Yield each instruction with its line, without comments, and with its here-document."""
    pending: list[str] = []
    start, number = 1, 0
    end_of_document = ""
    for line in text.splitlines():
        number += 1
        if end_of_document:
            pending.append(line)
            if line.strip() != end_of_document:
                continue
            end_of_document = ""
        elif line.lstrip().startswith("#") or (not line.strip() and not pending):
            continue
        else:
            start = start if pending else number
            pending.append(line.rstrip().removesuffix("\\"))
            if found := re.search(r"<<-?[\"']?(\w+)", line):
                end_of_document = found[1]
                continue
            if line.rstrip().endswith("\\"):
                continue
        yield start, "\n".join(pending)
        pending = []
    if pending:
        yield start, "\n".join(pending)
