"""Read the lines of a log into records, whatever wrote them.

A record is what a program logged at once: its message with level and fields, and the lines that
follow from it, such as a traceback. These formats are known, each with the prefixes of docker
compose, kubectl, honcho, syslog and hosting platforms, and within the JSON of a log collector:

- livekit-agents for Python: JSON (`start`), text and columns (`dev`)
- @livekit/agents for Node: the JSON and the coloured text of pino
- livekit-server: text and JSON of zap
- anything else with a level
"""

import heapq
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

EXTRA_LIMIT = 300  # lines after a message; a traceback in 1.8.9 had 60
OPEN_LIMIT = 200  # lines of other programs within a record
FIELD_LIMIT = 8_000  # characters
REASON_LIMIT = 2_000  # of why a connection failed; Node adds a whole certificate
WHOLE_LIMIT = 10_000  # characters of the beginning, and of the end

DECODER = json.JSONDecoder(strict=False)  # a name may hold a control character
# Also as text, as web pages and syslog show it: without the escape, or with its number.
COLOUR = re.compile(
    r"(?:\x1b|\\x1b|\\u001b|\\033|#033|\^\[)\[[0-9;?]{0,20}[A-Za-z]|\[\d{1,3}(?:;\d{1,3}){0,4}m"
)
CLOCK = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
TIME = rf"{CLOCK}(?:Z|[+-]\d\d:?\d\d)?"
LEVELS = {
    **dict.fromkeys(("trace", "debug", "10", "20", "dev"), "debug"),
    **dict.fromkeys(("info", "notice", "default", "30"), "info"),
    **dict.fromkeys(("warn", "warning", "40"), "warning"),
    **dict.fromkeys(("error", "err", "50"), "error"),
    **dict.fromkeys(("critical", "fatal", "alert", "emergency", "panic", "60"), "error"),
}
LEVEL = r"(?P<level>TRACE|DEBUG|DEV|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)"
PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        # docker compose, honcho, foreman, overmind, pm2
        r"(?:\d\d:\d\d:\d\d )?(?P<source>(?:\d+\|)?[\w.-]{1,80})\s{0,40}\|(?: |$)",
        r"\[pod/(?P<source>[^\]]{1,200})\] ",  # kubectl logs --prefix
        r"\[(?:inf|err|wrn|dbg)\]  ",  # Railway
        # concurrently
        r"\[(?!DEBUG|INFO|WARN|ERROR|FATAL|debug|info|warn|error|fatal|\d\d:)"
        r"(?P<source>[\w:.-]{1,40})\] ",
        rf"{TIME}[ \t](?:std(?:out|err) [FP] )?",  # docker logs -t, kubectl --timestamps, CRI
        r"(?P<source>(?:app|heroku)\[[\w.-]{1,80}\]):? (?:\w{3} \[\w+\] ?)?",  # Heroku, fly
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,100} (?P<source>[\w.@-]{1,80})(?:\[\d+\])?: ",
        r"==> ",  # Render
        rf"DEFAULT {TIME} ",  # gcloud
        r'\{(?:\w{1,80}="[^"]{0,200}"(?:, ?)?){1,30}\} ',  # logcli
    )
)
HEADERS = tuple(
    re.compile(pattern)
    for pattern in (
        # pino-pretty: [17:38:22.430] INFO (16499): starting worker
        rf"\[[\d:. +T-]{{8,32}}\] {LEVEL}(?: \((?P<logger>[\w@.-]*/)?\d+(?: on [\w.-]{{1,80}})?\))?"
        r": (?P<message>.*)",
        # zap's text: time, level, logger, caller, message, fields; tabs become spaces when copied
        rf"(?P<time>{TIME})[\t ]+{LEVEL}[\t ]+(?:(?P<logger>[a-z][\w.-]*)[\t ]+)?[\w/.-]+\.go:\d+"
        r"[\t ]+(?P<message>.*)",
        # livekit-agents as text, and Python programs that use the same parts in another order
        rf"(?P<time>{TIME}) - {LEVEL} (?P<logger>[\w.-]+) - (?P<message>.*)",
        rf"(?P<time>{TIME}) - (?P<logger>[\w.-]+) - {LEVEL} - (?P<message>.*)",
        # columns of `python agent.py dev`, which omit a time that repeats, and loguru
        rf"(?:\s{{0,20}}(?:{TIME}|\d\d:\d\d:\d\d[.,]\d{{3}})\s{{1,12}}|\s{{12,40}})(?:\| )?{LEVEL}"
        r"\s{1,8}(?:\| )?"
        r"(?P<logger>[a-zA-Z_][\w:-]*[.…][\w.:…-]*|[a-zA-Z_][\w.:…-]*(?= -|\s\s))(?: -)? \s{0,30}"
        r"(?P<message>.*)",
        # rich.logging.RichHandler, which names the line of code
        rf"(?:\[[\d/: ]{{8,24}}\]|\s{{10,24}})\s{LEVEL}\s{{1,8}}(?P<message>\S.*?)\s{{1,200}}"
        r"[\w.]{1,80}\.py:\d+\s*$",
        # the default of Python's logging, and of uvicorn
        rf"{LEVEL}:(?P<logger>[\w.-]+):(?P<message>.*)",
        rf"(?:(?P<time>{TIME})[ ,|]{{1,3}})?(?:(?P<logger>[\w.]{{1,80}}) )?\[?{LEVEL}\]?[ :|]"
        r"\s{0,10}(?P<message>.*)",
        rf"(?:(?P<time>{TIME})[ ,|]{{1,3}})?\[(?P<level>(?i:debug|info|warning|warn|error"
        rf"|critical))"
        r"\s{0,10}\][ :|]\s{0,10}(?P<message>.*)",
    )
)
COLUMNS = HEADERS[4:6]
ANYWHERE = re.compile(
    rf"(?P<time>{TIME}) - (?:{LEVEL} (?P<logger>[\w.-]+)|(?P<logger2>[\w.-]+) - "
    rf"{LEVEL.replace('level', 'level2')}) - (?P<message>.*)"
)
LEVEL_NAMES = ("level", "severity", "levelname", "severitytext", "log.level")
# The keys under which log collectors (Cloud Run, Docker, CloudWatch, journald) keep a line.
WRAPPERS = (
    *("jsonPayload", "textPayload", "log_processed", "log", "Log", "Log_s", "MESSAGE", "@message"),
    *("line", "message"),
)
# What a program's own JSON has, and that of a collector does not.
OF_LOGGERS = {"level", "severity", "levelname", "severity_text", "log.level", "name", "logger"}
PAIR = re.compile(r'"([\w. ]{1,40})":\s?(?:"((?:[^"\\]|\\.)*)"?|(-?[\d.]+|true|false|null))')

OWN_ORDER = re.compile(r"(?P<logger>livekit[\w.]*)\]?\s{0,5}[:|-]?\s{1,5}(?P<message>.*)")
VALIDATION = re.compile(r"\d+ validation errors? for ")
AGENT_NAME = re.compile(r"\bagent_name=[\"']?([^\s\"',]{0,200})")  # structlog, logfmt
# With a frame, as `dev` prints it.
TRACEBACK = re.compile(r"[ |+╭─]*(?:Exception Group )?Traceback \(most recent call last\)")
CHAIN = re.compile(r"During handling of the above|The above exception was")
# The last line of a traceback, and what Node prints before its stack.
EXCEPTION = re.compile(
    r"(?:Uncaught |Unhandled |\[?error\]?:? |[ |+]{1,20}|)"
    r"(?P<type>(?:[A-Za-z_]\w{0,80}\.){0,8}[A-Z]?\w{0,80}"
    r"(?:Error|Exception|Exit|Interrupt|Failure|Group|Cancelled))"
    r"(?: \[\w{1,60}\])?(?:: (?P<message>.*))?"
)
ANY_EXCEPTION = re.compile(r"(?P<type>[A-Za-z_][\w.]{0,200})(?:: (?P<message>.*))?")
PYTHON_FRAME = re.compile(r'[ |]*File "([^"]{1,500})", line (\d+)')
NODE_FRAME = re.compile(r"\s+at (?:.{0,200} \()?(?:file://)?(/[^():]{1,500}):(\d+):\d+\)?")
STACK = re.compile(r"\s+at |Node\.js v\d|[ |+╭─]*Traceback|node:internal|\s+\^\s*$")
NODE_PLACE = re.compile(r"(?:file://)?(/\S{1,500}\.[cm]?[jt]sx?|node:[\w/]{1,100}):(\d+)")
GO_FRAME = re.compile(
    r"\t\S|[\w./-]+\.(?:\(\*?\w+\)\.)?\w+(?:\.func\d+)*(?:\(.*\))?$|goroutine \d+ \["
)


@dataclass(frozen=True)
class Error:
    """An exception in a log.

    Attributes:
        place: the line of code that is not a library's, such as `app/agent.py:12`.
    """

    type: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        """Return its type and place, without the message, which may hold anything."""
        name = self.type.split(".")[-1][:60]
        return f"{name} at {self.place}" if self.place else name


@dataclass
class Record:
    """What a program logged at once.

    Attributes:
        line: the number of its first line.
        source: the program that a prefix names, such as a container.
        level: debug, info, warning, error; empty if the line has none.
        fields: by their names in lower case, without `_`.
        form: `python`, `node`, `server`, or empty if it may be of any program.
        text: the line as it was, without colours and prefixes.
        extra: the lines that follow from it.
    """

    line: int
    source: str
    text: str
    level: str = ""
    logger: str = ""
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    time: str = ""
    form: str = ""
    is_header: bool = False
    extra: list[str] = field(default_factory=list)

    @property
    def whole(self) -> str:
        """The message, the values of the fields, and the lines that follow."""
        fields = "\n".join(f"{name} {value}" for name, value in self.fields.items())
        whole = "\n".join((self.message or self.text, fields, *self.extra))
        if len(whole) > 2 * WHOLE_LIMIT:  # a traceback ends with what matters
            whole = f"{whole[:WHOLE_LIMIT]}\n{whole[-WHOLE_LIMIT:]}"
        return whole

    def errors(self) -> list[Error]:
        """Return the exceptions in this record, the first cause first."""
        text = "\n".join(
            (
                *(self.fields.get(name, "") for name in ("excinfo", "exception", "stack", "err")),
                *([] if self.is_header else [self.text]),
                *self.extra,
            )
        )
        found = list(errors(text.split("\n")))
        if not found and self.form == "node" and EXCEPTION.fullmatch(self.fields.get("type", "")):
            found = [Error(self.fields["type"], self.fields.get("message", ""))]
        return found

    @property
    def reason(self) -> str:
        """Why a connection failed: the field `error`, and the exceptions without their frames."""
        found = [f"{error.type}: {error.message}" for error in self.errors()[-2:]]
        reason = "\n".join((*reversed(found), self.fields.get("error", "")))
        return reason[:REASON_LIMIT] if reason.strip() else self.whole

    @property
    def has_frames(self) -> bool:
        lines = (self.text, *self.extra)
        return any(PYTHON_FRAME.match(line) or STACK.match(line) for line in lines)

    @property
    def has_traceback(self) -> bool:
        return any(map(TRACEBACK.match, self.extra)) or bool(TRACEBACK.match(self.text))


def errors(lines: Iterable[str]) -> Iterator[Error]:
    """Yield the exceptions in the lines of tracebacks."""
    place, is_open, pending, column = "", False, None, ""
    for whole_line in lines:
        line = whole_line.removeprefix(column)
        if match := TRACEBACK.match(line):
            if match[0].startswith(" " * 8):  # within the columns of `dev`
                column = match[0][: -len(match[0].lstrip())]
            place, is_open = "", True
        elif frame := PYTHON_FRAME.match(line):
            is_open = True
            place = own_place(frame) or place
        elif frame := NODE_FRAME.match(line):
            if pending and not pending.place:
                pending = Error(pending.type, pending.message, own_place(frame))
        elif frame := NODE_PLACE.fullmatch(line.strip()):
            place = own_place(frame)
        elif line[:1] not in (" ", "\t", "") or line.startswith("  | "):
            found = EXCEPTION.fullmatch(line) or (is_open and ANY_EXCEPTION.fullmatch(line))
            if found:
                if pending:
                    yield pending
                pending = Error(found["type"], found["message"] or "", place)
                place, is_open = "", False
    if pending:
        yield pending


def own_place(frame: re.Match[str]) -> str:
    """Return the last two parts of a path and the line, unless it is a library's."""
    path = frame[1].replace("\\", "/")
    if re.search(r"site-packages|node_modules|/lib/python3|^<|dist-packages|^node:", path):
        return ""
    return f"{'/'.join(path.split('/')[-2:])}:{frame[2]}"


def records(lines: Iterable[tuple[int, str]]) -> Iterator[Record]:
    """Yield the records of a log from its lines and their numbers."""
    reader = Reader()
    for number, line in lines:
        yield from reader.add(number, line.rstrip("\r\n"))
    yield from reader.rest()


def unfolded(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, but each JSON object as one line.

    `jq` writes each field on its own line. So do log viewers, such as that of Google Cloud, which
    export an array; `aws logs` puts the array into an object.
    """
    is_array, start, indent = False, 0, ""
    parts: list[str] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if (text == "[" and number == 1) or (number < 3 and text == '"events": ['):
            is_array, parts = True, []
        elif not parts and text == "{" and (is_array or line[0] == "{"):
            start, indent, parts = number, line[: line.index("{")], [text]
        elif not parts and not is_array:
            yield number, line
        elif parts:
            parts.append(text)
            if line.rstrip().rstrip(",") == f"{indent}}}" or len(parts) > 1000:
                yield start, "".join(parts).rstrip(",")
                parts = []
    if parts:
        yield start, "".join(parts)


@dataclass
class Reader:
    """Puts lines together into records, for each source on its own.

    Attributes:
        open: the last record of each source, which may go on; the oldest one first.
        closed: records that wait for an older one, so that all come out in order.
    """

    open: dict[str, Record] = field(default_factory=dict)
    closed: list[tuple[int, Record]] = field(default_factory=list)

    def add(self, number: int, line: str) -> Iterator[Record]:
        """Read one line, and yield the records that are complete."""
        record = parse(number, plain(line))
        before = self.open.get(record.source)
        if before and not record.is_header and follows(record.text, before):
            if len(before.extra) < EXTRA_LIMIT:
                before.extra.append(record.text)
                if before.is_header:
                    add_fields(record.text, before)
            return
        if before:
            self.close(record.source)
        self.open[record.source] = record
        while (first := next(iter(self.open.values()))).line < number - OPEN_LIMIT:
            self.close(first.source)
        while self.closed and self.closed[0][0] < first.line:
            yield heapq.heappop(self.closed)[1]

    def close(self, source: str) -> None:
        record = self.open.pop(source)
        heapq.heappush(self.closed, (record.line, record))

    def rest(self) -> Iterator[Record]:
        for source in list(self.open):
            self.close(source)
        yield from (record for _, record in sorted(self.closed, key=lambda closed: closed[0]))


def follows(line: str, before: Record) -> bool:
    """Whether a line without a header belongs to the record before it."""
    if not line.strip():
        return True
    in_traceback = before.has_traceback
    if TRACEBACK.match(line):
        # A program that crashes prints a traceback of its own; it does not follow from a success.
        return in_traceback or before.level in ("error", "warning") or not before.is_header
    if CHAIN.match(line):
        return in_traceback
    if before.form == "server" and before.level == "error" and GO_FRAME.match(line):
        return True
    if line[0] in " \t|+}│╰" or line.startswith("]"):
        return True
    last = next((text for text in reversed(before.extra) if text.strip()), before.text)
    if line[0] == '"' and last.lstrip()[:1] in ("{", '"') and not last.rstrip().endswith("}"):
        return True  # fields that `dev` wrapped
    if in_traceback and (TRACEBACK.match(last) or last[0] in " \t|+│╰"):
        return True  # the exception itself
    if in_traceback and any(map(VALIDATION.search, before.extra)):
        return True  # pydantic's, a line for each setting
    if before.level in ("error", "warning") and EXCEPTION.fullmatch(line):
        return True
    # Node prints the place, the code and a mark, and then the exception.
    is_of_node = NODE_PLACE.fullmatch(before.text.strip()) and len(before.extra) < 10
    return bool(is_of_node) and not any(map(EXCEPTION.fullmatch, before.extra))


def add_fields(line: str, record: Record) -> None:
    """Add what pino-pretty, or the columns of `dev`, write below a message."""
    text = line.strip()
    if text.startswith("{") and (fields := as_object(text)):
        record.fields.update(flat(fields))
    elif text.startswith(('{"', '"')) and '": ' in text and (pairs := pairs_of(text)):
        record.fields.update(pairs)  # a part: the terminal was too narrow for all
    elif pair := re.fullmatch(r'"?([A-Za-z_]\w{0,40})"?: (.+?),?', text[:FIELD_LIMIT]):
        record.fields.setdefault(key(pair[1]), pair[2].strip('"'))


def plain(line: str) -> str:
    """Return a line without colours."""
    return COLOUR.sub("", line) if "[" in line else line  # the pattern alone takes ten times longer


def parse(number: int, line: str, depth: int = 0) -> Record:
    """Read one line, without those that follow from it."""
    source, rest = "", line
    for _ in range(5):
        if record := with_header(number, rest, depth):
            record.source = record.source or source
            return record
        for prefix in PREFIXES:
            if match := prefix.match(rest):
                source = match.groupdict().get("source") or source
                rest = rest[match.end() :]
                break
        else:
            break
    return Record(number, source, rest)


def with_header(number: int, line: str, depth: int) -> Record | None:
    """Read a line that holds a message with a level, or return None."""
    start = line.find("{", 0, 300)
    if start >= 0 and line.rstrip().endswith("}") and (fields := as_object(line[start:])):
        if record := from_json(number, fields, depth):
            record.source = source_of(line[:start])
            return record
    elif start >= 0 and line[start : start + 2] == '{"':
        # Cut off, by a limit of ours or of a log collector.
        pairs = {key(name): text or value for name, text, value in PAIR.findall(line[start:])}
        if ("message" in pairs or "msg" in pairs) and ("level" in pairs or "severity" in pairs):
            record = from_json(number, pairs, depth)
            if record:
                record.source = source_of(line[:start])
                return record
    # Most lines of a traceback are indented; of the headers, only columns are.
    headers = COLUMNS if line[:1] == " " else HEADERS
    match = next(filter(None, (header.match(line) for header in headers)), None)
    # A collector may put a level of its own before the whole line.
    is_outer = match and match["message"][:1] in "{[2" and not match.groupdict().get("logger")
    if match and is_outer and depth < 3:
        inner = with_header(number, match["message"], depth + 1)
        if inner:
            return inner
    if not match and " - " in line[:400]:
        match = ANYWHERE.search(line, 0, 10_000)
        source = source_of(line[: match.start()]) if match else ""
    else:
        source = ""
    return from_text(number, line, match, source) if match else None


def from_text(number: int, line: str, match: re.Match[str], source: str) -> Record:
    groups = match.groupdict()
    message = groups["message"].strip()
    logger = (groups.get("logger") or groups.get("logger2") or "").rstrip("/")
    record = Record(number, source, line, is_header=True, logger=logger, message=message)
    level = groups["level"] or groups.get("level2") or ""
    record.level = LEVELS[level.lower()]
    record.time = groups.get("time") or ""
    if not logger and (ordered := OWN_ORDER.match(message)):
        record.logger = logger = ordered["logger"]
        record.message = message = ordered["message"]
    start = message.find('{"')
    if start >= 0:
        fields = as_object(message[start:].split("\t")[0])
        record.fields = flat(fields) if fields else pairs_of(message[start:])
        record.message = message[:start].strip()
    elif name := AGENT_NAME.search(message):
        record.fields = {"agentname": name[1]}
    if match.re is HEADERS[0]:
        record.form = "node"
    elif match.re is HEADERS[1]:
        record.form = form_of_go(logger)
    elif logger.startswith("livekit"):
        record.form = "python"
    return record


def form_of_go(logger: str) -> str:
    """Return the form of a line of zap's, which LiveKit's other services write, too."""
    return "" if logger.split(".")[0] in ("sip", "egress", "ingress") else "server"


def from_json(number: int, content: dict[str, Any], depth: int) -> Record | None:
    """Read the fields of a JSON line, which may be the wrapping of a log collector."""
    for wrapper in WRAPPERS:
        inner = content.get(wrapper)
        if isinstance(inner, dict) and depth < 3:
            record = from_json(number, inner, depth + 1)
            if record and (record.message or not isinstance(content.get("message"), str)):
                record.time = record.time or str(content.get("timestamp", ""))[:40]
                record.level = record.level or LEVELS.get(str(content.get("severity")).lower(), "")
                return record
            continue
        if not isinstance(inner, str) or depth >= 3:
            continue
        inner = inner.rstrip("\r\n")
        is_line = (
            inner.lstrip().startswith("{")
            or ANYWHERE.match(inner)
            or ("attributes" in content and "level" not in content)  # Railway
            or not OF_LOGGERS & content.keys()
        )
        if wrapper != "message" or is_line:
            record = parse(number, plain(inner), depth + 1)
            record.time = record.time or str(content.get("time", content.get("timestamp", "")))[:40]
            level = LEVELS.get(str(content.get("severity", "")).lower(), "")
            if not record.is_header and level == "error" and not record.text.startswith(" "):
                record.level = level
            return record
    fields = flat(content)
    message, level = (
        next(filter(None, (fields.pop(name, "") for name in names)), "")
        for names in (("message", "msg", "event", "body"), LEVEL_NAMES)
    )
    if not message and not level:
        return None
    record = Record(number, "", message, is_header=True, message=message, fields=fields)
    record.level = LEVELS.get(level.lower(), "")
    record.logger = fields.pop("logger", "") or fields.pop("name", "")
    record.time = fields.pop("timestamp", "") or fields.pop("ts", "") or fields.pop("time", "")
    if level.isdigit() and "pid" in fields:
        record.form = "node"
    elif ".go:" in fields.get("caller", ""):
        record.form = form_of_go(record.logger)
    elif record.logger.startswith("livekit"):
        record.form = "server" if "msg" in content else "python"
    return record


def source_of(prefix: str) -> str:
    """Return the program that the text before a message names."""
    for _ in range(4 if prefix else 0):
        for pattern in PREFIXES:
            if match := pattern.match(prefix):
                if source := match.groupdict().get("source"):
                    return source
                prefix = prefix[match.end() :]
                break
        else:
            return ""
    return ""


def as_object(text: str) -> dict[str, Any]:
    """Return a JSON object, or nothing."""
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def pairs_of(text: str) -> dict[str, str]:
    return {key(name): string or value for name, string, value in PAIR.findall(text)}


@lru_cache(maxsize=1000)
def key(name: str) -> str:
    return name.lower().replace("_", "")


def flat(fields: dict[str, Any]) -> dict[str, str]:
    """Return fields as text. Of Node's errors, the stack is a field of its own."""
    result: dict[str, str] = {}
    for name, value in fields.items():
        if type(value) is str:
            result[key(name)] = value[:FIELD_LIMIT]
            continue
        if isinstance(value, dict):
            parts = {key(k): str(v) for k, v in value.items()}
            if stack := parts.pop("stack", ""):
                result["stack"] = stack[:FIELD_LIMIT]
            value = " ".join(parts.values())
        elif isinstance(value, list):
            value = " ".join(map(str, value[:50]))
        elif value is None:
            value = ""
        result[key(name)] = str(value)[:FIELD_LIMIT]
    return result
