"""Read other files: JavaScript and TypeScript, environment files, compose, workflows, TOML.

This uses regular expressions on the text without comments, and ignores what they cannot decide.
"""

import io
import re
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from pathlib import PurePosixPath

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from livekit_doctor.finding import Level
from livekit_doctor.project import node_handlers
from livekit_doctor.project.clients import Lines
from livekit_doctor.project.notes import (
    ABOUT_ROOMS,
    NAMING_VARIABLES,
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

TOML = "livekit.toml"
QUOTED = r""""(?:\\.|[^"\\\n])*+"|'(?:\\.|[^'\\\n])*+'"""


# --- environment files, Dockerfile, compose, workflows, shell ---

EXPRESSION = r"\$[{]{2}[^}\n]{0,200}\}\}"  # of a workflow
# Names are read whole and only then compared: a crafted file must not take quadratic time.
SETTING = re.compile(
    r"""(?<![\w$])["']?(?P<name>(?=[A-Z0-9_]*AGENT)[A-Z0-9_]++)["']?"""
    r"""(?:[ \t]{0,20}[=:][ \t]{0,20}|(?P<env>[ \t]{1,20})"""
    r"""|[ \t]{0,20}\n[ \t]{0,40}value:[ \t]{0,20})"""
    rf"""(?P<value>{QUOTED}|{EXPRESSION}|[^\s,;"'}}]{{0,500}})"""
)
COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
# A dispatch rule, or the settings of a program that asks.
YAML_NAME = re.compile(r"\bagent_?[nN]ame[ \t]{0,5}[:=][ \t]{0,20}[\"']?([^\s\"'#]{1,100})")
ASKING_COMMAND = re.compile(rf"--agent-name[= ]{{1,5}}({QUOTED}|[^\s,\"']{{1,200}})")
# In the JSON that a command sends, maybe with escaped quotes.
JSON_NAME = re.compile(
    r"""\\?["']agent_?[nN]ame\\?["']\s{0,5}:\s{0,5}\\?["']{1,3}([^"'\\\n]{1,100})"""
)


def read_settings(file: str, text: str, notes: Notes) -> None:
    """Note the environment variables that this file sets, and the agents its commands ask for."""
    lines = Lines(text)
    source = COMMENT.sub(lambda found: " " * len(found[0]), text)
    is_example = bool(re.search("example|sample|template", file))
    if re.fullmatch(r"\.env.*|.*\.env", PurePosixPath(file).name):
        for name, value, line in of_env(text):
            _set(Name(Place(file, line), name, value), is_example, notes)
    else:
        for found in SETTING.finditer(source):
            if source[max(0, found.start() - 2) : found.start()] == "${":
                continue
            line_start = source.rfind("\n", max(0, found.start() - 200), found.start()) + 1
            if found["env"] and source[line_start : found.start()].strip() != "ENV":
                continue  # a name without a value
            place = Place(file, lines.number(found.start("name")))
            _set(Name(place, found["name"], setting(found["value"])), is_example, notes)
    if file.endswith((".yml", ".yaml", ".toml", ".tf")) and "agent" in text:
        for found in YAML_NAME.finditer(source):
            place = Place(file, 1)
            notes.mentioned.append(Name(place, "agent_name", setting(found[1])))
    for found in ASKING_COMMAND.finditer(source):
        place = Place(file, lines.number(found.start()))
        notes.requests.append(Name(place, "--agent-name", setting(found[1])))
    for found in JSON_NAME.finditer(source):
        around = source[max(0, found.start() - 300) : found.end() + 300]
        sent = Name(Place(file, lines.number(found.start())), "createDispatch", setting(found[1]))
        if re.search(r"CreateDispatch|AgentDispatchService", around):
            notes.requests.append(sent)
        elif re.search(r"(?i)dispatch|agents|room_?config", around):
            notes.mentioned.append(replace(sent, by="agent_name"))


def of_env(text: str) -> Iterator[tuple[str, Value, int]]:
    """Yield the variables about agents in an environment file, as python-dotenv reads them."""
    if "AGENT" not in text:
        return
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        name, written = binding.key, binding.value
        if not name or written is None:
            continue
        parts = list(parse_variables(written[:2000]))
        names = [part.name for part in parts if isinstance(part, Variable)]
        known = "".join(part.resolve(values) for part in parts)
        values[name] = known[:2000]
        if "AGENT" in name:
            # Other variables come from the machine, so what they hold is unknown.
            value = literal(known) if all(n in values for n in names) else UNKNOWN
            skipped = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:skipped].count("\n")
            yield name, value, line


def _set(name: Name, is_example: bool, notes: Notes) -> None:
    value = name.value
    if value == NOTHING:
        return
    if name.by in NAMING_VARIABLES:
        is_sure = value.is_sure and not is_example
        notes.settings.append(replace(name, value=Value(value.text, is_sure)))
    if is_example:
        notes.examples.setdefault(name.by, Value(value.text, unless=name.by))
    else:
        earlier = notes.variables.get(name.by, value)
        notes.variables[name.by] = value if earlier == value else Value(None, True)


def setting(written: str) -> Value:
    text = written[1:-1] if written[:1] in ("'", '"') else written
    return UNKNOWN if "$" in text else literal(text)


def read_livekit_toml(file: str, text: str, notes: Notes) -> None:
    agent = tomllib.loads(text).get("agent")
    name = agent.get("name") if isinstance(agent, dict) else None
    if isinstance(name, str) and name:
        found = re.search(r"(?ms)^\s*\[agent\].*?^\s*name\b", text)
        place = Place(file, Lines(text).number(found.end() if found else 0))
        notes.settings.append(Name(place, TOML, Value(name)))


# --- JavaScript and TypeScript ---

# Linear: an escaped quote opens no text, so at most one quote of each kind in a line has no end. A
# comment holds no second /*, because one that opens nothing is in many URLs and expressions.
IGNORED = re.compile(
    rf"\\.|//[^\n]*|/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/|{QUOTED}|`(?:\\.|[^`\\])*+`",
    re.DOTALL,
)
KEY = re.compile(rf"""(?<![\w$.])(["']?)({"|".join(SPELLINGS)})\1\s*(?::(?!:)|(?=[,}}]))""")
WORKER = re.compile(r"\bnew\s+(?:[\w$]+\.)*(ServerOptions|WorkerOptions)\s*\(")
DISPATCH = re.compile(r"(?<!function )\bcreateDispatch\s*\(")
WORKERS = {"ServerOptions", "WorkerOptions", "defineAgent"}
ASKS = {"RoomAgentDispatch", "createDispatch", "useSession", "tokenSource"}
CONSTANT = re.compile(
    r"\b(?:const|let|var)\s{1,5}([\w$]++)\b[^=\n]{0,200}=\s{0,20}(?![=>])(.{0,300}?)\s{0,20}(?:;|$(?!\s{0,20}[|?]))",
    re.DOTALL | re.MULTILINE,
)
MAX_DEPTH = 20
ENVIRONMENT = r"""(?:process\.|import\.meta\.|\b)env(?:\.(\w+)|\[["'](\w+)["']\])!?"""


OBJECT = re.compile(
    r"\b(?:const|let|var)\s{1,5}([\w$]++)[^=\n{]{0,200}=\s{0,20}(?:Object\.freeze\()?\{"
    r"|\benum\s{1,5}([\w$]++)\s{0,5}\{"
)
ENTRY = re.compile(r"""(?<![\w$.])([\w$]++)\s{0,5}[:=]\s{0,5}((["'`])[^"'`$\\\n]{1,100}\3)""")
LATER = re.compile(r"\b([\w$]++)\.agentName\s{0,5}=(?!=)")  # `options.agentName = "x"`
DISPATCHES = re.compile(
    r"(?<![\w$.])([\w$]++)\s{0,5}(?::[^=\n;]{0,100})?=\s{0,5}"
    r"new\s{1,5}(?:\w+\.)?RoomAgentDispatch\s{0,5}\("
)
# Objects whose members are settings, rather than data for a page.
CONFIGURATION = re.compile(r"(?i)config|default|setting|option|constant")
# What the SDK's child process imports; with neither, it raises.
EXPORT = re.compile(r"\bexport\s{1,5}default\b|\bas\s{1,5}default\b|\bexports\b")
OWN_FILE = re.compile(r"\bagent\s{0,5}:[^,}]{0,200}?(?:import\.meta|__filename)")
DEFINE = re.compile(r"\bdefineAgent\s*(?:<[^>\n]{0,100}>)?\(\s*(?=\{)")
ENTRY_KEY = re.compile(r"\bentry\b|\.\.\.")
# A page with a token from elsewhere.
JOINS = re.compile(r"<LiveKitRoom\b|\bnew\s+Room\s*\(|\bTokenSource\b|\buseSession\s*\(")
ISSUES = re.compile(r"\bnew\s+AccessToken\b|\bcreateRoom\s*\(")


def read_script(file: str, text: str, notes: Notes) -> None:
    def say(cause: str, line: int, seen: str, level: Level) -> None:
        notes.say(cause, Place(file, line), seen, level)

    Script(file, text, notes).read()
    if "@livekit/agents" in text and re.search(r"\.[mc]?[jt]sx?$", file):
        node_handlers.check(text, file.endswith("x"), say)


def note_constants(file: str, text: str, notes: Notes) -> None:
    """Note the names of agents in constants that other files may import: `CONFIG.agentName`."""
    script = Script(file, text, notes)
    for name, value in script.constants.items():
        if "agent" in name.lower() or "name" in name.lower():
            notes.constants[name] = value if notes.constants.get(name, value) == value else ""
    for name, key, value in (*script.members(), *script.literals()):
        whole = f"{name}.{key}"
        notes.constants[whole] = value if notes.constants.get(whole, value) == value else ""


class Script:
    def __init__(self, file: str, text: str, notes: Notes) -> None:
        self._file, self._notes = file, notes
        self._lines = Lines(text)
        # Both have the length of `text`, so an index is the same place in all three.
        self._text = IGNORED.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0], text)
        # Without the contents of strings, so that every bracket is code.
        self._code = IGNORED.sub(
            lambda m: blank(m[0]) if m[0][0] in "/\\" else m[0][0] + blank(m[0][1:-1]) + m[0][-1],
            text,
        )

    def read(self) -> None:
        names_before = len(self._notes.requests) + len(self._notes.mentioned)
        self._read()
        names = len(self._notes.requests) + len(self._notes.mentioned)
        is_worker = "@livekit/agents" in self._text
        if names == names_before and not is_worker and JOINS.search(self._code):
            self._notes.pages.append(self._file)

    def _read(self) -> None:
        if ISSUES.search(self._code):
            self._notes.issuers.append(self._file)
        members = {name: value for name, key, value in self.members() if key in SPELLINGS}
        dispatches = set(DISPATCHES.findall(self._code))
        later = list(LATER.finditer(self._code))
        for found in later:
            value = self._value(self._source(found.end(), ";\n"))
            name = Name(self._place(found.start()), "agentName", value)
            if found[1] in dispatches:
                self._notes.requests.append(name)
            elif value.text:
                self._notes.mentioned.append(name)
        is_named_later = any(found[1] not in dispatches for found in later)
        self._default_export()
        for found in WORKER.finditer(self._code):
            arguments = self._text[found.end() : self._end(found.end())].strip()
            place, value = self._place(found.start()), NOTHING
            if any(text in arguments for text in (*SPELLINGS, "...")):
                continue
            if not arguments.startswith("{") and arguments not in members:
                self._notes.unread[str(place)] = f"hides options of {found[1]} in {arguments[:50]}"
                continue
            if arguments in members:
                value = self._value(members[arguments])
            elif is_named_later:
                value = UNKNOWN
            self._notes.workers.append(Name(place, found[1], value))
        for found in KEY.finditer(self._text):
            self._key(found)
        for found in DISPATCH.finditer(self._code):
            second = self._end(found.end(), ",") + 1
            value = self._value(self._source(second, ","))
            name = Name(self._place(found.start()), "createDispatch", value)
            self._notes.requests.append(name)

    @cached_property
    def _objects(self) -> list[tuple[int, int, str]]:
        """The outermost objects and enums that have a name, in their order."""
        objects: list[tuple[int, int, str]] = []
        for found in OBJECT.finditer(self._code):
            if not objects or found.end() >= objects[-1][1]:
                objects.append((found.end(), self._end(found.end()), found[1] or found[2]))
        return objects

    def members(self) -> Iterator[tuple[str, str, str]]:
        """Yield objects with a key for an agent's name, the key, and the source of its value."""
        for key in KEY.finditer(self._text) if self._objects else []:
            if key[0].endswith(":") and (name := self._object_at(key.start())):
                yield name, key[2], self._source(key.end(), ",;")

    def _object_at(self, at: int) -> str:
        """Return the name of the outermost object here. Empty if there is none."""
        index = bisect_right(self._objects, at, key=itemgetter(0)) - 1
        return self._objects[index][2] if index >= 0 and at < self._objects[index][1] else ""

    def literals(self) -> Iterator[tuple[str, str, str]]:
        """Yield the members of objects that are texts, and may be names of agents."""
        if self._file.endswith(".json"):
            return
        for start, end, name in self._objects:
            for entry in ENTRY.finditer(self._text, start, end):
                if entry[1] not in SPELLINGS:
                    yield name, entry[1], entry[2]

    def _default_export(self) -> None:
        """Report an agent that a job's process will not find in this file."""
        defined = DEFINE.search(self._code)
        if not defined or not OWN_FILE.search(self._code):
            return
        place = self._place(defined.start())
        agent = self._code[defined.end() : self._end(defined.end() + 1)]
        if not ENTRY_KEY.search(agent):
            self._notes.say("no-entry", place, "defineAgent() gets no entry.")
        elif not EXPORT.search(self._code):
            self._notes.say("no-entry", place, "The agent is not the default export of this file.")

    @cached_property
    def _asks(self) -> set[str]:
        """The words before what asks for an agent. A TokenSource does with fetch()."""
        return ASKS | ({"fetch"} if "TokenSource" in self._code else set())

    def _key(self, key: re.Match[str]) -> None:
        before = self._code[max(0, key.start() - 100) : key.start()].rstrip()
        if not before.endswith(("{", ",")):
            return  # not the key of an object, or inside a string
        leading = self._leading(key.start())
        written = ""
        if key[0].endswith(":"):
            written = self._source(key.end(), ",;")
        value = self._value(written or key[2])
        name = Name(self._place(key.start()), key[2], value)
        # A worker's options are close by: defineAgent() also contains all of the agent's code.
        decisive = next((w for w in leading[:2] if w & WORKERS), set()) or next(
            (words for words in leading if words & {*self._asks, "agents"}), set()
        )
        inner: set[str] = set().union(*leading[: leading.index(decisive) if decisive else None])
        if key[2] != "agentName" and decisive & {*WORKERS, "RoomAgentDispatch"}:
            by = min(decisive & {*WORKERS, "RoomAgentDispatch"})
            self._notes.say("unknown-option", name.place, f"{by} has no {key[2]}: it is agentName.")
            if decisive & WORKERS:
                self._notes.workers.append(replace(name, value=NOTHING))
        elif decisive & WORKERS:
            self._notes.workers.append(name)
        elif value == NOTHING:
            if not decisive and self._is_configuration(key.start()):
                self._notes.configured.append(name)
        elif any("metadata" in word.lower() for word in inner):
            if not decisive and is_metadata(inner):
                self._notes.say_metadata(name.place, value)
        elif decisive & self._asks or (decisive and set().union(*leading) & ABOUT_ROOMS):
            self._notes.requests.append(name)
        elif decisive or (written and (value.text or re.search(ENVIRONMENT, written))):
            self._notes.mentioned.append(name)
            if not decisive and value.is_sure and self._is_configuration(key.start()):
                self._notes.configured.append(name)

    def _is_configuration(self, at: int) -> bool:
        """Whether this is in an object such as APP_CONFIG_DEFAULTS."""
        name = self._object_at(at)
        return bool(name and CONFIGURATION.search(name))

    @cached_property
    def _brackets(self) -> tuple[list[int], list[int], dict[int, int], dict[int, int]]:
        """Where brackets are, which one is open after each, its parent, and where it closes.

        Found once, so that a file with many names takes linear time.
        """
        positions, innermost, parents, ends = [], [], dict[int, int](), dict[int, int]()
        stack = [-1]
        for found in re.finditer(r"[()\[\]{}]", self._code):
            at = found.start()
            if found[0] in "([{":
                parents[at] = stack[-1]
                stack.append(at)
            elif len(stack) > 1:
                ends[stack.pop()] = at
            positions.append(at)
            innermost.append(stack[-1])
        return positions, innermost, parents, ends

    def _open_at(self, at: int) -> int:
        """Return the innermost bracket that is open before `at`; -1 if there is none."""
        positions, innermost, *_ = self._brackets
        index = bisect_left(positions, at) - 1
        return innermost[index] if index >= 0 else -1

    def _leading(self, at: int) -> list[set[str]]:
        """Return the words before each bracket that is open here, the innermost first."""
        leading: list[set[str]] = []
        parents = self._brackets[2]
        index = self._open_at(at)
        while index >= 0 and len(leading) < MAX_DEPTH and index > at - 4000:
            before = self._text[max(0, index - 100) : index]
            last = re.split(r"[;,{}()\[\]]|(?<![:=\s])\s{0,100}\n", before)[-1]
            leading.append(set(re.findall(r"[\w$]+", last)))
            index = parents[index]
        return leading

    def _source(self, at: int, stops: str) -> str:
        """Return an expression. The end of a long one is cut off: it is not a name."""
        return self._text[at : min(self._end(at, stops), at + 500)].strip()

    def _end(self, at: int, stops: str = "") -> int:
        """Return where the bracket that is open here closes, or where one of `stops` comes."""
        limit = min(len(self._code), at + 20_000)
        special, ends = re.compile(f"[()\\[\\]{{}}{stops}]"), self._brackets[3]
        for _ in range(1000):
            found = special.search(self._code, at, limit)
            if not found or found[0] in ")]}" + stops:
                return found.start() if found else limit
            at = ends.get(found.start(), limit) + 1
        return limit

    def _value(self, written: str, hops: int = 5) -> Value:
        if found := re.fullmatch(
            r"""(["'`])([^"'`$]*)\1(?:\s+(?:as|satisfies)\s+\w+)?!?""", written
        ):
            return literal(found[2])
        if written in ("undefined", "null"):
            return NOTHING
        pattern = rf"{ENVIRONMENT}(?:\?\.trim\(\))?(?:\s*(?:\?\?|\|\|)\s*(.*))?"
        if found := re.fullmatch(pattern, written, re.DOTALL):
            default = self._value(found[3], hops) if found[3] else NOTHING
            return self._notes.variable(found[1] or found[2], default)
        text = self.constants.get(written) or self._notes.constants.get(written)
        return self._value(text, hops - 1) if text and hops else UNKNOWN

    @cached_property
    def constants(self) -> dict[str, str]:
        """The source of each constant in this file."""
        return {
            found[1]: found[2]
            for found in CONSTANT.finditer(self._text)
            if (found[2] and not found[2].startswith((">", "=")))
        }

    def _place(self, at: int) -> Place:
        return Place(self._file, self._lines.number(at))


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
