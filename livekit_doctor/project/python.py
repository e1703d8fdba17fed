"""Read Python: workers, tokens, dispatches and request handlers."""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath

from packaging.version import Version

from livekit_doctor.finding import Level
from livekit_doctor.project.notes import (
    ABOUT_ROOMS,
    FULL,
    NOTHING,
    SPELLINGS,
    UNKNOWN,
    Name,
    Notes,
    Place,
    Value,
    is_metadata,
    literal,
)
from livekit_doctor.project.requests import Function, Paths, name_of, walk_here

WORKERS = {"WorkerOptions", "ServerOptions", "AgentServer", "rtc_session"}
ASKS = {"RoomAgentDispatch", "CreateAgentDispatchRequest"}
ISSUERS = {"AccessToken", "CreateRoomRequest", "RoomConfiguration"}
JSON_NAME = re.compile(rf'"(?:{"|".join(SPELLINGS)})"\s*:\s*"([^"]+)"')
MAX_HOPS = 5  # how far to follow a name from one assignment or import to the next


class Modules:
    """The Python files of a project, by their paths."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._read: dict[str, Module | None] = {}
        self.errors: dict[str, Exception] = {}

    def module(self, file: str) -> "Module | None":
        """Return the module in `file`, or None if it does not parse."""
        if file not in self._read:
            try:
                self._read[file] = Module(file, ast.parse(self._sources[file]), self)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                self._read[file] = None
                self.errors[file] = error
        return self._read[file]

    def find(self, level: int, dotted: str, importer: str) -> "Module | None":
        """Return the module that `importer` imports as `dotted`, with `level` dots before it."""
        folders = list(PurePosixPath(importer).parents)
        for folder in folders[level - 1 : level] if level else folders:
            path = folder.joinpath(*dotted.split("."))
            for file in (f"{path}.py", f"{path}/__init__.py"):
                if file in self._sources:
                    return self.module(file)
        return None


class Module:
    """A file, and what its names stand for."""

    def __init__(self, file: str, tree: ast.Module, modules: Modules) -> None:
        self.file, self.tree = file, tree
        self._modules = modules
        self.nodes = list(ast.walk(tree))
        self._meanings: dict[str, ast.expr | Function] = {}
        self._locals: dict[Function, dict[str, list[ast.expr | None]]] = {}
        self._classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
        self._imports: dict[str, tuple[int, str, str]] = {}
        for node in self.nodes:
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._meanings[node.name] = node
                case ast.ImportFrom(level=level, module=module):
                    for alias in node.names:
                        imported = (level, module or "", alias.name)
                        self._imports[alias.asname or alias.name] = imported
                case ast.Import():
                    for alias in node.names:
                        self._imports[alias.asname or alias.name] = (0, alias.name, "")
        for statement in tree.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    self._meanings[name] = value

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions and methods whose name only one has."""
        functions = [node for node in self.nodes if isinstance(node, Function)]
        counts = Counter(node.name for node in functions)
        return {node.name: node for node in functions if counts[node.name] == 1}

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def meaning(self, node: ast.expr, hops: int = MAX_HOPS) -> "tuple[Module, ast.expr | Function]":
        """Return what a name stands for, and in which module. If unknown, it is the node itself."""
        if isinstance(node, ast.Name) and (given := self._in_function(node)):
            only = given[0] if len(given) == 1 else None
            return self, only or node
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name) if (
                name in self._meanings
            ):
                return self, self._meanings[name]
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id=name)) if (
                hops and name in self._imports
            ):
                level, dotted, wanted = self._imports[name]
                if isinstance(node, ast.Attribute):
                    dotted, wanted = f"{dotted}.{wanted}".strip("."), node.attr
                if module := self._modules.find(level, dotted, self.file):
                    return module.meaning(ast.Name(wanted), hops - 1)
        return self, node

    def _in_function(self, node: ast.Name) -> list[ast.expr | None]:
        """Return what the functions around `node` give this name; None: only known at run time."""
        around: ast.AST = node
        while around in self.parents:
            around = self.parents[around]
            if isinstance(around, Function):
                if around not in self._locals:
                    self._locals[around] = locals_of(around)
                if given := self._locals[around].get(node.id):
                    return given
        return []

    def class_of(
        self, node: ast.expr, hops: int = MAX_HOPS
    ) -> "tuple[Module, ast.ClassDef] | None":
        """Return the class that is named by `node`, or that its instance in `node` is of."""
        match node:
            case ast.Name(id=name) if name in self._classes:
                return self, self._classes[name]
            case _ if not hops:
                return None
            case ast.Call(func=func):
                source, made = self.meaning(func)
                match made:
                    case ast.FunctionDef(body=[*_, ast.Return(value=ast.expr() as returned)]):
                        return source.class_of(returned, hops - 1)  # such as get_settings()
                return self.class_of(func, hops - 1)
            case ast.Name(id=name) if isinstance(call := self._meanings.get(name), ast.Call):
                return self.class_of(call, hops - 1)
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id=name)) if (
                name in self._imports
            ):
                level, dotted, wanted = self._imports[name]
                if isinstance(node, ast.Attribute):
                    dotted, wanted = f"{dotted}.{wanted}".strip("."), node.attr
                if module := self._modules.find(level, dotted, self.file):
                    return module.class_of(ast.Name(wanted), hops - 1)
        return None


def locals_of(function: Function) -> dict[str, list[ast.expr | None]]:
    """Return what a function assigns to its names; None: an argument, or known at run time only."""
    given: dict[str, list[ast.expr | None]] = {}
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        given.setdefault(argument.arg, []).append(None)
    for node in (part for line in function.body for part in walk_here(line)):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                given.setdefault(name, []).append(value)
            case ast.Name(id=name, ctx=ast.Store()) if name not in given:
                given[name] = [None]
    return given


def read(module: Module, notes: Notes) -> None:
    reader = Reader(module, notes)
    asking = asking_variables(module)
    for node in module.nodes:
        match node:
            case ast.Call():
                reader.call(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for decorator in node.decorator_list:
                    if isinstance(decorator, ast.Attribute) and decorator.attr == "rtc_session":
                        worker = Name(reader.place(decorator), decorator.attr, NOTHING)
                        notes.workers.append(worker)
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in SPELLINGS:
                        reader.entry(key, reader.value(value))
            case ast.Constant(value=str(text)) if found := JSON_NAME.search(text):
                reader.entry(node, literal(found[1]))
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=key)) as target]):
                if key in SPELLINGS and is_metadata({name_of(target.value)}):
                    notes.say_metadata(reader.place(node), reader.value(node.value))
            case ast.Assign(targets=[ast.Attribute(value=owner, attr="agent_name")]):
                if by := asking.get(ast.unparse(owner)):
                    notes.requests.append(Name(reader.place(node), by, reader.value(node.value)))
    for statement in [] if module.file.endswith(".ipynb") else module.tree.body:
        for node in [] if is_main_guard(statement) else walk_here(statement):
            if isinstance(node, ast.Call) and name_of(node.func) == "run_app":
                seen = 'run_app is called outside of if __name__ == "__main__".'
                notes.say("no-main-guard", reader.place(node), seen, "warning")


def asking_variables(module: Module) -> dict[str, str]:
    """Return the variables that hold a request for an agent, and what made each."""
    return {
        ast.unparse(node.targets[0]): by
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and (by := request_by(node.value))
    }


def request_by(call: ast.Call) -> str:
    """Return what asks for an agent here: a class, or `agents.add()` of a room's configuration."""
    match call.func:
        case ast.Attribute(value=ast.Attribute(attr="agents"), attr="add"):
            return "agents.add"
    return name_of(call.func) if name_of(call.func) in ASKS else ""


def is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def named_later(module: Module) -> tuple[dict[ast.Call, ast.keyword], list[ast.keyword]]:
    """Return the names that workers get after their call: `options.agent_name = "x"`.

    Those of a worker that is made in another file, or by a caller, are in the list.
    """
    names: dict[str, tuple[ast.expr, ast.keyword]] = {}
    typed = set[str]()
    for node in module.nodes:
        match node:
            case (
                ast.Assign(
                    targets=[ast.Attribute(value=owner, attr="agent_name" | "_agent_name")],
                    value=value,
                )
                | ast.Call(
                    func=ast.Name(id="setattr"),
                    args=[owner, ast.Constant(value="agent_name"), value],
                )
            ):
                keyword = ast.copy_location(ast.keyword("agent_name", value), value)
                names[ast.unparse(owner)] = owner, keyword
            case ast.Call(func=func, args=[owner], keywords=keywords) if (
                name_of(func) == "replace"  # of dataclasses
            ):
                names.update(
                    (ast.unparse(owner), (owner, k)) for k in keywords if k.arg == "agent_name"
                )
            case ast.arg(arg=name, annotation=ast.expr() as annotation) if (
                name_of(annotation) in WORKERS
            ):
                typed.add(name)
    by_call: dict[ast.Call, ast.keyword] = {}
    for node in module.nodes if names else []:
        match node:
            case (
                ast.Assign(targets=[target], value=ast.Call() as call)
                | ast.AnnAssign(target=target, value=ast.Call() as call)
            ) if name_of(call.func) in WORKERS - {"AgentServer"}:
                if named := names.pop(ast.unparse(target), None):
                    by_call[call] = named[1]
    others = [
        keyword
        for written, (owner, keyword) in names.items()
        if written in typed
        or (
            isinstance(made := module.meaning(owner)[1], ast.Call) and name_of(made.func) in WORKERS
        )
    ]
    return by_call, others


class Reader:
    def __init__(self, module: Module, notes: Notes) -> None:
        self._module, self._notes = module, notes
        self._named_later, others = named_later(module)
        for keyword in others:
            value = replace(self.value(keyword.value), is_sure=False)
            notes.workers.append(Name(self.place(keyword), "agent_name", value))

    def place(self, node: ast.expr | ast.stmt | ast.keyword) -> Place:
        return Place(self._module.file, node.lineno)

    def value(self, node: ast.expr) -> Value:
        return value_of(node, self._module, self._notes)

    def call(self, call: ast.Call) -> None:
        by, arguments = name_of(call.func), {k.arg: k for k in call.keywords}
        if by in WORKERS and by != "AgentServer" and None in arguments:
            self._unpack(by, arguments)
        given = arguments.get(SPELLINGS[0])
        if by in WORKERS:
            given = self._named_later.get(call, given)
            if given and by == "AgentServer":
                pass  # it takes none: project/starts.py says so
            elif given:
                value = self.value(given.value)
                if value.is_sure and self._is_conditional(given.value):
                    value = replace(value, is_sure=False)
                self._notes.workers.append(Name(self.place(given), by, value))
            elif by != "AgentServer" and None not in arguments:  # rtc_session names an AgentServer
                self._notes.workers.append(Name(self.place(call), by, NOTHING))
            for option, argument in arguments.items():
                self._option(by, option, argument, arguments)
        elif by in ISSUERS:
            self._notes.issuers.append(self._module.file)
        elif asking := request_by(call):
            if wrong := arguments.get("agentName"):
                seen = f"{asking} does not take agentName: it is agent_name."
                self._notes.say("unknown-option", self.place(wrong), seen)
            if None in arguments:
                arguments |= self._entries(arguments[None]) or {}
            if given := arguments.get(SPELLINGS[0]):
                name = Name(self.place(given), asking, self.value(given.value))
                self._notes.requests.append(name)
            elif None in arguments:
                self._notes.requests.append(Name(self.place(call), asking, UNKNOWN))
        elif given:
            self._mention(given, self.value(given.value))

    def _unpack(self, by: str, arguments: dict[str | None, ast.keyword]) -> None:
        """Add the entries of `**options` to the arguments, or note that they cannot be read."""
        unpacked = arguments[None]
        entries = self._entries(unpacked)
        if entries is not None:
            del arguments[None]
            arguments |= {name: entry for name, entry in entries.items() if name not in arguments}
        elif not arguments.get(SPELLINGS[0]):
            hidden = f"hides options of {by} in **{ast.unparse(unpacked.value)[:50]}"
            self._notes.unread[str(self.place(unpacked))] = hidden

    def _entries(self, unpacked: ast.keyword) -> dict[str | None, ast.keyword] | None:
        """Return the entries of a dictionary as arguments. None if they cannot be read."""
        match self._module.meaning(unpacked.value)[1]:
            case ast.Dict(keys=keys, values=values) if all(
                isinstance(key, ast.Constant) for key in keys
            ):
                pairs = [
                    (str(getattr(key, "value", "")), part)
                    for key, part in zip(keys, values, strict=True)
                ]
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if all(
                keyword.arg for keyword in keywords
            ):
                pairs = [(str(keyword.arg), keyword.value) for keyword in keywords]
            case _:
                return None
        return {n: ast.copy_location(ast.keyword(n, part), unpacked) for n, part in pairs}

    def _is_conditional(self, node: ast.AST) -> bool:
        """Whether this depends on a condition, other than that the file is run."""
        while node in self._module.parents:
            node = self._module.parents[node]
            if isinstance(node, ast.If) and not is_main_guard(node):
                return True
        return False

    def _option(
        self,
        by: str,
        option: str | None,
        argument: ast.keyword,
        others: Mapping[str | None, ast.keyword],
    ) -> None:
        place = self.place(argument)
        module, value = self._module.meaning(argument.value)
        match option, value:
            case "num_idle_processes", ast.Constant(value=1) if self._notes.release(
                self._module.file
            ).version >= Version("1.4"):
                threshold = others.get("load_threshold")  # math.inf accepts all rooms
                if not threshold or isinstance(threshold.value, ast.Constant):
                    seen = f"{by} keeps one idle process."
                    self._notes.say("idle-processes", place, seen, "warning")
            case "load_threshold", ast.Constant(value=int() | float() as number):
                seen = f"The worker counts as full from a load of {number}."
                if number < FULL / 2:
                    self._notes.say(
                        "always-full", place, seen, "warning" if number > 0 else "problem"
                    )
            case (
                "load_fnc",
                (
                    ast.Lambda(body=ast.Constant(value=int() | float() as number))
                    | ast.FunctionDef(
                        body=[*_, ast.Return(ast.Constant(value=int() | float() as number))]
                    )
                ),
            ) if number >= FULL:
                self._notes.say("always-full", place, f"The worker's load is always {number}.")
            case "request_fnc" | "on_request", _:
                self._handler(module, value)

    def _handler(self, module: Module, handler: ast.expr | Function) -> None:
        def say(cause: str, line: int, seen: str, level: Level) -> None:
            self._notes.say(cause, Place(module.file, line), seen, level)

        if isinstance(handler, ast.Lambda):
            body = ast.copy_location(ast.Return(handler.body), handler)
            function = ast.FunctionDef("lambda", handler.args, [body], [])
            handler = ast.copy_location(function, handler)
        if isinstance(handler, Function):
            try:
                Paths(handler, say, module.functions).follow()
            except ValueError as error:
                self._notes.unfollowed[f"{module.file}:{handler.lineno}"] = str(error)

    def entry(self, key: ast.Constant, value: Value) -> None:
        """Note a name in a dictionary or a JSON text. Its place says what it is for."""
        words, is_of_agents = set[str](), False
        node: ast.AST = key
        while not isinstance(node, ast.stmt):
            child, node = node, self._module.parents[node]
            match node:
                case ast.Call() if name_of(node.func) in ASKS:
                    return  # the metadata of a job
                case ast.Call() if child is not node.func:
                    words.add(name_of(node.func))
                case (
                    ast.keyword(arg=str(word))
                    | ast.Assign(targets=[ast.Name(id=word)])
                    | ast.AnnAssign(target=ast.Name(id=word))
                ):
                    words.add(word)
                case ast.Dict() if child in node.values:
                    words.add(str(getattr(node.keys[node.values.index(child)], "value", "")))
            is_of_agents = is_of_agents or (isinstance(child, ast.List) and "agents" in words)
        if is_of_agents and words & ABOUT_ROOMS:
            self._notes.requests.append(Name(self.place(key), "agents", value))
        elif is_of_agents:
            self._notes.mentioned.append(Name(self.place(key), "agent_name", value))
        elif is_metadata(words):
            self._notes.say_metadata(self.place(key), value)
        else:
            self._mention(key, value)

    def _mention(self, node: ast.expr | ast.keyword, value: Value) -> None:
        """Note a name that a call or an entry may ask for, in code that speaks of dispatches."""
        if (
            "dispatch" in self._notes.sources.get(self._module.file, "").lower()
            and value != NOTHING
        ):
            self._notes.mentioned.append(Name(self.place(node), SPELLINGS[0], value))


def value_of(node: ast.expr, module: Module, notes: Notes, hops: int = MAX_HOPS) -> Value:
    """Return the value of an expression, as far as the source says."""
    match node:
        case ast.Constant(value=None):
            return NOTHING
        case ast.Constant(value=str(text)):
            return literal(text)
        case ast.JoinedStr():
            return Value(None, is_sure=True)
        case ast.Subscript(
            value=ast.Name(id="environ") | ast.Attribute(attr="environ"),
            slice=ast.Constant(value=str(variable)),
        ):
            return notes.variable(variable, Value(None, is_sure=True))
        case ast.Call(func=func, args=[ast.Constant(value=str(variable)), *default]) if re.search(
            r"(environ\.get|getenv)$", ast.unparse(func)
        ):
            rest = value_of(default[0], module, notes, hops) if default else NOTHING
            return notes.variable(variable, rest)
        case ast.BoolOp(op=ast.Or(), values=values):
            parts = [value_of(part, module, notes, hops) for part in values]
            parts = [part for part in parts if part != NOTHING] or [NOTHING]
            return parts[0] if parts[0].text else Value(None, any(part.is_sure for part in parts))
        case ast.Name() | ast.Attribute() if hops:
            source, meaning = module.meaning(node)
            if isinstance(meaning, ast.expr) and meaning is not node:
                return value_of(meaning, source, notes, hops - 1)
            if isinstance(node, ast.Attribute):
                return member(node, module, notes, hops - 1)
    return UNKNOWN


def member(node: ast.Attribute, module: Module, notes: Notes, hops: int) -> Value:
    """Return the value of a member of a class: of an Enum, a dataclass, or settings of Pydantic."""
    if node.attr == "value" and isinstance(node.value, ast.Attribute):
        node = node.value  # of an Enum
    if not (found := module.class_of(node.value)):
        return UNKNOWN
    source, owner = found
    for line in owner.body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=written)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as written)
            ) if name == node.attr:
                break
    else:
        return UNKNOWN
    variable = name.upper()
    if isinstance(written, ast.Call) and name_of(written.func) in ("Field", "field"):
        options = {keyword.arg: keyword.value for keyword in written.keywords}
        alias = options.get("validation_alias") or options.get("alias")
        if alias:
            variable = str(alias.value) if isinstance(alias, ast.Constant) else ""
        written = options.get("default") or (written.args or [ast.Constant(None)])[0]
    value = value_of(written, source, notes, hops)
    bases = {name_of(base) for base in owner.bases}
    if any(base.endswith("Settings") for base in bases):
        if not variable or "env_prefix" in ast.unparse(owner):
            return Value(value.text) if value.text else UNKNOWN
        return notes.variable(variable, value)
    is_fixed = any("Enum" in base for base in bases) or not owner.decorator_list
    return value if is_fixed else replace(value, is_sure=False)
