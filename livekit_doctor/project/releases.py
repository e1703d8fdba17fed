"""The release of livekit-agents that a project uses, and what that release exports."""

import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

NEWEST = Version("9999")
AGENTS = "livekit-agents"


class Exports:
    """What each release exports: livekit_doctor/exports.json, made by script/exports.py.

    A span such as `1.0-1.2,1.5+` says which minors have a name.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.releases = {minor: Version(v) for minor, v in data["releases"].items()}
        self._minors = list(self.releases)
        self._modules = data["modules"]
        self._calls = data["calls"]
        self._extras = data["extras"]
        self._downloads = data["downloads"]
        self._spans = cache(self._span)

    @property
    def newest(self) -> Version:
        return self.releases[self._minors[-1]]

    def _span(self, written: str) -> frozenset[str]:
        if written == "all":
            return frozenset(self._minors)
        minors: set[str] = set()
        for part in written.split(","):
            first, _, last = part.removesuffix("+").partition("-")
            start = self._minors.index(first)
            end = self._minors.index(last) if last else start
            minors |= set(
                self._minors[start:] if part[-1] == "+" else self._minors[start : end + 1]
            )
        return frozenset(minors)

    def _lookup(self, table: Mapping[str, Iterable[str]], name: str) -> frozenset[str]:
        spans = (self._spans(span) for span, names in table.items() if name in names)
        return frozenset().union(*spans)

    def minors_with(self, module: str, name: str) -> frozenset[str]:
        """Return the minors in which `module` has `name`."""
        return self._lookup(self._modules.get(module, {}), name)

    def minors_with_module(self, module: str) -> frozenset[str]:
        spans = map(self._spans, self._modules.get(module, {}))
        return frozenset().union(*spans)

    def is_module(self, module: str) -> bool:
        return module in self._modules

    def calls(self) -> list[str]:
        return list(self._calls)

    def is_call(self, call: str) -> bool:
        return call in self._calls

    def minors_with_call(self, call: str) -> frozenset[str]:
        kinds = [self._spans(s) for kind in self._calls[call].values() for s in kind]
        return frozenset().union(*kinds)

    def minors_accepting(self, call: str, argument: str) -> frozenset[str]:
        return self._lookup(self._calls[call].get("accepts", {}), argument)

    def is_open(self, call: str, minors: Iterable[str]) -> bool:
        """Whether a call takes any argument in one of these minors."""
        return bool(self._lookup(self._calls[call].get("open", {}), "yes") & set(minors))

    def required(self, call: str, minor: str) -> list[str]:
        table = self._calls[call].get("requires", {})
        return [n for span, names in table.items() if minor in self._spans(span) for n in names]

    def positional(self, call: str, minor: str) -> int:
        table = self._calls[call].get("positional", {})
        counts = [int(n[0]) for span, n in table.items() if minor in self._spans(span)]
        return max(counts, default=99)

    def has_extra(self, plugin: str) -> bool:
        return bool(self._lookup(self._extras, plugin))

    def downloads(self, plugin: str, minor: str) -> bool:
        """Whether a plugin needs model files that `download-files` fetches."""
        return minor in self._lookup(self._downloads, plugin)

    def describe(self, minors: Iterable[str]) -> str:
        """Return minors as words: `1.3 and later`."""
        held = [minor for minor in self._minors if minor in set(minors)]
        if not held:
            return ""
        if held[-1] == self._minors[-1]:
            return f"{held[0]} and later"
        return held[0] if len(held) == 1 else f"{held[0]} to {held[-1]}"


@cache
def exports() -> Exports:
    text = files("livekit_doctor").joinpath("exports.json").read_text(encoding="utf-8")
    return Exports(json.loads(text))


@dataclass(frozen=True)
class Release:
    """The release that a part of the project gets.

    Attributes:
        version: the newest that its files allow.
        source: the requirement and its file; empty if there is none.
    """

    version: Version = NEWEST
    source: str = ""

    @cached_property
    def minors(self) -> frozenset[str]:
        """The minors whose data may apply: an early patch may lack what the last one has."""
        known = exports().releases
        if self.version >= exports().newest:
            return frozenset([list(known)[-1]])
        minor = f"{self.version.major}.{self.version.minor}"
        if self.version.major == 0:
            minor = "0.12"
        if minor not in known:
            return frozenset()
        minors = list(known)
        before = minors[max(0, minors.index(minor) - 1)]
        is_last = self.version >= known[minor] or minor == minors[1]
        return frozenset([minor] if is_last else [before, minor])

    @property
    def is_known(self) -> bool:
        """Whether our data says everything about this release."""
        return self.version <= exports().newest and bool(self.minors)

    def __str__(self) -> str:
        if self.version == NEWEST:
            return f"the newest {AGENTS}"
        return f"{AGENTS} {self.version}"


@dataclass
class Requirements:
    """What the files in one folder ask to be installed.

    Attributes:
        names: the distributions, normalised; extras of livekit-agents as `livekit-plugins-…`.
        is_complete: whether nothing else could add to them.
    """

    agents: list[tuple[Version, str]] = field(default_factory=list)
    locked: list[tuple[Version, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    locked_names: set[str] = field(default_factory=set)
    is_complete: bool = True
    file: str = ""


class Releases:
    """The requirements of a project, folder by folder.

    Attributes:
        scripts: the modules behind the commands that pyproject.toml files define.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.scripts: dict[str, str] = {}
        self._folders: dict[PurePosixPath, Requirements] = {}
        # Those that another one includes: `-r base.in`. Most have no telling name.
        self._included = {
            posixpath.normpath(PurePosixPath(file).parent / found)
            for file, text in texts.items()
            if file.endswith((".txt", ".in"))
            for found in re.findall(r"(?m)^(?:-r|--requirement|-c|--constraint)[ =]*(\S+)", text)
        }
        for file, text in texts.items():
            try:
                self._read(file, text)
            except (ValueError, TypeError, AttributeError, RecursionError):
                continue  # not a manifest after all, or a damaged one
        self._cache: dict[PurePosixPath, Release] = {}

    def of(self, file: str) -> Release:
        """Return the release for `file`: that of the nearest folder above it which asks for one."""
        folder = PurePosixPath(file).parent
        if folder not in self._cache:
            self._cache[folder] = self._release(folder)
        return self._cache[folder]

    def _release(self, folder: PurePosixPath) -> Release:
        above = [self._folders[f] for f in (folder, *folder.parents) if f in self._folders]
        for kind in ("locked", "agents"):
            for requirements in above:
                if found := getattr(requirements, kind):
                    return Release(*max(found))
        found = {pin for r in self._folders.values() for pin in r.locked or r.agents}
        if len({version for version, _ in found}) == 1:  # such as requirements/base.txt
            return Release(*found.pop())
        return Release()

    def newest(self) -> Release:
        everything = [pin for r in self._folders.values() for pin in r.locked or r.agents]
        return Release(*max(everything)) if everything else Release()

    def around(self, file: str) -> list[Requirements]:
        """Return the requirements that may apply to `file`."""
        return list(self._folders.values())

    def _of(self, file: str) -> Requirements:
        folder = PurePosixPath(file).parent
        return self._folders.setdefault(folder, Requirements())

    def _read(self, file: str, text: str) -> None:
        name = PurePosixPath(file).name
        if name in ("uv.lock", "poetry.lock", "pdm.lock"):
            self._lock(file, tomllib.loads(text).get("package", []))
            if not self._of(file).locked:
                for version in re.findall(r'name = "livekit-agents"\s*\nversion = "([\d.]+)', text):
                    self._of(file).locked.append((Version(version), file))
        elif name == "Pipfile.lock":
            locked = json.loads(text).get("default", {})
            pins = [{"name": n, "version": p.get("version", "")[2:]} for n, p in locked.items()]
            self._lock(file, pins)
        elif name == "pyproject.toml":
            self._pyproject(file, tomllib.loads(text))
            if not self._of(file).agents:  # another tool's table
                for found in re.findall(r"""["'](livekit[^"'\n]*)["']""", text):
                    self._add(file, found)
        elif name == "Pipfile":
            parsed = tomllib.loads(text)
            for section in ("packages", "dev-packages"):
                self._table(file, parsed.get(section, {}))
        elif (
            re.fullmatch(r"(requirements|constraints|deps).*\.(txt|in)", name)
            or (name.endswith((".txt", ".in")) and "requirements" in file)
            or file in self._included
        ):
            for line in text.splitlines():
                self._line(file, line)
        elif name in ("setup.py", "setup.cfg") or re.fullmatch(
            r"(environment|conda).*\.ya?ml", name
        ):
            for found in re.finditer(r"""(?m)["'\s]((?:livekit[\w-]*)[^"'\n#]*)""", text):
                self._add(file, found[1].strip())
        elif name.endswith(".py") and (
            script := re.search(r"(?m)^# /// script\n((?:#.*\n)*)", text)
        ):
            toml = re.sub(r"(?m)^# ?(///)?", "", script[1])
            for requirement in tomllib.loads(toml).get("dependencies", []):
                self._add(file, requirement)
        else:
            self._commands(file, text)

    def _lock(self, file: str, packages: Iterable[Mapping[str, Any]]) -> None:
        requirements = self._of(file)
        for package in packages:
            name = str(package.get("name", ""))
            requirements.locked_names.add(normalised(name))
            if name == AGENTS and package.get("version"):
                requirements.locked.append((Version(package["version"]), file))

    def _pyproject(self, file: str, parsed: Mapping[str, Any]) -> None:
        project = parsed.get("project", {})
        groups = [
            project.get("dependencies", []),
            *project.get("optional-dependencies", {}).values(),
        ]
        groups += parsed.get("dependency-groups", {}).values()
        groups.append(parsed.get("tool", {}).get("uv", {}).get("dev-dependencies", []))
        for requirement in (r for group in groups for r in group):
            if isinstance(requirement, str):
                self._add(file, requirement)
        if "dependencies" in project.get("dynamic", []):
            self._of(file).is_complete = False
        poetry = parsed.get("tool", {}).get("poetry", {})
        self._table(file, poetry.get("dependencies", {}))
        for group in poetry.get("group", {}).values():
            self._table(file, group.get("dependencies", {}))
        for table in (project, poetry):
            for name, entry in table.get("scripts", {}).items():
                self.scripts[name] = str(entry).partition(":")[0]

    def _table(self, file: str, table: Mapping[str, Any]) -> None:
        """Read a table of Poetry or Pipenv."""
        for name, wanted in table.items():
            extras, version = [], wanted
            if isinstance(wanted, dict):
                extras, version = wanted.get("extras", []), wanted.get("version", "")
                if wanted.keys() & {"git", "path", "url", "file"}:
                    self._of(file).is_complete = False
            version = str(version)
            if found := re.fullmatch(r"\^(\d+)\.?(.*)", version):
                version = f">={version[1:]},<{int(found[1]) + 1}"
                if found[1] == "0" and found[2]:
                    version = f">=0.{found[2]},<0.{int(found[2].partition('.')[0]) + 1}"
            elif re.fullmatch(r"~\d+\.\d+", version):
                version = f"=={version[1:]}.*"
            elif version[:1] == "~" and version[1:2] != "=":
                version = f"~={version[1:]}"
            elif version[:1].isdigit():
                version = f"=={version}"
            version = "" if version == "*" else version
            self._add(
                file, f"{name}[{','.join(extras)}]{version}" if extras else f"{name}{version}"
            )

    def _line(self, file: str, line: str) -> None:
        line = re.split(r"(?:^|\s)#", line)[0].split(" --hash")[0].rstrip("\\ ").strip()
        if line.startswith(("-e", "--editable", ".", "git+", "http")) or "://" in line:
            self._of(file).is_complete = False
        if line and line[0] != "-":
            self._add(file, line)

    PIP = re.compile(
        r"(?:(?:pip3?|uv|poetry|pipenv|pdm)\s+(?:install|add)|(?:uv\s+run|uvx)\s+--with)\b"
        r"([^\n;&|`]*)"
    )
    NAMED = re.compile(
        r"""["']?(livekit[\w-]*(?:\[[\w,. -]*\])?"""
        r"""(?:[~=<>!]=?[^\s"'`,]+(?:,[~=<>!]=?[^\s"'`,]+)*)?)"""
    )

    def _commands(self, file: str, text: str) -> None:
        """Read what a Dockerfile, a script or a README installs."""
        if "livekit" not in text:
            return
        is_prose = file.endswith((".md", ".mdx", ".rst", ".txt", ".py"))
        for found in self.PIP.finditer(re.sub(r"\\\r?\n", "  ", text)):
            for requirement in self.NAMED.findall(found[1]):
                if is_prose:  # advice, which nothing runs
                    self._of(file).names |= names_of(requirement)
                else:
                    self._add(file, requirement)

    def _add(self, file: str, written: str) -> None:
        requirements = self._of(file)
        requirements.names |= names_of(written)
        try:
            requirement = Requirement(written)
        except InvalidRequirement:
            return
        if requirement.url and "livekit" in written:
            requirements.is_complete = False
        if normalised(requirement.name) == AGENTS and not requirement.url:
            requirements.file = file
            requirements.agents.append((newest(requirement.specifier), f"{file}: {written}"))


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(written: str) -> set[str]:
    """Return the distributions that a requirement brings."""
    found = re.match(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?", written)
    if not found:
        return set()
    name = normalised(found[1])
    extras = {normalised(extra.strip()) for extra in (found[2] or "").split(",")} - {""}
    if name == AGENTS:
        return {name, *(f"livekit-plugins-{extra}" for extra in extras)}
    return {name}


def newest(specifier: SpecifierSet) -> Version:
    """Return the newest release that a requirement allows, as far as we know them."""
    exact = [s.version for s in specifier if s.operator in ("==", "===") and "*" not in s.version]
    try:
        if exact:
            return Version(exact[0])
        # Allowed by what has no upper limit, so it gets the newest one there is.
        if specifier.contains(Version("999.999"), prereleases=True):
            return NEWEST
        last_patches = {minor: last.micro for minor, last in exports().releases.items()}
        # The first one stored, 0.12, stands for those before it: the API changed with 1.0.
        last_patches = {f"0.{minor}": 30 for minor in range(12)} | last_patches
        patches = (
            Version(f"{minor}.{patch}")
            for minor, last in last_patches.items()
            for patch in range(last + 1)
        )
        allowed = [version for version in patches if specifier.contains(version, prereleases=True)]
        if specifier.contains(Version("1.999"), prereleases=True):  # `~=1.3`, `<2`
            return NEWEST
        return max(allowed, default=NEWEST)
    except (InvalidVersion, InvalidSpecifier):
        return NEWEST
