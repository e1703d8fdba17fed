"""Read other files: JavaScript and TypeScript, environment files, compose, workflows, TOML.

This uses regular expressions on the text without comments, and ignores what they cannot decide.
"""

import re
import tomllib
from collections.abc import Mapping

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
QUOTED = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""


def place_in(file: str, text: str, at: int) -> Place:
    return Place(file, text.count("\n", 0, at) + 1)


# --- environment files, Dockerfile, compose, workflows, shell ---

EXPRESSION = r"\$[{]{2}[^}\n]*\}\}"  # of a workflow
SETTING = re.compile(
    r"""(?<![\w$])(?<!\$\{)["']?(?P<name>[A-Z0-9_]*AGENT[A-Z0-9_]*)["']?"""
    r"""(?:[ \t]*[=:][ \t]*|(?P<env>[ \t]+)|[ \t]*\n[ \t]*value:[ \t]*)"""
    rf"""(?P<value>{QUOTED}|{EXPRESSION}|[^\s,;"'}}]*)"""
)
COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
ASKING_COMMAND = re.compile(rf"--agent-name[= ]+({QUOTED}|[^\s,\"']+)")


def read_settings(file: str, text: str, notes: Notes) -> None:
    """Note the environment variables that this file sets, and the agents its commands ask for."""
    text = COMMENT.sub("", text)
    for found in SETTING.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if found["env"] and line.strip() != "ENV":
            continue  # a name without a value
        value = setting(found["value"])
        if found["name"] in NAMING_VARIABLES:
            place = place_in(file, text, found.start("name"))
            is_example = "example" in file or "sample" in file
            if value != NOTHING:
                is_sure = value.is_sure and not is_example
                notes.settings.append(Name(place, found["name"], Value(value.text, is_sure)))
        if value != NOTHING:
            earlier = notes.variables.get(found["name"], value)
            notes.variables[found["name"]] = value if earlier == value else Value(None, True)
    for found in ASKING_COMMAND.finditer(text):
        place = place_in(file, text, found.start())
        notes.requests.append(Name(place, "--agent-name", setting(found[1])))


def setting(written: str) -> Value:
    text = written[1:-1] if written[:1] in ("'", '"') else written
    return UNKNOWN if "$" in text else literal(text)


def read_livekit_toml(file: str, text: str, notes: Notes) -> None:
    agent = tomllib.loads(text).get("agent")
    name = agent.get("name") if isinstance(agent, dict) else None
    if isinstance(name, str) and name:
        found = re.search(r"(?ms)^\s*\[agent\].*?^\s*name\b", text)
        place = place_in(file, text, found.end() if found else 0)
        notes.settings.append(Name(place, TOML, Value(name)))


# --- the release of the SDK ---

LOCKED = re.compile(r'name = "livekit-agents"\s*\nversion = "(\d+(?:\.\d+)*)')
REQUIRED = re.compile(r"""(?<![\w-])livekit-agents(?![\w-])(?:\[[^\]]*\])?([^"'\n]*)""")
CLAUSE = re.compile(r"(==|~=|<)\s*(\d+(?:\.\d+)*)")
NEWEST = (float("inf"),)


def release(texts: Mapping[str, str]) -> tuple[float, ...]:
    """Return the newest release of livekit-agents that the project's files allow."""
    locked: list[tuple[float, ...]] = []
    required: list[tuple[float, ...]] = []
    for file, text in texts.items():
        if file.endswith(".lock"):
            locked += [tuple(map(float, version.split("."))) for version in LOCKED.findall(text)]
        elif re.search(r"(^|/)(pyproject\.toml|requirements[^/]*)$", file):
            for clauses in map(CLAUSE.findall, REQUIRED.findall(COMMENT.sub("", text))):
                required.append(min((newest(*clause) for clause in clauses), default=NEWEST))
    return max(locked or required, default=NEWEST)


def newest(operator: str, version: str) -> tuple[float, ...]:
    """Return the newest release that a clause of a requirement allows."""
    *front, last = map(float, version.split("."))
    if operator == "==":
        return (*front, last)
    return (*front, last - 1, *NEWEST) if operator == "<" else (*front, *NEWEST)


# --- JavaScript and TypeScript ---

IGNORED = re.compile(rf"//[^\n]*|/\*.*?\*/|{QUOTED}|`(?:\\.|[^`\\])*`", re.DOTALL)
KEY = re.compile(rf"""(?<![\w$.])(["']?)({"|".join(SPELLINGS)})\1\s*(?::(?!:)|(?=[,}}]))""")
WORKER = re.compile(r"\bnew\s+(?:[\w$]+\.)*(ServerOptions|WorkerOptions)\s*\(")
DISPATCH = re.compile(r"(?<!function )\bcreateDispatch\s*\(")
WORKERS = {"ServerOptions", "WorkerOptions", "defineAgent"}
ASKS = {"RoomAgentDispatch", "createDispatch", "useSession", "tokenSource"}
ENVIRONMENT = r"""(?:process\.|import\.meta\.|\b)env(?:\.(\w+)|\[["'](\w+)["']\])!?"""


def read_script(file: str, text: str, notes: Notes) -> None:
    Script(file, text, notes).read()


class Script:
    def __init__(self, file: str, text: str, notes: Notes) -> None:
        self._file, self._notes = file, notes
        # Both have the length of `text`, so an index is the same place in all three.
        self._text = IGNORED.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0], text)
        # Without the contents of strings, so that every bracket is code.
        self._code = IGNORED.sub(
            lambda m: blank(m[0]) if m[0][0] == "/" else m[0][0] + blank(m[0][1:-1]) + m[0][-1],
            text,
        )

    def read(self) -> None:
        for found in WORKER.finditer(self._code):
            arguments = self._text[found.end() : self._end(found.end())]
            if not any(text in arguments for text in (*SPELLINGS, "...")):
                self._notes.workers.append(Name(self._place(found.start()), found[1], NOTHING))
        for found in KEY.finditer(self._text):
            self._key(found)
        for found in DISPATCH.finditer(self._code):
            second = self._end(found.end(), ",") + 1
            written = self._text[second : self._end(second, ",")].strip()
            name = Name(self._place(found.start()), "createDispatch", self._value(written))
            self._notes.requests.append(name)

    def _key(self, key: re.Match[str]) -> None:
        before = self._code[max(0, key.start() - 100) : key.start()].rstrip()
        if not before.endswith(("{", ",")):
            return  # not the key of an object, or inside a string
        leading = self._leading(key.start())
        written = ""
        if key[0].endswith(":"):
            written = self._text[key.end() : self._end(key.end(), ",;")].strip()
        value = self._value(written or key[2])
        name = Name(self._place(key.start()), key[2], value)
        # A worker's options are close by: defineAgent() also contains all of the agent's code.
        decisive = next((w for w in leading[:2] if w & WORKERS), set()) or next(
            (words for words in leading if words & {*ASKS, "agents"}), set()
        )
        inner: set[str] = set().union(*leading[: leading.index(decisive) if decisive else None])
        if decisive & WORKERS:
            self._notes.workers.append(name)
        elif value == NOTHING:
            return
        elif any("metadata" in word.lower() for word in inner):
            if not decisive and is_metadata(inner):
                self._notes.say_metadata(name.place, value)
        elif decisive & ASKS or (decisive and set().union(*leading) & ABOUT_ROOMS):
            self._notes.requests.append(name)
        elif decisive or (written and (value.text or re.search(ENVIRONMENT, written))):
            self._notes.mentioned.add(value)

    def _leading(self, at: int) -> list[set[str]]:
        """Return the words before each bracket that is open here, the innermost first."""
        leading: list[set[str]] = []
        depth = 0
        for index in range(at - 1, max(-1, at - 4000), -1):
            if self._code[index] in ")]}":
                depth += 1
            elif self._code[index] in "([{":
                depth -= 1
                if depth < 0:
                    depth = 0
                    before = self._text[max(0, index - 100) : index]
                    last = re.split(r"[;,{}()\[\]]|(?<![:=\s])\s*\n", before)[-1]
                    leading.append(set(re.findall(r"[\w$]+", last)))
        return leading

    def _end(self, at: int, stops: str = "") -> int:
        """Return where the bracket that is open here closes, or where one of `stops` comes."""
        depth = 0
        for index in range(at, len(self._code)):
            character = self._code[index]
            if not depth and character in ")]}" + stops:
                return index
            depth += (character in "([{") - (character in ")]}")
        return len(self._code)

    def _value(self, written: str, hops: int = 5) -> Value:
        if found := re.fullmatch(r"""(["'`])([^"'`$]*)\1(?:\s+as\s+\w+)?""", written):
            return literal(found[2])
        if written in ("undefined", "null"):
            return NOTHING
        pattern = rf"{ENVIRONMENT}(?:\?\.trim\(\))?(?:\s*(?:\?\?|\|\|)\s*(.*))?"
        if found := re.fullmatch(pattern, written, re.DOTALL):
            default = self._value(found[3], hops) if found[3] else NOTHING
            return self._notes.variable(found[1] or found[2], default)
        if hops and re.fullmatch(r"[\w$]+", written):
            constant = rf"\b(?:const|let|var)\s+{re.escape(written)}\b[^=\n]*=\s*(?![=>])(.*?)"
            end = r"\s*(?:;|$(?!\s*[|?]))"
            if found := re.search(constant + end, self._text, re.DOTALL | re.MULTILINE):
                return self._value(found[1], hops - 1)
        return UNKNOWN

    def _place(self, at: int) -> Place:
        return place_in(self._file, self._text, at)


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
