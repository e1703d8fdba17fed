"""Which programs wrote a log, and whether they were still running at its end."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from livekit_doctor.logs.records import PYTHON_FRAME, Error, Record

STARTS = ("starting worker", "starting livekit server")
REGISTRATIONS = ("registered worker", "worker registered")
# What a worker can only do once it has registered, for logs that begin later.
WORK = ("received job request", "received assignment", "assigned job to worker", "marking as")
# Only a worker or a server says these, whatever the format.
ANY_FORMAT = (*STARTS, *REGISTRATIONS, "received job request")
# Node's worker does not name itself in JSON.
NODE = (
    *("starting worker", "registered worker", "received job request", "connected to livekit"),
    *("failed to connect to livekit", "server is listening on port", "initializing inference"),
    *("draining worker", "shutting down worker", "worker closed due to", "worker is draining"),
    *("error in entry function", "job_entry", "jobrequestfunc", "inference runner"),
)
# What shows that a worker is alive, although something looked like its end: it gets work, or it
# reports the end of one of its processes, which was what crashed.
ALIVE = ("received job request", "received assignment")
OUTLIVED = ("process exited with non-zero exit code", "job process exited unexpectedly")
# How a LiveKit server logs that a worker has gone (pkg/agent/worker.go, agentservice.go).
DEPARTURES = ("closing worker", "worker closed")
STOPS = {
    "draining worker": "was told to stop ('draining worker')",
    "shutting down worker": "shut down ('shutting down worker')",
    "worker closed due to sig": "was told to stop (a signal)",
    "exit requested, shutting down": "was told to stop ('exit requested')",
}
SIGNAL = re.compile(
    r"received signal (?:15|2)(?:$|[,.;:])|received SIG(?:TERM|INT|HUP)\b|SIG(?:TERM|INT) received"
    r"|got SIGTERM|signal: (?:terminated|interrupt)|caught (?:SIGTERM|signal)"
    r"|^(?:received (?:a )?)?shutdown signal(?: received)?[.!]?$",
    re.IGNORECASE,
)
# What shells, containers and platforms print when a program ends.
EXIT_CODE = re.compile(
    r"(?:^|[\s\"'|])(?P<name>[\w.-]{1,80}) (?:exited with code|stopped "
    r"\(rc=)\s?(?P<named>-?\d{1,3})\)?(?: \(restarting\))?$"
    r"|\bApp \[(?P<pm2>[\w.-]{1,80}:\d{1,4})\] exited with code \[(?P<pm2_code>-?\d{1,3})\]"
    r"|(?:^(?P<task>[\w@/.-]{1,80}:[\w.-]{1,40}): )?ERROR: command finished with error: .{0,300} "
    r"exited \((?P<task_code>\d{1,3})\)"
    r"|(?:exit(?:ed)?(?: with)?(?: exit)?|process finished with exit|terminated with exit)[ _-]?"
    r"(?:code|status)[\"']?\s{0,8}[:=]?\s{0,8}[\"']?(?P<code>-?\d{1,3})\b"
    r"|code=(?:exited|killed|dumped), status=(?P<unit>\d{1,3})"
    r"|^exit status (?P<go>\d{1,3})$|Command failed with exit code (?P<npm>\d{1,3})"
    r"|make: \*\*\* .{0,200} Error (?P<make>\d{1,3})|Container called exit\((?P<run>\d{1,3})\)",
    re.IGNORECASE,
)
# A sentence that goes on, such as a person's.
PROSE = re.compile(r" (?!while\b|via\b|and\b|at\b|because\b|due\b)[a-z]")
MEMORY = re.compile(
    r"OOM.?Killed\b(?!\W{1,4}false)|oom-kill|out of memory: kill|cgroup out of memory"
    r"|memory limit .{0,60}exceeded|exceeded (?:its )?memory|memory quota vastly exceeded"
    r"|ran out of memory|heap out of memory|killed due to memory usage|std::bad_alloc"
    r"|Cannot allocate memory|^MemoryError\b",
    re.IGNORECASE,
)
# A shell's words: alone in a line, or behind the shell's name or the number of the job.
DEATH = re.compile(
    r"(?P<what>Killed|Terminated|Hangup|Aborted|Segmentation fault|Bus error|Illegal instruction"
    r"|Floating point exception|Trace/breakpoint trap)(?:: \d{1,2})?(?:\s*\(core dumped\))?\s*$"
    r"|(?:.{0,100}(?:: line \d+:\s{0,8}\d+|sh: (?:line \d+:)?)|\[\d+\][+ -]{0,4}\d*)\s{0,8}"
    r"(?P<what2>Killed|Terminated|Hangup|Aborted|Segmentation fault|Bus error|Illegal instruction"
    r"|Floating point exception|Trace/breakpoint trap|terminated|killed|segmentation fault)\b"
)
NATIVE = re.compile(
    r"Fatal Python error|SIGSEGV|SIGABRT|SIGILL|SIGBUS|^thread '.{1,200}' (?:\(\d+\) )?panicked at"
    r"|^fatal runtime error|terminate called after throwing|^# A fatal error|double free or"
    r"|^panic: |fatal error: |^free\(\): |^malloc\(\): |corrupted size|Assertion `.{1,200} "
    r"failed|core dumped(?!\? false)|Uncaught signal: (?:6|11|4|7)\b|stack smashing",
)
STOPPED = re.compile(
    r"^Stopping Container|Container (?:has )?(?:been )?(?:stopped|terminated|killed)\b"
    r"|CrashLoopBackOff"
    r"|Back-off restarting failed|State changed from \w+ to (?:crashed|down|complete)"
    r"|Essential container in task exited|Main child exited|[Mm]achine (?:has )?exited"
    r"|Deactivated successfully|Failed with result|Uncaught signal: \d+|ELIFECYCLE"
    r"|Lifecycle script .{1,100} failed|^\s*(?:\^C)?KeyboardInterrupt|^Aborted!$|^\^C$"
    r"|^Gracefully [Ss]topping|Stopping all processes with|^system +\| sending SIG|stopping machine"
    r"|^Instance (?:failed|terminated|stopped)|[Ss]ending SIG(?:TERM|INT|KILL) to|container exited"
    r"|Deployment .{1,100}(?:stopped|removed|crashed)|^Shutting down VM|task stopped"
    r"|had too many unstable restarts|app crashed - waiting for file changes"
    r"|sending all processes the (?:KILL|TERM) signal|Container called exit"
    r"|The node was low on resource|Stopping container \S{1,100}$|\.service: Succeeded\."
    r"|Start request repeated too quickly|^Terminate batch job|program aborting due to"
    r"|clean exit - waiting for changes|The operation was canceled|npm (?:ERR!|error) signal SIG"
    r"|stoppedReason\W{1,4}\w"
)
# Of one container (docker compose) or program (PM2).
STOPPED_ONE = re.compile(
    r"^\W{0,8}Container (?P<container>[\w.-]{1,80}) {1,3}(?:Stopp|Kill|Remov)(?:ed|ing)\b"
    r"|^Stopping app:(?P<pm2>[\w.-]{1,80}) id:(?P<id>\d{1,4})"
)
KILL = re.compile(r"^signal: killed$|Uncaught signal: 9\b|with signal 'SIGKILL'|by signal 9\b")
# What may say so in the words of a platform that is not known.
UNIT = r"\b(?:container|task|process|service|pod|instance|machine|deployment|replica|workload)s?\b"
PERHAPS_STOPPED = re.compile(
    rf"{UNIT}.{{0,80}}\b(?:(?:auto)?stopp(?:ed|ing)|terminat(?:ed|ing)|exit(?:ed|ing)"
    r"|kill(?:ed|ing)|evicted|shut(?:ting)? down|crashed|died)\b"
    r"|\b(?:(?:auto)?stopping|terminating|killing|evicting|shutting down)\b.{0,80}"
    rf"{UNIT}",
    re.IGNORECASE,
)
# A person's words in a conversation end no program.
SPEAKER = re.compile(
    r"(?:user|human|person|caller|customer|assistant|bot)\b.{0,20}: ", re.IGNORECASE
)
# With these words Python prints an exception that does not end the program.
GOES_ON = re.compile(
    r"Exception in (?:thread|callback)|Exception ignored|--- Logging error|handle: <|future: <"
    r"|(?:Task|Future) exception was never"
)
HEALTH = re.compile(
    r"Error R10|failed to start and listen on the port|STARTUP \w{3,4} probe failed"
    r"|failed (?:startup|liveness) probe, will be restarted|Port scan timeout reached"
    r"|did(?:n't| not) respond to HTTP pings|failed (?:container|ELB) health checks"
    r"|Healthcheck failed!|never became healthy|ContainerHealthChecksFailed"
)
# A shell's prompt, and a command after it that starts a worker in the foreground.
COMMAND = re.compile(
    r"(?P<prompt>\S.{0,100}?[$#%>\u276f\u2717\u00bb]|[$%\u276f\u279c]) +(?:\w+=\S* +){0,5}"
    r"(?:uv|python[\d.]*|poetry|pdm|pipenv|node|npm|pnpm|yarn|npx|bun|tsx|deno)(?:\.exe)? "
    r".{0,300}(?<![&\s])$"
)
SUPERVISOR = re.compile(
    r"(?:^|\s)(?:exited|stopped|gave up): (?P<name>[\w.:-]{1,80}) (?:entered FATAL|"
    r"\((?:exit status (?P<code>\d{1,3})|terminated by (?P<signal>SIG\w{1,8})))"
)
# Names that are not a program's own: of honcho, systemd, the kernel and PM2.
BESIDE = ("", "system", "systemd", "kernel", "PM2")
# Without prefixes, only its name tells whether a program that ended is the worker.
OURS = re.compile(
    r"agent|worker|livekit|[-_.:]\d{1,3}$|^(?:process|program|container|service|python[\d.]*|node)$",
    re.IGNORECASE,
)
REGULAR_EXITS = {0, 130, 143}  # and those of SIGINT and SIGTERM
END_LIMIT = 1000  # characters; a line that tells of an end is short (the kernel's: 400)
KILLED, CRASHED = {9, 137}, {4, 6, 7, 11, 132, 134, 135, 139}
WINDOWS_CRASH = re.compile(r"exit code -?(?:10737\d{5}|0xC0000\w+|3221\d{6})", re.IGNORECASE)


@dataclass
class Ends:
    """What looked like the same end of a program, each time."""

    how: str
    last: int
    count: int = 0


@dataclass
class Program:
    """A worker or a LiveKit server, and what the log says about its life.

    Attributes:
        started, registered, ended: line numbers; 0 if it did not. They are the last ones.
        is_starting: it is a server that has said so.
        last: the line of its last message.
        how: how it ended.
        cause: the cause of that end.
        is_failure: that end was not by request.
        is_sure: that end was this program's.
        failures: how it ended before it started again, by cause.
        outlived: what looked like its end, although it went on, by cause.
        workers: the ids of a server's workers.
    """

    kind: str
    source: str
    runtime: str
    release: str = ""
    is_starting: bool = False
    started: int = 0
    registered: int = 0
    ended: int = 0
    last: int = 0
    how: str = ""
    cause: str = "worker-ended"
    is_failure: bool = False
    is_sure: bool = True
    failures: dict[str, Ends] = field(default_factory=dict)
    outlived: dict[str, Ends] = field(default_factory=dict)
    workers: set[str] = field(default_factory=set)

    @property
    def is_up(self) -> bool:
        """Whether it is registered, and not known to have ended."""
        return self.registered > 0 and not (self.is_over and self.is_sure)

    @property
    def is_over(self) -> bool:
        alive = max(self.started, self.registered, 0 if self.is_sure else self.last)
        return self.ended > alive

    def __str__(self) -> str:
        package = {"Python": "livekit-agents", "Node": "@livekit/agents"}.get(self.runtime, "")
        name = "a LiveKit server" if self.kind == "server" else f"a {self.runtime} worker"
        release = f" ({package} {self.release})".replace("( ", "(") if self.release else ""
        return name + release + (f" in {self.source}" if self.source else "")

    def end(
        self, line: int, how: str, cause: str = "worker-ended", *, is_failure: bool = False
    ) -> None:
        # The first words about an end say most: what follows are its effects.
        is_better = cause != "worker-ended" and self.cause in ("worker-ended", cause)
        if not self.is_over or is_better:
            self.how, self.cause = how, cause
            self.is_failure, self.is_sure = is_failure or cause != "worker-ended", True
        self.ended = line

    def start_again(self) -> None:
        """Before the line of a start or a registration: remember how the program failed."""
        if self.is_over and self.is_failure and self.is_sure:
            self.note(self.failures)

    def go_on(self) -> None:
        """The program works, so what looked like its end was that of another one."""
        if self.cause != "worker-ended":
            self.note(self.outlived)
        self.ended = 0

    def note(self, ends: dict[str, Ends]) -> None:
        of_cause = ends.setdefault(self.cause, Ends(self.how, self.ended))
        of_cause.last = self.ended
        of_cause.count += 1


@dataclass
class Programs:
    """The programs in a log.

    Attributes:
        crash: the last exception that a program printed without a level: its record, and
            whether it had frames.
        before: the record before.
        other: the end of a program that is not known to be LiveKit's.
        prompt: of the shell that started the program last.
    """

    known: dict[tuple[str, str], Program] = field(default_factory=dict)
    crash: tuple[Record, Error, bool] | None = None
    other: Program = field(default_factory=lambda: Program("program", "", ""))
    last_header: dict[str, int] = field(default_factory=dict)
    prompt: str = ""
    before: Record | None = None

    def add(self, record: Record) -> bool:
        """Read a record, and return whether it says that a program ended."""
        is_end = False
        # A viewer may show nothing but the messages.
        bare = "" if record.is_header else record.text.split("{")[0].strip()
        lower = bare if bare in ANY_FORMAT else record.message.lower()
        if record.is_header:
            self.last_header[record.source] = record.line
            if len(self.last_header) > 1000:
                self.last_header.clear()
        if program := self.program(record, lower):
            self.add_message(program, record, lower)
        elif (
            record.is_header
            and ("sig" in lower or "shutdown" in lower)
            and "jobid" not in record.fields  # a job's own words
            and SIGNAL.search(lower)
        ):
            self.end(record.source, record.line, "was told to stop (a signal)", "worker-ended")
        if "jobid" in record.fields:
            pass
        elif record.is_header and not record.form and SUPERVISOR.search(record.text):
            self.read_end(record.source, record.line, record.text)
        elif not record.is_header or (not record.form and record.level == "error"):
            is_end = self.read_end(record.source, record.line, record.text)
            if (
                not is_end
                and not SPEAKER.match(record.text)
                and PERHAPS_STOPPED.search(record.text, 0, END_LIMIT)
            ):
                self.end(record.source, record.line, "was stopped", "worker-ended", is_sure=False)
        elif not record.form and STOPPED.search(record.message):
            is_end = self.read_end(record.source, record.line, record.message)
        if not record.is_header:
            self.read_prompt(record)
            if (found := record.errors()) and not GOES_ON.match(record.text):
                # The frame of a SyntaxError is indented, so it went with the record before.
                before = self.before.extra[-4:] if self.before else []
                has_frames = record.has_frames or any(map(PYTHON_FRAME.match, before))
                self.crash = record, found[-1], has_frames
        self.before = record
        is_traceback = record.has_traceback
        # What follows a logged exception says how a job failed, not how the program ended.
        extra = [] if record.is_header and is_traceback else record.extra
        for offset, text in enumerate(extra, 1):
            if not is_traceback or text[:1] not in (" ", "\t"):
                self.read_end(record.source, record.line + offset, text.strip())
        return is_end

    def add_message(self, program: Program, record: Record, lower: str) -> None:
        """Read a message of a worker's or a server's own."""
        program.last = record.line
        program.is_starting |= lower.startswith(("using single-node", "using multi-node"))
        if lower.startswith("starting") and any(text in lower for text in STARTS):
            program.start_again()
            program.started = record.line
            program.release = record.fields.get("version", program.release)[:20]
            program.registered = 0
            program.workers.clear()
        elif any(text in lower for text in REGISTRATIONS) or (
            any(text in lower for text in WORK) and not program.registered
        ):
            program.start_again()
            program.registered = record.line
            if program.kind == "server" and "workerid" in record.fields:
                program.workers.add(record.fields["workerid"])
        elif program.kind == "server" and lower.startswith(DEPARTURES):
            gone = record.fields.get("workerid", "")
            if gone in program.workers:
                program.workers.remove(gone)
                if not program.workers:
                    program.end(record.line, "lost its last worker")
        elif program.is_over and (
            lower.startswith(ALIVE)
            or (program.cause != "worker-ended" and is_outlived(record, lower))
        ):
            program.go_on()
        for text, how in STOPS.items():
            if lower.startswith(text) and record.fields.get("id") != "unregistered":
                program.end(record.line, how)

    def program(self, record: Record, lower: str) -> Program | None:
        """Return the program that wrote a record, if it is LiveKit's."""
        if record.form == "server":
            kind, runtime = "server", "Go"
        elif record.form == "python":
            kind, runtime = "worker", "Python"
        elif record.form == "node" and any(text in lower for text in NODE):
            kind, runtime = "worker", "Node"
        elif lower.startswith(ANY_FORMAT):
            # Logged through a format of the owner's own.
            kind, runtime = ("server" if "server" in lower else "worker"), "Python"
        else:
            return self.known.get((record.source, "worker")) if record.form == "node" else None
        key = record.source, kind
        if key not in self.known and len(self.known) < 100:
            self.known[key] = Program(kind, record.source, runtime)
        return self.known.get(key)

    def read_prompt(self, record: Record) -> None:
        """Note that a shell prompts again, which had started a program."""
        text = record.text.strip()
        if self.prompt and (text == self.prompt or text.startswith(f"{self.prompt} ")):
            self.end(record.source, record.line, "ended: its shell prompts again", "worker-ended")
            self.prompt = ""
        if found := COMMAND.match(text):
            self.prompt = found["prompt"]

    def read_end(self, source: str, line: int, text: str) -> bool:
        """Note what a shell, a container or a platform says about the end of a program."""
        if not text.strip() or len(text) > END_LIMIT or SPEAKER.match(text):
            return False
        cause, how, name, is_failure, is_sure = "worker-ended", "", "", False, True
        if HEALTH.search(text):
            how, cause = "was ended by the platform, whose health check failed", "health-check"
        elif found := SUPERVISOR.search(text):
            name, code = found["name"], int(found["code"] or 1)
            if "; expected" in text and not OURS.search(name):
                return False
            how = f"ended with {found['signal'] or f'exit code {code}'}"
            cause = "out-of-memory" if found["signal"] == "SIGKILL" else cause_of(code)
            is_failure = code not in REGULAR_EXITS
        elif found := EXIT_CODE.search(text):
            groups = {key: value for key, value in found.groupdict().items() if value}
            name = groups.pop("name", groups.pop("task", ""))
            if app := groups.pop("pm2", ""):
                name = "|".join(reversed(app.split(":")))
            is_sure = not (found["code"] and PROSE.match(text, found.end()))
            code = int(next(iter(groups.values())))
            how = f"ended with exit code {code}"
            cause = cause_of(code)
            is_failure = code not in REGULAR_EXITS
            if text.endswith("via signal [SIGKILL]"):
                how, cause = "was killed", "out-of-memory"
        elif re.match(r"Node\.js v\d+", text):
            how, cause = "ended with an error that nothing caught", "crashed"
        elif KILL.search(text):
            how, cause = "was killed", "out-of-memory"
        elif MEMORY.search(text):
            how, cause = "was killed for using too much memory", "out-of-memory"
        elif NATIVE.search(text) or WINDOWS_CRASH.search(text):
            how, cause = "crashed in native code", "native-crash"
        elif found := DEATH.match(text):
            word = found["what"] or found["what2"]
            what = word.lower()
            how = f"ended: '{word}'"
            if what == "killed":
                cause = "out-of-memory"
            elif what not in ("terminated", "hangup"):
                cause = "native-crash"
        elif (
            SIGNAL.search(text)
            or STOPPED.search(text)
            or (source == "systemd" and text.startswith("Stopped "))
        ):
            how = "was stopped"
        elif found := STOPPED_ONE.match(text):
            name, how = found["container"] or f"{found['id']}|{found['pm2']}", "was stopped"
            # The name of a container begins with that of its project.
            sources = [source for source, _ in self.known if source and name.endswith(f"-{source}")]
            name = next(iter(sources), name)
        if how:
            self.end(source, line, how, cause, name=name, is_failure=is_failure, is_sure=is_sure)
        return bool(how)

    def end(
        self,
        source: str,
        line: int,
        how: str,
        cause: str,
        *,
        name: str = "",
        is_failure: bool = False,
        is_sure: bool = True,
    ) -> None:
        """Note the end of a program, or of all if it is not known which one ended.

        Args:
            source: the program in whose name the line was written.
            name: the program that the line names.
        """
        source = re.sub(r"^heroku\[", "app[", source)  # Heroku says how an app ended
        known = list(self.known.values())
        named = [p for p in known if name and p.source == name]
        named = named or [p for p in known if p.source == source]
        if any(p.source for p in known):
            if not named and (name or source not in BESIDE):
                return  # a program beside the worker
        else:
            is_sure &= not name or bool(OURS.search(name)) or not known
        # One that has ended already is the one that these words are about.
        named = named or [p for p in known if p.is_over] or known
        named = named or ([self.other] if is_sure else [])
        for program in named if is_sure else named[:1]:
            was_over = program.is_over
            if was_over and program.is_sure and not is_sure:
                continue
            program.end(line, how, cause, is_failure=is_failure)
            program.is_sure = is_sure

    def finish(self) -> None:
        """After the last line: a program that printed an exception, and nothing more, has ended."""
        if not self.crash:
            return
        record, error, has_frames = self.crash
        if self.last_header.get(record.source, 0) < record.line:
            how = f"ended with {error}"
            if error.type == "KeyboardInterrupt":
                how = "was stopped with Ctrl-C"
            cause = "crashed" if "Ctrl" not in how else "worker-ended"
            # Code of the user's may print the name of an exception; a crash prints frames, too.
            is_sure = has_frames or not any(p.registered for p in self.known.values())
            self.end(record.source, record.line, how, cause, is_sure=is_sure)

    def ended(self) -> Iterator[Program]:
        known = self.known.values()
        yield from (p for p in known if p.is_over)
        # What ended before a worker registered was that worker before, or a program beside it.
        if self.other.is_over and not any(p.registered > self.other.ended for p in known):
            yield self.other

    def of(self, source: str) -> list[Program]:
        """Return the programs that a line of `source` is about: all if it does not tell."""
        known = list(self.known.values())
        named = [p for p in known if p.source == source]
        return named if named or (source and any(p.source for p in known)) else known

    @property
    def is_running(self) -> bool:
        """Whether a worker was registered at the end, with the log of a worker or of a server."""
        return any(p.registered and not p.is_over for p in self.known.values())


def is_outlived(record: Record, lower: str) -> bool:
    """Whether a worker says something that shows that a process of a job crashed, not its own."""
    # In Python, jobs log through the worker; in Node, they log themselves and may outlive it.
    is_of_job = record.form == "python" and "jobid" in record.fields
    return is_of_job or lower.startswith(OUTLIVED)


def cause_of(code: int) -> str:
    """Return the cause that an exit code shows."""
    if abs(code) in KILLED:
        return "out-of-memory"
    return "native-crash" if abs(code) in CRASHED and code != 4 and code != 6 else "worker-ended"
