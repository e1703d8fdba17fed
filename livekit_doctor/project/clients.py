"""Read clients and backends in other languages as text, for the names that they ask for.

Swift, Kotlin, Java, Dart, Go, PHP, Ruby, C#, Rust, C++ and others. READMEs name agents, too.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping

from livekit_doctor.project.notes import NOTHING, UNKNOWN, Name, Notes, Place, Value, literal

WINDOW = 300  # characters after a key in which its value is
# agentName, agent_name, AgentName, withAgentName, setAgentName, set_agent_name, AGENT_NAME
KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:with|set|Set|With|set_|with_)?(?:agent_?name|agentName|AgentName|AGENT_NAME)(?![A-Za-z0-9])"
)
# What is between a key and its value: `: `, ` = `, `(`, ` => `, `' => `, `: String = `, `("`.
BETWEEN = re.compile(
    r"""["'`]?\]?\s{0,20}(?::\s{0,5}[A-Z]\w*\??\s{0,5}=|=>|:=|==?|:|\(|,|\.to|\s+to\b)?\s{0,20}(?:Some\(|Optional\.of\(|\w{1,20}::from\(|proto\.String\(|new\s+String\(|std::string\(|&|@)?\s{0,20}"""
)
STRING = re.compile(
    r"""b?"((?:[^"\\\n$]|\\.){0,200})"|b?'((?:[^'\\\n$]|\\.){0,200})'|`([^`$\n]{0,200})`"""
)
ENVIRONMENT = re.compile(
    r"""(?:os\.Getenv|getenv|env|System\.getenv|ENV\.fetch|Environment\.GetEnvironmentVariable|env::var"""
    r"""|fromEnvironment|std::getenv|ENV)\s{0,5}[\[(]\s{0,5}["']([A-Z0-9_]+)["']"""
)
# A comment that does not end goes to the end of the file, so that none is searched for twice.
COMMENT = re.compile(
    r"(?m)//[^\n]*|^[ \t]*#(?!include|define)[^\n]*|/\*[^*]*+(?:\*(?!/)[^*]*+)*+(?:\*/|\Z)"
)
# `name = "…"`, `name := "…"`, `let name: String? = "…"`, `name string = "…"`
CONSTANT = re.compile(
    r"""(?<!\w)(\w++)(?:\s{0,3}:\s{0,3}[\w&?<>'. ]{1,30}|\s{1,3}string)?\s{0,5}:?=\s{0,5}"""
    r"""["']([^"'\n$]{1,100})["']"""
)
CONVERSION = re.compile(r"\.(?:to_owned|to_string|into|clone|as_str|freeze|rawValue|value)\b")
# Before an agent's name that is an argument: `createDispatch(room, "name")`, and
# `Session.withAgent("name", …)` of the SDKs for Swift and Flutter.
POSITIONAL = re.compile(
    r"(?i)create_?dispatch\w{0,20}\(\s{0,5}[^,(){}]{1,100},\s{0,20}"
    r"|\bsession\s{0,3}\.\s{0,3}withAgent\(\s{0,20}"
)
# What asks for an agent, as the SDKs call it. An interface has agents' names, too:
# `Header(agentName: "Assistant")`.
ASKING_TYPE = r"agent_?dispatch|token_?request|token_?options|token_?source|room_?config"
ASKING = re.compile(rf"(?i){ASKING_TYPE}|create_?dispatch|\bconnect\b")
# `options = TokenRequestOptions()`, `RoomAgentDispatch dispatch;`
MADE = re.compile(
    rf"(?i)(?<!\w)(\w++)\s{{0,3}}(?::=|=|:)[^;\n]{{0,80}}?(?:{ASKING_TYPE})"
    rf"|(?:{ASKING_TYPE})\w{{0,20}}[&*]?\s{{1,3}}(\w++)\s{{0,3}}[=;({{]"
)
# What is before the `{` of a function or a class, whose name says nothing about what is in it.
BODY = re.compile(
    r"\b(?:fun|func|fn|function|def|class|struct|object|void|async|throws)\b[^={}%]*$"
    r"|^(?!.*(?:\bnew\b|=)).*\)\s*$|^\s*\)\s*(?::|->)"
)
SEPARATOR = re.compile(r"([()\[\]{};,\n])")
# What a client needs to say if it lets the server choose: a token, a room, a connection.
JOINS = re.compile(r"(?i)accesstoken|access_token|connect|tokensource|room")


def read(file: str, text: str, notes: Notes) -> None:
    """Note the names that a file in another language asks for."""
    source = COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    lines = Lines(source)
    constants = {found[1]: found[2] for found in CONSTANT.finditer(source)}
    made = {name for pair in MADE.findall(source) for name in pair if name}
    asking = [found.start() for found in ASKING.finditer(source)]
    is_asking = is_mentioned = False
    for found in KEY.finditer(source):
        value = value_after(source, found.end(), constants, notes)
        if value is None:
            continue
        name = Name(Place(file, lines.number(found.start())), found[0], value)
        is_near = bisect_right(asking, found.start()) > bisect_right(asking, found.start() - WINDOW)
        if asks(source, found.start(), made, is_near):
            is_asking = True
            notes.requests += [name] if value != NOTHING else []
        elif value != NOTHING:
            is_mentioned = True
            notes.mentioned.append(name)
    for found in POSITIONAL.finditer(source):
        value = value_at(source[found.end() : found.end() + WINDOW], constants, notes)
        if value and value.text:
            is_asking = True
            by = re.split(r"\W", found[0])[0]
            place = Place(file, lines.number(found.start()))
            notes.requests.append(Name(place, "createDispatch" if by != "Session" else by, value))
    if not is_asking and (is_mentioned or JOINS.search(source)):
        notes.clients.append(file)


def asks(source: str, at: int, made: set[str], is_near: bool) -> bool:
    """Whether the key at `at` is of a request, by the statement and the brackets around it.

    `is_near` says whether there is a word for a request before it at all.
    """
    window = source[max(0, at - WINDOW) : at]
    before = window.rstrip()
    if before.endswith((".", "->")) and re.split(r"\W+", before.rstrip(".->?! "))[-1] in made:
        return True
    if not is_near:
        return False
    near: list[str] = []
    closed, is_around, following, end = 0, True, "", len(window)
    for part in reversed(SEPARATOR.split(window)):
        end -= len(part)
        if part in (")", "]", "}"):
            closed += 1
        elif part in ("(", "[", "{"):
            if part == "{" and not closed and BODY.search(window[:end].rpartition("\n")[2]):
                break
            is_around = is_around or not closed  # what is before the bracket says what it is of
            closed = max(0, closed - 1)
        elif part in (";", ",", "\n"):
            is_chain = part == "\n" and following.startswith((".", "?.", "->"))
            is_around = is_around and (closed > 0 or is_chain)
        elif is_around:
            near.append(part)
        following = part.strip() or following
    return bool(ASKING.search(" ".join(near)))


class Lines:
    """The line of a position, in logarithmic time."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def number(self, at: int) -> int:
        return bisect_right(self._starts, at)


def value_after(source: str, at: int, constants: Mapping[str, str], notes: Notes) -> Value | None:
    """Return the value that follows a key. None if none does, as in a declaration."""
    window = source[at : at + WINDOW]
    between = BETWEEN.match(window)
    rest = window[between.end() :] if between else window
    if not between or not between[0].strip("\"'` \n"):
        return None
    return value_at(rest, constants, notes)


def value_at(rest: str, constants: Mapping[str, str], notes: Notes) -> Value | None:
    """Return the value with which `rest` begins."""
    if text := STRING.match(rest):
        return literal(next(part for part in text.groups() if part is not None))
    if variable := ENVIRONMENT.match(rest):
        default = STRING.search(rest[variable.end() : variable.end() + 40].split("\n")[0])
        found = literal(next(p for p in default.groups() if p is not None)) if default else NOTHING
        return notes.variable(variable[1], found)
    if re.match(r"nil|null|None|undefined", rest):
        return NOTHING
    if re.match(r"(String|string|str|char|std|&str|Option|\w+\?)\b", rest):
        return None  # a declaration
    if name := re.match(r"(?:[\w.$]|::|->)+", rest):
        parts = re.findall(r"\w+", CONVERSION.sub("", name[0]))
        known = constants.get(parts[-1]) if parts else None
        return literal(known) if known else UNKNOWN
    return None


# --- prose ---

LK = re.compile(r"--agent-name[= ]{1,5}[\"']?([\w.:-]{1,100})")
IN_PROSE = re.compile(r"""["']?agent_?[nN]ame["']?\s{0,5}[:=]\s{0,5}["'`]([\w .:-]{1,100})["'`]""")
ABOUT_ASKING = re.compile(r"(?i)dispatch|agents|room_?config|token")


def read_prose(file: str, text: str, notes: Notes) -> None:
    """Note the names in a README: of SIP rules, of calls of `lk`, and of code that asks."""
    lines = Lines(text)
    for found in (*LK.finditer(text), *IN_PROSE.finditer(text)):
        before = text[max(0, found.start() - 200) : found.start()]
        if found.re is LK or ABOUT_ASKING.search(before):
            place = Place(file, lines.number(found.start()))
            notes.mentioned.append(Name(place, "agent_name", literal(found[1])))
    notes.prose.append(text)
