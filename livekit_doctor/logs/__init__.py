"""What the log of a worker or of a LiveKit server says about agents that do not join."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from livekit_doctor.finding import Finding, Level
from livekit_doctor.logs.causes import BY_ID, JOB_LOST
from livekit_doctor.logs.programs import Program, Programs
from livekit_doctor.logs.records import COLOUR, Error, Record, records, unfolded
from livekit_doctor.logs.verdicts import (
    FATAL,
    HOST,
    HTTP_STATUS,
    IN_CODE,
    LOUD,
    LOUDEST,
    NORMAL,
    QUIET,
    UNKNOWN_NAME,
    UNNAMED,
    WORKER,
    Table,
    Verdict,
)
from livekit_doctor.logs.viewers import from_row, oldest_first
from livekit_doctor.text import LINE_LIMIT

ORDER = {cause: number for number, cause in enumerate(BY_ID)}
SECRET = re.compile(r"eyJ[\w-]+(\.[\w-]*)*")
# Texts of LiveKit's messages, to recognise one that was cut off.
BEGINNINGS = (
    *("starting worker", "registered worker", "received job request", "received assignment"),
    *("preloading plugins", "initializing process", "process initialized", "draining worker"),
    *(
        "shutting down worker",
        "process exiting",
        "plugin registered",
        "starting inference executor",
    ),
    *("HTTP server listening on ", "Server is listening on port ", "initializing job runner"),
    *("worker is at full capacity, marking as unavailable", "connected to LiveKit server"),
    *("worker is below capacity, marking as available", "failed to connect to livekit, retrying"),
    *("starting LiveKit server", "worker registered", "assigned job to worker"),
)
WITH_FIELDS = frozenset(
    {
        *("starting worker", "registered worker", "received job request", "received assignment"),
        *("preloading plugins", "initializing process", "process initialized", "draining worker"),
        *("shutting down worker", "process exiting", "plugin registered"),
    }
)
CUT_HEADER = re.compile(
    r"\[?\d{1,4}[-:\d T.,]*\]?(?: -?)?(?: [A-Z]*)?(?: \(?\d*\)?:?)?(?: [\w.]*)?(?: -)?$"
)

REASON_LIMIT = 100
SOURCE_LIMIT = 100
# What only a program of LiveKit's prints.
OF_LIVEKIT = {"missing-plugin", "sdk-missing", "old-api", "missing-name"}
STAGES = ("start", "job", "tool")
INTERRUPTS = {"KeyboardInterrupt", "SystemExit"}
# Where the code of a registered worker fails so that its room gets no agent: its entrypoint, and
# the start of a process. Anywhere else, such as in a tool, the agent goes on.
ENTRIES = ("job task", "entrypoint", "entry function", "initializ")
# In a message of the level INFO, these tell of trouble.
BAD_NEWS = ("fail", "error", "exception", "not ", "unavailable", "timed out")

# Job requests, as a worker and as a server logs them. If a log holds both, use the larger count.
JOB_EVENTS = {
    "received": (("received job request",), ("assigned job to worker", "failed to assign job")),
    "assigned": (("received assignment",), ("assigned job to worker",)),
    "rejected": (("automatically rejecting the job",), ()),
    "timed out": (("assignment for job",), ()),
}


@dataclass
class Matches:
    """The records that match one verdict, and the values in the first of them."""

    first: int
    values: dict[str, str]
    count: int = 0
    last: int = 0
    what: list[str] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)  # the last line of each program
    stage: str = "tool"  # the worst one: "start", "job" or "tool"
    is_printed: bool = False  # by a program without a level, as one does that ends


@dataclass
class Unexplained:
    """Errors that no verdict explains."""

    count: int = 0
    first: int = 0
    error: Error | None = None
    logger: str = ""


@dataclass
class Reading:
    """What has been read so far."""

    own_name: str
    matches: dict[Verdict, Matches] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(
        default_factory=lambda: {event: [0, 0] for event in JOB_EVENTS}
    )
    programs: Programs = field(default_factory=Programs)
    unexplained: Unexplained = field(default_factory=Unexplained)
    line_count: int = 0
    first_time: str = ""
    last_time: str = ""
    last_line: str = ""
    last_record: Record | None = None
    is_reversed: bool = False  # the newest line came first
    is_own: bool = False  # a worker is registered with that name
    server: str = ""  # the URL with which a worker registered
    reasons: dict[str, tuple[Verdict, dict[str, str]] | None] = field(default_factory=dict)

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Pass lines on, and remember how many there were, and the last one that holds anything."""
        for line in map(from_row, lines):
            self.line_count += 1
            if line.strip():
                self.last_line = line
            yield line[:LINE_LIMIT]

    def add(self, record: Record) -> None:
        if record.text.strip() or record.extra:
            self.last_record = record
        if record.time:
            self.first_time = self.first_time or record.time
            self.last_time = record.time
        if record.message.startswith("registered worker"):
            self.server = record.fields.get("url", self.server)
        is_end = self.programs.add(record)
        self.count_jobs(record)
        is_quiet = record.is_header and record.level in ("info", "debug")
        if is_quiet and not any(map(record.message.lower().__contains__, BAD_NEWS)):
            fields = (record.fields.get(name, "") for name in ("error", "status"))
            self.match(record, "\n".join((record.message, *fields)), QUIET)
            return
        whole = record.whole
        is_loud = not record.is_header or record.level == "error" or record.errors()
        found = self.match(record, whole, LOUDEST if is_loud else LOUD)
        is_traceback = any(e.type not in INTERRUPTS for e in record.errors()[-1:])
        is_error = record.level == "error" if record.is_header else is_traceback
        if is_error and not found and not is_end:
            self.unexplained.count += 1
            if not self.unexplained.first:
                self.unexplained.first = record.line
                self.unexplained.error = next(iter(record.errors()[-1:]), None)
                self.unexplained.logger = record.logger

    def count_jobs(self, record: Record) -> None:
        lower = record.message.lower()
        if "job" not in lower and "assignment" not in lower:
            return
        for event, sides in JOB_EVENTS.items():
            for side, texts in enumerate(sides):
                if any(map(lower.startswith, texts)) or (
                    event == "rejected" and side == 0 and texts[0] in lower
                ):
                    is_other = (event == "assigned" and " for " in lower) or (
                        event == "timed out" and "timed out" not in lower
                    )
                    self.counts[event][side] += not is_other
        error = record.fields.get("error", "")
        if "worker not available" in error:
            self.counts["rejected"][1] += 1
        if "deadline exceeded" in error and lower.startswith("failed to assign"):
            self.counts["timed out"][1] += 1

    def match(self, record: Record, whole: str, table: Table) -> bool:
        """Note the first verdict that a record matches."""
        lower = whole.lower()
        if not any(map(lower.__contains__, table.texts)):
            return False  # as for most lines
        is_connection = any(map(lower.__contains__, WORKER))
        if is_connection:
            whole = record.reason
        if status := HTTP_STATUS.search(whole):
            record.fields["httpstatus"] = status["ws"] or status["aiohttp"]
            whole = f"{whole}\nstatus {record.fields['httpstatus']}"
        # A worker without a server repeats the same reason for hours.
        if is_connection and whole in self.reasons:
            found = self.reasons[whole]
        else:
            found = table.first(record, whole, lower)
            if is_connection and len(self.reasons) < REASON_LIMIT:
                self.reasons[whole] = found
        if found:
            self.note(record, whole, *found)
        return bool(found)

    def note(self, record: Record, whole: str, verdict: Verdict, values: dict[str, str]) -> None:
        """Note that a record matches a verdict."""
        name = record.fields.get("agentname", "")
        if verdict.cause == "named-worker" and name == self.own_name:
            self.is_own = True
            return
        if verdict not in self.matches:
            more = {**merged(values), **self.more_values(record, whole)}
            is_printed = not record.is_header
            self.matches[verdict] = Matches(record.line, more, is_printed=is_printed)
        of_verdict = self.matches[verdict]
        of_verdict.count += 1
        of_verdict.stage = min(of_verdict.stage, self.stage(record), key=STAGES.index)
        of_verdict.last = record.line
        if record.source in of_verdict.sources or len(of_verdict.sources) < SOURCE_LIMIT:
            of_verdict.sources[record.source] = record.line
        what = merged(values).get("what", "")
        if verdict.cause == "settings-missing":
            what = setting(what)
        if what and what not in of_verdict.what and len(of_verdict.what) < 5:
            of_verdict.what.append(what)

    def stage(self, record: Record) -> str:
        """Return when the code in a record failed: as a worker started, or in a job or a tool."""
        is_up = any(p.registered > p.started for p in self.programs.of(record.source))
        lower = record.message.lower()
        if not record.is_header or not is_up or lower.startswith(("worker failed", "closing")):
            return "start"
        return "job" if any(map(lower.__contains__, ENTRIES)) else "tool"

    def more_values(self, record: Record, whole: str) -> dict[str, str]:
        """Return the values that sentences about a record may name."""
        values = {"name": record.fields.get("agentname", "")}
        if host := HOST.search(f"{whole}\n{record.message}"):
            values["host"] = next(value for value in host.groupdict().values() if value)
            if self.server and values["host"].split("/")[-1].split(":")[0] not in self.server:
                values["host"] += (
                    " (not the server where the worker registered, but perhaps a proxy)"
                )
        if "httpstatus" in record.fields:
            values["status"] = record.fields["httpstatus"]
        found = record.errors()
        if found:
            values["error"] = f": {found[-1]}"
            if found[-1].place:
                values["place"] = f" ({found[-1].place})"
        return values


def merged(values: dict[str, str]) -> dict[str, str]:
    """Return the groups of a pattern; `what2` is an alternative of `what`."""
    return {name.rstrip("0123456789"): value for name, value in values.items()}


def read(lines: Iterable[str], own_name: str = "") -> Iterator[Finding]:
    """Read a log to its end, then yield the findings, the most decisive first.

    No finding quotes a line of the log, because it may hold tokens.

    Args:
        own_name: the name that the worker should have, if any.
    """
    reading = Reading(own_name)
    numbered, reading.is_reversed = oldest_first(unfolded(reading.lines(lines)))
    for record in records(numbered):
        reading.add(record)
    reading.programs.finish()
    yield from findings(reading)


def findings(reading: Reading) -> Iterator[Finding]:
    if not reading.last_line:
        yield finding("empty-log", "problem", "The log is empty.")
        return
    wrong = list(what_is_wrong(reading))
    programs = list(reading.programs.known.values())
    if not wrong and not programs and not reading.matches:
        wrong = [
            finding(
                "unknown-log",
                "problem",
                f"None of the {counted(reading.line_count)} was written by a worker or a LiveKit "
                "server.",
            )
        ]
    elif not wrong and not reading.programs.is_running:
        wrong = [not_running(reading, programs)]
    yield from wrong
    yield from what_is_normal(reading)
    yield examined(reading, programs)
    if programs:
        events = ", ".join(f"{max(n)} {event}" for event, n in reading.counts.items())
        yield Finding(
            "log",
            "ok",
            "",
            f"Job requests: {events}.",
            "LiveKit offers a room once, when it opens. A worker logs assigned jobs only with "
            "--log-level DEBUG; livekit-agents 1.0 does not log them at all.",
        )


def what_is_wrong(reading: Reading) -> Iterator[Finding]:
    """Yield what keeps agents away, the most decisive first."""
    matches, programs = reading.matches, reading.programs
    overcome = {
        verdict: registered
        for verdict in matches
        if verdict.until_registered and (registered := overcome_in(matches[verdict], programs))
    }
    left = [verdict for verdict in matches if verdict not in overcome]
    reported = [
        v
        for v in matches
        if v.level != "ok" and not any(o.cause in v.follows for o in left if o is not v)
    ]
    # What looks like the end of a program, although the worker went on.
    survived = {v for v in reported if matches[v].is_printed and is_survived(v, reading)}
    reported = [v for v in reported if v not in survived or not v.crash_only]
    for verdict in sorted(reported, key=lambda v: ORDER[v.cause]):
        if verdict in survived:  # only a job may have ended
            matches[verdict].stage = "tool"
        found = of_verdict(verdict, matches[verdict], overcome.get(verdict, 0))
        yield replace(found, level="warning") if verdict in survived else found
    if (unnamed := unnamed_worker(reading)) is not None:
        seen = f"A worker is registered without a name, and none as {reading.own_name!r}"
        yield finding("unnamed-worker", "warning", f"{seen} (first in line {unnamed.first}).")
    fatal = max((matches[v].last for v in reported if v.cause in FATAL), default=0)
    over = list(programs.ended())
    for program in over:
        ran = program.registered > program.started
        is_explained = fatal >= max(program.started, 1) and not ran
        if program.cause in ("worker-ended", "crashed") and is_explained:
            continue
        yield end_of(program)
    yield from earlier_ends(programs, {v.cause for v in reported})
    if cut := is_cut(reading):
        yield finding("cut-off", "warning", f"The log ends in line {reading.line_count}: {cut}.")
    errors = reading.unexplained
    is_the_end = errors.count == 1 and any(p.cause == "crashed" for p in over)
    if errors.count and not is_the_end:
        what = "1 error" if errors.count == 1 else f"{errors.count} errors"
        which = f", {errors.error}" if errors.error else ""
        by = f" of {errors.logger[:60]}" if errors.logger else ""
        seen = f"The log holds {what} that livekit-doctor does not know"
        seen += f" (the first one{by} in line {errors.first}{which})."
        yield finding("unexplained-errors", "warning" if programs.is_running else "problem", seen)
    if errors.count and not programs.is_running:
        return
    problems = [matches[v] for v in reported if v.level == "problem"]
    waiting = [
        program
        for program in programs.known.values()
        if program.kind == "worker"
        and program.started > max(program.registered, program.ended)
        and not any(m.sources.get(program.source, 0) > program.started for m in problems)
    ]
    is_up = any(p.registered for p in programs.known.values())
    if not waiting and not is_up and not reported and not over:
        waiting = list(programs.known.values())
    if waiting and not any(v.cause == "console-mode" for v in reported):
        yield not_running(reading, waiting)


def unnamed_worker(reading: Reading) -> Matches | None:
    """Return what shows that a worker has no name, if it should have one."""
    if not reading.own_name or reading.is_own:
        return None
    return next((m for v, m in reading.matches.items() if v.seen == UNNAMED), None)


def overcome_in(matches: Matches, programs: Programs) -> int:
    """Return the line by which each program that had a problem has registered; 0 if one has not."""
    lines = []
    for source, last in matches.sources.items():
        registered = max((p.registered for p in programs.of(source)), default=0)
        if registered < last:
            return 0
        lines.append(registered)
    return max(lines)


def is_survived(verdict: Verdict, reading: Reading) -> bool:
    """Whether each program that printed something was up at the end, or worked after that."""
    programs = reading.programs
    for source, last in reading.matches[verdict].sources.items():
        of_source = programs.of(source)
        if not of_source and verdict.cause not in OF_LIVEKIT:
            of_source = list(programs.known.values())  # perhaps not a worker at all
        if not any(p.registered and (p.is_up or p.last > last) for p in of_source):
            return False
    return True


def earlier_ends(programs: Programs, causes: set[str]) -> Iterator[Finding]:
    """Yield how programs ended that run again, and what looked like an end, but was none."""
    for program in programs.known.values():
        who = f"{str(program)[0].upper()}{str(program)[1:]}"
        for cause, ends in program.failures.items():
            if program.is_over and program.cause == cause:
                continue
            where = f"{ends.count}x, last in line {ends.last}"
            seen = f"{who} {ends.how} ({where}), and started again"
            yield finding(cause, "warning", f"{seen}. Its conversations were lost.")
        for cause, ends in program.outlived.items():
            if "job-died" not in causes and not program.is_over:
                yield finding(
                    cause,
                    "warning",
                    f"Line {ends.last} says that a program {ends.how}, but {program} went on: it "
                    "was the process of a job, or another program.",
                )


def not_running(reading: Reading, programs: list[Program]) -> Finding:
    """Return the finding that no worker registered, as far as the log shows."""
    if any(p.started for p in programs):
        starting = " and ".join(f"{p} (line {p.started})" for p in programs if p.started)
        return finding(
            "never-registered",
            "problem",
            f"The log shows the start of {starting}, but no worker registers.",
        )
    if any(p.is_starting for p in programs):
        return finding(
            "never-started", "problem", "A LiveKit server wrote this log, but did not start in it."
        )
    seen = f"Nothing in the {counted(reading.line_count)} shows that a worker registered."
    if told := [m.first for v, m in reading.matches.items() if "registered worker" in v.says]:
        seen = f"Line {min(told)} seems to say that a worker registered, but the format of this "
        seen += "log is not known: what became of that worker cannot be told."
    return finding("no-evidence", "warning", seen)


def end_of(program: Program) -> Finding:
    if not program.is_sure:
        seen = (
            f"Line {program.ended} seems to say that a program {program.how}. It may be the worker"
        )
        return finding(program.cause, "warning", f"{seen}, which logs nothing after that.")
    who = str(program) if program.runtime else "The program"
    seen = f"{who[0].upper()}{who[1:]} {program.how} (line {program.ended})"
    if program.runtime and program.kind == "worker" and not program.registered:
        seen += ", without having registered"
    if program.runtime and "last worker" in program.how:
        seen += ". After that, no worker registers in this log"
    elif program.runtime:
        seen += ". After that, it does not start again in this log"
    return finding(program.cause, "problem", f"{seen}.")


def of_verdict(verdict: Verdict, matches: Matches, registered: int) -> Finding:
    """Return the finding for a verdict. It is only a warning if a worker registered later.

    Args:
        registered: the line in which that worker registered, or 0.
    """
    values: defaultdict[str, str] = defaultdict(str)
    for name, value in matches.values.items():
        values[name] = SECRET.sub("(a token)", value)[:200]
    agent = values["name"][:100]
    values["agent"] = f"the agent {agent!r}" if agent else "an agent without a name"
    values["host"] = values["host"] or "the LiveKit server"
    values["what"] = ", ".join(matches.what) or "what the code asks for"
    values["module"] = values["module"] or "LiveKit's packages"
    values["file"] = f": {values['file']}" if values["file"] else ""
    values["exit_code"] = f" (exit code {values['exit_code']})" if values["exit_code"] else ""
    level, cause = verdict.level, BY_ID[verdict.cause]
    means, advice, command = cause.means, cause.advice, cause.command
    where = f"{matches.count}x, first in line {matches.first}"
    if registered:
        level, command = "warning", ""
        where = f"{where}, but a worker registered in line {registered}"
        advice = "Nothing, if it was just starting. Rooms that opened before may lack an agent."
    elif verdict in IN_CODE and matches.stage == "job":
        means = JOB_LOST
    elif verdict in IN_CODE and matches.stage == "tool":
        level = "warning"
        means = "The worker is registered, and part of a job failed, such as a tool of its agent."
    sentence = verdict.seen.format_map(values)
    if sentence.startswith("the "):
        sentence = f"T{sentence[1:]}"
    if verdict.cause == "missing-plugin" and matches.what:
        command = install_plugin(matches.what[0])
    seen = f"{sentence} ({where})"
    return Finding("log", level, cause.id, seen, means, advice, command)


def setting(name: str) -> str:
    """Return the variable for a setting that a message of LiveKit's calls `ws_url` or `API Key`."""
    plain = name.lower().replace(" ", "_").removeprefix("ws_").removeprefix("livekit_")
    return f"LIVEKIT_{plain.upper()}" if plain in ("url", "api_key", "api_secret") else name


def install_plugin(name: str) -> str:
    """Return the command that installs a plugin."""
    if name.startswith("@"):
        return f"npm install {name}"
    plugin = name.removeprefix("livekit.plugins").strip(".").replace("_", "-") or "NAME"
    return f"uv add livekit-plugins-{plugin}"


def what_is_normal(reading: Reading) -> Iterator[Finding]:
    # A job request may hold the name that is missing in the line of the registration.
    is_named = any(v.fields.keys() == {"agentname"} for v in reading.matches)
    is_known = any(p.registered for p in reading.programs.known.values())
    for verdict, of_verdict in reading.matches.items():
        if verdict.seen == UNKNOWN_NAME and (is_named or reading.is_own or not is_known):
            continue
        if verdict.seen == UNNAMED and unnamed_worker(reading):
            continue
        if verdict.level == "ok" and verdict.seen:
            where = f"{of_verdict.count}x, first in line {of_verdict.first}"
            seen = f"{verdict.seen} ({where})"
            yield Finding("log", "ok", "", seen, NORMAL[verdict.seen])


def examined(reading: Reading, programs: list[Program]) -> Finding:
    """Return what was examined: how much, whose log, and from when."""
    whose = ", ".join(str(p) for p in programs[:5]) or "no program of LiveKit's"
    seen = f"Read {counted(reading.line_count)}: {whose}"
    if reading.first_time:
        first, last = map(readable, (reading.first_time, reading.last_time))
        seen += f", {first}" if first == last else f", {first} to {last}"
    if reading.is_reversed:
        seen += ". Its newest line comes first, so it was read backwards: line 1 is the last one"
    means = "Only what was logged can be found, and a log level above INFO hides most of it."
    return Finding("log", "ok", "", f"{seen}.", means)


def readable(time: str) -> str:
    """Return a time to the second; Node counts milliseconds since 1970, and zap seconds."""
    number = float(time) if re.fullmatch(r"\d{9,13}(?:\.\d+)?", time) else 0
    if number:
        seconds = number / 1000 if number > 1e11 else number
        return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
    return SECRET.sub("", time)[:19]


def is_cut(reading: Reading) -> str:
    """Return how the last line shows that the log was cut off; empty if it does not."""
    raw, record = reading.last_line, reading.last_record
    line = COLOUR.sub("", raw).rstrip("\r\n")
    has_end = raw.endswith("\n") or len(line) >= LINE_LIMIT - 1
    if not record or reading.is_reversed or (has_end and len(line) >= LINE_LIMIT - 1):
        return ""
    middle = "in the middle of it"
    if record.has_traceback and not record.errors():
        return "in the middle of a traceback"
    if line.strip() in ("}", "]"):
        return ""
    start = line.find('{"')
    if start >= 0 and not line.rstrip().endswith(("}", "},", "]")):
        return middle
    if has_end:
        return ""
    if start < 0 and re.search(r"(?:^|[\s|\]])\{$", line):
        return middle
    is_last = not record.extra
    if start < 0 and record.is_header and is_last and record.form in ("python", "server"):
        message = record.message
        is_prefix = any(text != message and text.startswith(message) for text in BEGINNINGS)
        if is_prefix or (message in WITH_FIELDS and not record.fields):
            return middle
    if reading.line_count > 1 and CUT_HEADER.match(line.rstrip()):
        return middle
    if "\x1b[" in raw and not re.search(r"\x1b\[(?:0|39)?m\s*$", raw):
        return middle
    return ""


def finding(cause: str, level: Level, seen: str) -> Finding:
    return BY_ID[cause].finding("log", level, seen)


def counted(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines:,} lines"
