"""Write livekit_doctor/exports.json: what each release of livekit-agents exports.

    uv run python script/exports.py

It reads the wheels of the releases without importing them, so their dependencies are not installed:
the names in each module, the arguments of the classes that start a worker, and the extras.
The releases are 1.0.23, for which many guides were written, and the last one of each minor.
"""

import ast
import datetime
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

STORED = Path(__file__).parent.parent / "livekit_doctor" / "exports.json"
FIRST = ("0.12", "1.0")  # the last 0.x, whose code is still around; then every minor that exists
PINNED = {"1.0": "==1.0.23"}
# Plugins that follow the releases of livekit-agents, and that most projects use.
PLUGINS = ("openai", "silero", "turn-detector", "deepgram", "elevenlabs", "cartesia", "google")
CALLS = (
    *("WorkerOptions", "AgentServer", "Worker", "RoomInputOptions", "RoomOutputOptions"),
    *("AgentSession", "Agent", "AgentServer.rtc_session", "JobRequest.accept"),
    *("AgentSession.start", "AgentSession.generate_reply", "AgentSession.say"),
    *("JobContext.connect", "cli.run_app", "room_io.RoomOptions", "room_io.AudioInputOptions"),
    *("room_io.TextInputOptions", "room_io.VideoInputOptions", "room_io.AudioOutputOptions"),
    *("room_io.TextOutputOptions", "worker.ServerOptions"),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def install(requirements: Iterable[str], folder: Path) -> bool:
    """Unpack the wheels of these packages, without their dependencies."""
    command = ("uv", "pip", "install", "--quiet", "--no-deps", "--python-version", "3.13")
    done = subprocess.run(
        [*command, "--target", folder, *requirements], capture_output=True, text=True, check=False
    )
    return done.returncode == 0


class Package:
    """The modules in a folder of unpacked wheels."""

    def __init__(self, folder: Path) -> None:
        self.trees: dict[str, ast.Module] = {}
        self._packages: set[str] = set()
        self._names: dict[str, dict[str, ast.AST]] = {}
        for file in sorted(folder.glob("livekit/**/*.py")):
            parts = file.relative_to(folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            self.trees[name] = ast.parse(file.read_bytes())
            if is_package:
                self._packages.add(name)

    def names(self, module: str) -> dict[str, ast.AST]:
        """Return what can be imported from `module`, and what binds it."""
        if module not in self._names:
            names: dict[str, ast.AST] = {}
            self._names[module] = names  # before it is filled, as modules import each other
            names |= dict(self._bound(module, self.trees[module].body))
            for lazy in self._lazy(module):
                names.setdefault(lazy, self.trees[module])
            for submodule in self.trees:
                parent, _, name = submodule.rpartition(".")
                if parent == module:
                    names.setdefault(name, self.trees[submodule])
        return self._names[module]

    def _lazy(self, module: str) -> Iterator[str]:
        """Yield the names that a module's `__getattr__` may know: its strings."""
        tree = self.trees[module]
        if any(isinstance(n, ast.FunctionDef) and n.name == "__getattr__" for n in tree.body):
            for part in ast.walk(tree):
                match part:
                    case ast.Constant(value=str(text)) if text.isidentifier():
                        yield text

    def _bound(self, module: str, body: Iterable[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield name, node
                case ast.ClassDef(name=name):
                    yield name, node
                case ast.ImportFrom(names=[ast.alias(name="*")]):
                    if (source := self.source(module, node)) in self.trees:
                        yield from self.names(source).items()
                case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                    for alias in aliases:
                        yield alias.asname or alias.name.partition(".")[0], node
                case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                    for part in ast.walk(node):
                        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                            yield part.id, node
                case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                    yield from self._bound(module, ast.iter_child_nodes(node))
                case ast.ExceptHandler():
                    yield from self._bound(module, node.body)

    def source(self, module: str, node: ast.ImportFrom) -> str:
        """Return the module that `node` imports from."""
        if not node.level:
            return node.module or ""
        base = module.split(".")
        drop = node.level - (module in self._packages)
        base = base[: len(base) - drop] if drop else base
        return ".".join([*base, *(node.module or "").split(".")]).strip(".")

    def find(self, module: str, dotted: str) -> tuple[str, ast.AST] | None:
        """Follow `dotted` to the class or function that it names, and return its module, too."""
        found: tuple[str, ast.AST] | None = (module, ast.Module([], []))
        for part in dotted.split("."):
            match found:
                case (where, ast.ClassDef(body=body)):
                    methods = [n for n in body if isinstance(n, Function) and n.name == part]
                    found = (where, methods[-1]) if methods else None
                case (where, ast.Module()):
                    found = self._find(where, part)
        return found

    def _find(self, module: str, name: str) -> tuple[str, ast.AST] | None:
        node = self.names(module).get(name) if module in self.trees else None
        match node:
            case ast.Module():
                return f"{module}.{name}", node
            case ast.ImportFrom():
                wanted = next(a.name for a in node.names if (a.asname or a.name) == name)
                source = self.source(module, node)
                if f"{source}.{wanted}" in self.trees:
                    return f"{source}.{wanted}", self.trees[f"{source}.{wanted}"]
                return self._find(source, wanted)
            case ast.Assign(value=ast.Name(id=other)):
                return self._find(module, other)
            case None:
                return None
        return module, node

    def call(self, dotted: str) -> "Signature | None":
        found = self.find("livekit.agents", dotted)
        if not found:
            return None
        module, node = found
        if isinstance(node, ast.ClassDef):
            return self._signature_of_class(module, node)
        return signature(node) if isinstance(node, Function) else None

    def _signature_of_class(self, module: str, node: ast.ClassDef) -> "Signature":
        methods = [n for n in node.body if isinstance(n, Function) and n.name == "__init__"]
        if methods:
            merged = signature(methods[-1])
            for overload in methods[:-1]:
                merged.accepts |= signature(overload).accepts
            return merged
        result = Signature()
        for base in node.bases:
            name = ast.unparse(base).partition("[")[0]
            where, found = self._find(module, name) or ("", None)
            if isinstance(found, ast.ClassDef):
                inherited = self._signature_of_class(where, found)
                result.accepts |= inherited.accepts
                result.requires |= inherited.requires
                result.is_open = result.is_open or inherited.is_open
        decorators = "".join(map(ast.unparse, node.decorator_list))
        if "dataclass" in decorators:
            for line in node.body:
                match line:
                    case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
                        if "ClassVar" in ast.unparse(kind) or "KW_ONLY" in ast.unparse(kind):
                            continue
                        result.accepts[name] = None
                        if value is None:
                            result.requires[name] = None
            is_keyword_only = "kw_only=True" in decorators
            result.positional = 0 if is_keyword_only else len(result.accepts)
        return result


@dataclass
class Signature:
    """The arguments of a call; the dictionaries are ordered sets."""

    accepts: dict[str, None] = field(default_factory=dict)
    requires: dict[str, None] = field(default_factory=dict)
    positional: int = 0
    is_open: bool = False  # **arguments


def signature(node: Function) -> Signature:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    positional = positional[1:] if positional and positional[0].arg == "self" else positional
    optional = len(arguments.defaults)
    requires = [a.arg for a in positional[: len(positional) - optional]]
    requires += [
        a.arg
        for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    accepts = dict.fromkeys(a.arg for a in [*positional, *arguments.kwonlyargs])
    count = 99 if arguments.vararg else len(positional)
    return Signature(accepts, dict.fromkeys(requires), count, arguments.kwarg is not None)


def releases() -> Iterator[tuple[str, Package, Distribution, list[str]]]:
    """Yield each minor, its package, its metadata, and the plugins that could be read."""
    minors = iter((*FIRST, *(f"1.{minor}" for minor in range(1, 100))))
    for minor in minors:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            wanted = PINNED.get(minor, f"~={minor}.0")
            if not install([f"livekit-agents{wanted}"], folder):
                return  # there is no such minor yet
            plugins = [p for p in PLUGINS if install([f"livekit-plugins-{p}{wanted}"], folder)]
            (info,) = folder.glob("livekit_agents-*.dist-info")
            distribution = PathDistribution(info)
            print(distribution.version, *plugins, file=sys.stderr)
            yield minor, Package(folder), distribution, plugins


def spans(held: Iterable[str], minors: list[str]) -> str:
    """Return the minors as spans: `1.0-1.2,1.5+`. Empty if all have it."""
    held, parts, start = set(held), list[str](), ""
    if held == set(minors):
        return ""
    for minor, following in zip(minors, [*minors[1:], ""], strict=True):
        if minor in held:
            start = start or minor
            if following not in held:
                end = f"-{minor}" if minor != start else ""
                parts.append(f"{start}+" if not following else f"{start}{end}")
                start = ""
    return ",".join(parts)


def by_span(table: Mapping[str, set[str]], minors: list[str]) -> dict[str, list[str]]:
    groups = defaultdict[str, list[str]](list)
    for name, held in sorted(table.items()):
        groups[spans(held, minors) or "all"].append(name)
    return dict(sorted(groups.items()))


def collect() -> dict[str, Any]:
    versions: dict[str, str] = {}
    modules: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    calls: dict[str, dict[str, dict[str, set[str]]]] = {}
    extras, downloads = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for minor, package, distribution, plugins in releases():
        versions[minor] = distribution.version
        for module in package.trees:
            if "._" in module or module == "livekit.plugins":
                continue
            for name in package.names(module):
                if not name.startswith("_"):
                    modules[module][name].add(minor)
        for plugin in plugins:
            prefix = f"livekit.plugins.{plugin.replace('-', '_')}"
            trees = [tree for m, tree in package.trees.items() if m.startswith(prefix)]
            if any("def download_files" in ast.unparse(tree) for tree in trees):
                downloads[plugin].add(minor)
        for extra in distribution.metadata.get_all("Provides-Extra") or []:
            extras[extra].add(minor)
        for requirement in distribution.requires or []:
            base = re.match(r"livekit-plugins-([\w-]+)(?!.*extra ==)", requirement)
            if base:
                extras[f"(base) {base[1]}"].add(minor)
        for call in CALLS:
            if found := package.call(call):
                kinds = calls.setdefault(call.rpartition(".")[2] if call[0].islower() else call, {})
                for kind, names in (("accepts", found.accepts), ("requires", found.requires)):
                    for name in names:
                        kinds.setdefault(kind, {}).setdefault(name, set()).add(minor)
                count = kinds.setdefault("positional", {})
                count.setdefault(str(found.positional), set()).add(minor)
                if found.is_open:
                    kinds.setdefault("open", {}).setdefault("yes", set()).add(minor)
    minors = list(versions)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "releases": versions,
        "modules": {m: by_span(names, minors) for m, names in sorted(modules.items())},
        "calls": {
            call: {kind: by_span(table, minors) for kind, table in kinds.items()}
            for call, kinds in calls.items()
        },
        "extras": by_span(extras, minors),
        "downloads": by_span(downloads, minors),
    }


if __name__ == "__main__":
    STORED.write_text(json.dumps(collect(), indent=1) + "\n", encoding="utf-8")
