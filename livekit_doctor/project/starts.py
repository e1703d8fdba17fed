"""Does the Python start at all? Compares imports and arguments with what the release exports."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

from livekit_doctor.project.notes import Notes, Place
from livekit_doctor.project.python import WORKERS, Module
from livekit_doctor.project.releases import Release, Requirements, exports, normalised
from livekit_doctor.project.requests import Function, name_of, walk_here

AGENTS, PLUGINS = "livekit.agents", "livekit.plugins"
# Methods, by the name of what they are called on: `request.accept()`, `ctx.connect()`.
# Calls whose options seldom grow: one that no release takes is a mistake, not a newer release.
SURE = {"WorkerOptions", "ServerOptions", "AgentServer", "AgentServer.rtc_session"}
METHODS = {"rtc_session": "AgentServer.rtc_session"}
OF_SESSIONS = {"start", "generate_reply", "say"}
# Distributions whose plugins have another name than their import.
OTHER_DISTRIBUTIONS = {
    "noise_cancellation": {"livekit-plugins-noise-cancellation", "livekit-plugins-ai-coustics"},
    "nvidia": {"livekit-plugins-nvidia", "livekit-plugins-riva"},
}


def read(module: Module, notes: Notes) -> None:
    """Report what raises when `module` is imported or run."""
    if notes.is_vendored:
        return
    check = Check(module, notes)
    check.imports()
    check.attributes()
    check.calls()
    check.sessions()
    check.entrypoints()
    check.runs()


class Check:
    def __init__(self, module: Module, notes: Notes) -> None:
        self._module, self._notes = module, notes
        self._release: Release = notes.release(module.file)
        self._exports = exports()
        self._nodes = module.nodes
        self._guarded = set(self._find_guarded())
        self._bound = bound_names(self._nodes)
        # What the names of this file stand for: `agents` for `livekit.agents`.
        self._names: dict[str, str] = {}
        stored = Counter(
            node.id for node in self._nodes if isinstance(node, ast.Name) and is_stored(node)
        )
        stored.update(node.arg for node in self._nodes if isinstance(node, ast.arg))
        stored.update(
            node.name
            for node in self._nodes
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for node in self._nodes:
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").partition(".")[0] != "livekit"
            ):
                stored.update(alias.asname or alias.name for alias in node.names)
        for node in self._nodes:
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                if node.module.partition(".")[0] == "livekit":
                    for alias in node.names:
                        if alias.name == "*" and node.module == AGENTS:
                            stars = {call.partition(".")[0] for call in self._exports.calls()}
                            self._names |= {n: f"{AGENTS}.{n}" for n in stars if not stored[n]}
                        bound = alias.asname or alias.name
                        if not stored[bound]:
                            self._names[bound] = f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if (
                        alias.name.startswith("livekit")
                        and alias.asname
                        and not stored[alias.asname]
                    ):
                        self._names[alias.asname] = alias.name

    def _find_guarded(self) -> Iterator[ast.AST]:
        """Yield what may fail without harm: in `try` with a handler, or under a condition."""
        for node in self._nodes:
            match node:
                case ast.Try(handlers=[_, *_], body=body):
                    parts = body
                case ast.If(test=test, body=body, orelse=orelse) if re.search(
                    r"TYPE_CHECKING|version|hasattr|find_spec", ast.unparse(test)
                ):
                    parts = [*body, *orelse]
                case _:
                    continue
            for part in parts:
                yield from ast.walk(part)

    def _say(self, cause: str, node: ast.AST, seen: str, is_sure: bool = True) -> None:
        place = Place(self._module.file, getattr(node, "lineno", 1))
        self._notes.say(cause, place, seen, "problem" if is_sure else "warning")

    def imports(self) -> None:
        for node in self._nodes:
            if node in self._guarded:
                continue
            match node:
                case ast.ImportFrom(level=0, module=str(module), names=names):
                    for alias in names:
                        if alias.name != "*":
                            self._imported(node, module, alias.name)
                case ast.Import(names=names):
                    for alias in names:
                        if alias.name.startswith((AGENTS, PLUGINS)):
                            parent, _, name = alias.name.rpartition(".")
                            self._imported(node, parent, name)

    def _imported(self, node: ast.AST, module: str, name: str) -> None:
        if module == "livekit" and name in ("agents", "plugins", "rtc", "api", "protocol"):
            return
        if module == PLUGINS or module.startswith(f"{PLUGINS}."):
            self._plugin(node, (module + "." + name).split(".")[2])
        if module == AGENTS or module.startswith((f"{AGENTS}.", f"{PLUGINS}.")):
            if self._exports.is_module(module) and self._minors(
                self._exports.minors_with_module(module)
            ):
                self._name(node, module, name, "imports")
            else:
                self._missing_module(node, module)

    def _minors(self, having: frozenset[str]) -> bool:
        return bool(having & self._release.minors)

    def _missing_module(self, node: ast.AST, module: str) -> None:
        having = self._exports.minors_with_module(module)
        if module.startswith(PLUGINS) and not having:
            return  # most plugins are not in our data
        if not self._release.minors or any(part.startswith("_") for part in module.split(".")):
            return
        parent, _, name = module.rpartition(".")
        if not having and self._exports.minors_with(parent, name) & self._release.minors:
            return  # a name of its parent
        self._report(node, having, f"imports {module}", is_module=True)

    def _name(self, node: ast.AST, module: str, name: str, does: str) -> None:
        if name.startswith("_"):
            return
        having = self._exports.minors_with(module, name)
        having |= self._exports.minors_with_module(f"{module}.{name}")
        if not self._release.minors or self._minors(having):
            return
        if not having and module.startswith(PLUGINS):
            return  # a release of the plugin that is not in our data
        self._report(node, having, f"{does} {name} of {module}")

    def _report(
        self, node: ast.AST, having: frozenset[str], does: str, is_module: bool = False
    ) -> None:
        by = f" ({self._release.source})" if self._release.source else ""
        where = f"No release up to {self._exports.newest} has it."
        if having:
            where = f"It exists in {self._exports.describe(having)}."
        seen = f"The code {does}, which {self._release}{by} does not have. {where}"
        is_old = having == {"0.12"} or (
            bool(having) and max(having) < min(self._release.minors) and "0.12" in having
        )
        newest = max(having, key=lambda m: [*map(int, m.split("."))], default="")
        # A release that is newer than our data may have what no release has yet.
        is_sure = bool(having) or (self._release.is_known and bool(self._release.source))
        cause = "old-api" if newest == "0.12" or (is_old and newest < "1.0") else "missing-name"
        self._say(cause, node, seen, is_sure)

    def attributes(self) -> None:
        for node in self._nodes:
            if (
                isinstance(node, ast.Attribute)
                and node not in self._guarded
                and not is_stored(node)
            ):
                module = self._dotted(node.value)
                if module and self._minors(self._exports.minors_with_module(module)):
                    self._name(node, module, node.attr, "uses")

    def _dotted(self, node: ast.AST) -> str:
        """Return the full name of what `node` stands for, if it is of LiveKit."""
        match node:
            case ast.Name(id=name):
                return self._names.get(name, "")
            case ast.Attribute(value=value, attr=attr):
                start = self._dotted(value)
                return f"{start}.{attr}" if start else ""
            case ast.Subscript(value=value):  # AgentSession[Userdata]
                return self._dotted(value)
        return ""

    def _call_name(self, call: ast.Call) -> str:
        """Return the call of LiveKit's that this is. Empty if it is none."""
        func = call.func.value if isinstance(call.func, ast.Subscript) else call.func
        match func:
            case ast.Attribute(attr="rtc_session" as method):
                return METHODS[method]
            case ast.Attribute(value=owner, attr=method) if (
                method in OF_SESSIONS and ast.unparse(owner) in self._sessions
            ):
                return f"AgentSession.{method}"
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__"):
                node: ast.AST = call
                while node in self._module.parents and not isinstance(node, ast.ClassDef):
                    node = self._module.parents[node]
                return "Agent" if self._is_agent(node) else ""
        is_known = self._dotted(call.func).startswith(AGENTS) or self._is_unbound(call.func)
        return name_of(func) if is_known else ""

    def _is_agent(self, node: ast.AST) -> bool:
        """Whether this is a class that only Agent is a base of."""
        match node:
            case ast.ClassDef(bases=[base], keywords=[]):
                return self._dotted(base) in (f"{AGENTS}.Agent", f"{AGENTS}.voice.Agent")
        return False

    @cached_property
    def _sessions(self) -> set[str]:
        """The variables that hold an AgentSession wherever they occur."""
        stored = Counter(
            ast.unparse(node)
            for node in self._nodes
            if isinstance(node, ast.Name | ast.Attribute) and is_stored(node)
        )
        stored.update(node.arg for node in self._nodes if isinstance(node, ast.arg))
        made = Counter(
            ast.unparse(node.targets[0])
            for node in self._nodes
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and self._dotted(node.value.func).endswith(".AgentSession")
        )
        return {name for name, count in made.items() if stored[name] == count}

    def calls(self) -> None:
        for node in self._nodes:
            if isinstance(node, ast.Call) and node not in self._guarded:
                name = self._call_name(node)
                if self._exports.is_call(name):
                    self._arguments(node, name)

    def _is_unbound(self, func: ast.AST) -> bool:
        """Whether this is a name of LiveKit's by its looks, in an excerpt without its imports."""
        return (
            isinstance(func, ast.Name)
            and func.id.endswith(("Options", "AgentServer"))
            and func.id not in self._bound
        )

    def _arguments(self, call: ast.Call, name: str) -> None:
        minors = self._release.minors & self._exports.minors_with_call(name)
        if not minors or self._exports.is_open(name, minors):
            return
        by = f" ({self._release.source})" if self._release.source else ""
        given = {keyword.arg for keyword in call.keywords}
        unknown = [
            (keyword, having)
            for keyword in call.keywords
            if keyword.arg
            and not keyword.arg.startswith("_")
            and not (having := self._exports.minors_accepting(name, keyword.arg)) & minors
        ]
        if unknown:
            options = ", ".join(str(keyword.arg) for keyword, _ in unknown)
            having = unknown[0][1]
            where = f" {self._exports.describe(having)} has it." if having else ""
            seen = f"{name} does not take {options} in {self._release}{by}.{where}"
            is_sure = bool(having) or self._release.is_known or options == "namespace"
            is_sure = is_sure or name in SURE
            self._say("unknown-option", unknown[0][0].value, seen, is_sure)
        is_starred = None in given or any(isinstance(a, ast.Starred) for a in call.args)
        allowed = max(self._exports.positional(name, minor) for minor in minors)
        if not is_starred and len(call.args) > allowed:
            limit = f"at most {allowed}" if allowed else "no"
            given_count = f"{len(call.args)} positional arguments, but takes {limit}"
            seen = f"{name} gets {given_count} in {self._release}{by}."
            self._say("unknown-option", call, seen)
        if not is_starred and not call.args:
            required = {*self._exports.required(name, min(minors))}
            if missing := sorted(required - given):
                self._say("unknown-option", call, f"{name} needs {', '.join(missing)}.")

    def sessions(self) -> None:
        """Report a second rtc_session of one server."""
        servers = Counter[str]()
        for node in self._module.tree.body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                for decorator in node.decorator_list:
                    called = decorator.func if isinstance(decorator, ast.Call) else decorator
                    if isinstance(called, ast.Attribute) and called.attr == "rtc_session":
                        server = ast.unparse(called.value)
                        servers[server] += 1
                        if servers[server] == 2:
                            seen = f"A second function is registered with {server}.rtc_session."
                            self._say("two-sessions", decorator, seen)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                func = node.value.func
                if (
                    isinstance(func, ast.Attribute)
                    and func.attr == "rtc_session"
                    and node.value.args
                ):
                    server = ast.unparse(func.value)
                    servers[server] += 1
                    if servers[server] == 2:
                        seen = f"A second function is registered with {server}.rtc_session."
                        self._say("two-sessions", node, seen)

    def entrypoints(self) -> None:
        """Report entrypoints that cannot be awaited."""
        for node in self._nodes:
            match node:
                case ast.FunctionDef(decorator_list=decorators):
                    called = [d.func if isinstance(d, ast.Call) else d for d in decorators]
                    if [name_of(part) for part in called] == ["rtc_session"]:
                        self._entrypoint(self._module, node)
                case ast.Call(func=func) if name_of(func) in WORKERS:
                    self._called(node)
                    self._undefined(node)
                case ast.Call(func=func, args=[ast.Name(id=given) as argument, *_]) if name_of(
                    func
                ) == "run_app" and isinstance(self._module.meaning(argument)[1], Function):
                    seen = f"run_app gets {given}, a function. It takes an AgentServer or options."
                    self._say("unknown-option", node, seen)
            match node:
                case ast.Call(func=func, keywords=keywords) if name_of(func).endswith("Options"):
                    for keyword in keywords:
                        if keyword.arg == "entrypoint_fnc":
                            module, value = self._module.meaning(keyword.value)
                            if isinstance(value, ast.FunctionDef) and not value.decorator_list:
                                self._entrypoint(module, value)

    def _called(self, worker: ast.Call) -> None:
        """Report async functions that are called where they should be passed."""
        for part in (*worker.args, *(keyword.value for keyword in worker.keywords)):
            if isinstance(part, ast.Call):
                meaning = self._module.meaning(part.func)[1]
                if isinstance(meaning, ast.AsyncFunctionDef) and not meaning.decorator_list:
                    seen = f"{name_of(worker.func)} gets {ast.unparse(part)[:50]}, a coroutine."
                    self._say("entrypoint-called", part, seen)

    @cached_property
    def _is_program(self) -> bool:
        """Whether this is a whole program, rather than an excerpt, and all its names are known."""
        is_whole = any(isinstance(n, ast.Name) and n.id == "__name__" for n in self._nodes)
        has_star = any(
            isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in self._nodes
        )
        return is_whole and "cli" in self._names and not has_star

    def _undefined(self, worker: ast.Call) -> None:
        """Report an entrypoint that this program does not define."""
        given = [k.value for k in worker.keywords if k.arg == "entrypoint_fnc"] or worker.args[:1]
        for part in given if self._is_program else ():
            if isinstance(part, ast.Name) and part.id not in self._bound:
                self._say("missing-name", part, f"Nothing in this file defines {part.id}.")

    def _entrypoint(self, module: Module, function: ast.FunctionDef) -> None:
        inside = [part for line in function.body for part in walk_here(line)]
        if not any(isinstance(part, ast.Return) and part.value for part in inside):
            place = Place(module.file, function.lineno)
            self._notes.say("entrypoint-plain-def", place, f"{function.name} is not async.")

    def runs(self) -> None:
        """Report a guard that is never true, and a coroutine of a worker that nobody awaits."""
        workers = {
            target.id
            for node in self._nodes
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and self._dotted(node.value.func).endswith((".Worker", ".AgentServer"))
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in self._nodes:
            match node:
                case ast.Call(func=func, args=[ast.Name() as server]) if (
                    name_of(func) == "run_app"
                    and isinstance(made := self._module.meaning(server)[1], ast.Call)
                    and name_of(made.func) == "AgentServer"
                    and not self._notes.has_sessions
                ):
                    self._say("no-session", node, f"{server.id} has no rtc_session.")
                case ast.Compare(
                    left=ast.Name(id="__name__"),
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value=str(text)) as wrong],
                ) if text != "__main__" and text.strip("_") == "main":
                    seen = f'__name__ is never {text!r}: it is "__main__".'
                    self._say("not-run", wrong, seen)
                case ast.Expr(
                    value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="run")) as call
                ) if name in workers:
                    seen = f"{name}.run() is a coroutine, and nothing awaits it."
                    self._say("not-run", call, seen)

    def _plugin(self, node: ast.AST, plugin: str) -> None:
        """Report a plugin that no file of the project installs."""
        wanted = OTHER_DISTRIBUTIONS.get(plugin, {f"livekit-plugins-{normalised(plugin)}"})
        around = [
            r for r in self._notes.releases.around(self._module.file) if r.names or r.locked_names
        ]
        names: set[str] = set().union(*(r.names | r.locked_names for r in around))
        if "livekit-agents" not in names or not all(r.is_complete for r in around):
            return  # what is installed is not known
        if wanted & names or is_indirect(plugin, around):
            return
        if not self._exports.has_extra(normalised(plugin)) and plugin not in OTHER_DISTRIBUTIONS:
            return  # the distribution of a plugin by somebody else may have any name
        distribution = f"livekit-plugins-{normalised(plugin)}"
        seen = (
            f"The code imports livekit.plugins.{plugin}, but no file here asks for {distribution}."
        )
        self._say("missing-plugin", node, seen, is_sure=not is_conditional(node, self._module))


def bound_names(nodes: Iterable[ast.AST]) -> set[str]:
    bound: set[str] = set()
    for node in nodes:
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.ClassDef(name=name)
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.arg(arg=name)
            ):
                bound.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound |= {alias.asname or alias.name for alias in aliases}
    return bound


def is_indirect(plugin: str, around: Iterable[Requirements]) -> bool:
    """Whether another plugin may bring this one: many build on that of OpenAI."""
    others = {n for r in around for n in r.names if n.startswith("livekit-plugins-")}
    return plugin in ("openai", "silero") and bool(others - {"livekit-plugins-silero"})


def is_conditional(node: ast.AST, module: Module) -> bool:
    """Whether an import is inside a function or a condition, so it may never run."""
    while node in module.parents:
        node = module.parents[node]
        if not isinstance(node, ast.Module):
            return True
    return False


def is_stored(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
