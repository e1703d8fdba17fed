"""A table of known log lines and what they mean.

Worker: livekit-agents 1.0 to 1.8. Server: livekit-server 1.9 to 1.13.
"""

from dataclasses import dataclass
from typing import Literal

from livekit_doctor.finding import Finding


@dataclass(frozen=True)
class Verdict:
    """What a known line means.

    Attributes:
        pattern: finds the line. Its group, if any, is an agent's name, for `{agent}` in `seen`.
        source: where the line comes from, and how we know.
        follows: causes that lead to this line; if one was found, this verdict is left out.
        until_registered: whether a worker that registers later has overcome the problem.
    """

    cause: str
    level: Literal["ok", "warning", "problem"]
    pattern: str
    seen: str
    means: str
    advice: str
    source: str
    follows: tuple[str, ...] = ()
    until_registered: bool = False


# Lines that hold a worker's name, as the worker and the server write it.
NAMES = r"(?:registered worker|worker registered|received job request)\b"
NAME = r'"agent_?[Nn]ame":\s*'

MEASURED = "measured with livekit-agents 1.8.9 and 1.0.23"
MEASURED_SERVER = "measured with livekit-server 1.13.5"

# The most decisive cause first: no worker, a worker without jobs, a refused job, a failed job, then
# what is merely odd, then what is normal. A line counts only for the first pattern it matches.
VERDICTS = (
    Verdict(
        "port-taken",
        "problem",
        r"address already in use",
        "A program could not listen on its port, because another one has it.",
        "A worker or server that cannot listen ends at once.",
        "End the other program, or give the worker another port (port=0: any).",
        f"OSError of Python and of Go; {MEASURED}",
    ),
    Verdict(
        "key-refused",
        "problem",
        r"401, message='Invalid response status'"
        r'|error handling request.*"status":\s*401.*"path":\s*"/agent"',
        "The LiveKit server refuses the worker's key or secret (HTTP 401).",
        "The worker cannot register, so no room gets an agent.",
        "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET (.env) to those of the server.",
        f"aiohttp's ws_connect, and the server's service/utils.go; {MEASURED}, {MEASURED_SERVER}",
        until_registered=True,
    ),
    Verdict(
        "server-unreachable",
        "problem",
        r"failed to connect to livekit",
        "The worker cannot reach the LiveKit server.",
        "Nothing listens at LIVEKIT_URL, or its host name is unknown. After 16 tries it gives up.",
        "Start the server, or correct LIVEKIT_URL (.env).",
        f"worker.py, _connection_task; {MEASURED}: refused; 1.8.9: unknown host",
        ("key-refused",),
        until_registered=True,
    ),
    Verdict(
        "worker-failed",
        "problem",
        r"worker failed\b",
        "The worker ended with an exception.",
        "Without a worker, no room gets an agent.",
        "Read the traceback: it follows in the log, or is in the field exc_info.",
        f"cli, _worker_run; {MEASURED}",
        ("port-taken", "key-refused", "server-unreachable"),
    ),
    Verdict(
        "no-such-worker",
        "problem",
        rf'no worker is available.*{NAME}"([^"]*)".*"JT_ROOM"',
        "A room asked for {agent}, and no such worker was registered.",
        "That room gets no agent. A token or dispatch must use the name of a worker.",
        "Ask for a worker's name, or start a worker with this name. Then open a new room.",
        f"server's agent/client.go, LaunchJob; {MEASURED_SERVER}: for rooms that name an agent",
    ),
    Verdict(
        "nobody-answered",
        "problem",
        rf'failed to send job request.*no response from servers.*"JT_ROOM".*{NAME}"([^"]*)"',
        "A room asked for {agent}, and no such worker answered.",
        "Workers were there, but under other names, or without one.",
        "Start a worker with exactly this name (or none), then open a new room.",
        f"psrpc's selectServer; {MEASURED_SERVER}: an unnamed room and a named worker",
    ),
    Verdict(
        "named-worker",
        "warning",
        rf'{NAMES}.*{NAME}"([^"]+)"',
        "A worker is registered as {agent}.",
        "It gets only the rooms that ask for it by that name.",
        "Remove the name from rtc_session or WorkerOptions, and unset LIVEKIT_AGENT_NAME and "
        "LIVEKIT_AGENT_NAME_OVERRIDE. If rooms should ask for it, use --agent-name NAME.",
        f"{MEASURED_SERVER}, and 1.8.9; 1.0.23 logs its name only with a job",
    ),
    Verdict(
        "no-capacity",
        "problem",
        r"no servers available \(received \d+ responses?\)",
        "The LiveKit server passed over all workers, because they were too busy.",
        "It passes over a load of 0.7 or more (agents.target_load), and workers that are full.",
        "Start another worker, or report less than 0.7: load_fnc of AgentServer or WorkerOptions.",
        f"psrpc's selectServer, agentservice.go; {MEASURED_SERVER}: loads 0.8 and 0.95",
    ),
    Verdict(
        "no-answer",
        "problem",
        r"no answer was given inside the job_request_fnc",
        "The request handler ended without accept(), or raised, so the job was rejected.",
        "Only `await request.accept()` accepts a job; `return True` does not.",
        "Remove the request handler (request_fnc, on_request): the SDK's own accepts every job.",
        f"worker.py, _job_request_task; {MEASURED}",
    ),
    Verdict(
        "slow-handler",
        "problem",
        r"assignment for job \S+ timed out"
        r"|failed to (?:assign|send) job .*(?:context deadline exceeded|request timed out)",
        "A worker's answer to a job came too late, or never.",
        "After 3 seconds, the room gets no agent. The cause may also be a frozen worker.",
        "Remove the request handler, or have it call accept() first.",
        f"worker.py, _on_accept; server's AssignJob; {MEASURED}: a handler that takes 4 s",
    ),
    Verdict(
        "all-refused",
        "problem",
        r"no workers with sufficient capacity",
        "Every worker that was asked refused the job.",
        "Their request handlers did not accept it, or they were full.",
        "Look for the reason in the workers' logs.",
        f"agentservice.go, JobRequest; {MEASURED_SERVER}: handlers that return None or raise",
        ("no-answer",),
    ),
    Verdict(
        "no-process",
        "problem",
        r"failed to (?:acquire process for job|launch job on process after)",
        "The worker accepted a job, but had no process for it.",
        "That room gets no agent, and the server thinks that it has one.",
        "Make sure that prewarm is fast and does not raise, and increase num_idle_processes.",
        "ipc/proc_pool.py; 1.5.17 and 1.8.9, read; a prewarm that raises, measured with 1.8.9",
    ),
    Verdict(
        "entrypoint-raised",
        "problem",
        r"unhandled exception while running the job task",
        "The entrypoint of a job raised an exception.",
        "The agent leaves, and LiveKit does not send another.",
        "Read the traceback in the log, and fix the entrypoint.",
        f"ipc/job_proc_lazy_main.py (job.py in 1.3); {MEASURED}",
    ),
    Verdict(
        "memory-limit",
        "problem",
        r"exceeded memory limit, killing",
        "The process of a job was killed: it used more memory than job_memory_limit_mb.",
        "The dead agent stays listed in the room for about 20 seconds, then there is none.",
        "Increase job_memory_limit_mb, or keep less in memory.",
        f"ipc/supervised_proc.py; {MEASURED}",
    ),
    Verdict(
        "job-died",
        "problem",
        r'process exited with non-zero exit code.*"job_id"|job ended.*"JS_FAILED"',
        "The process of a job died.",
        "The dead agent stays listed in the room for about 20 seconds, then there is none.",
        "Look for a crash, or for too little memory: exit code -9 means killed (see dmesg).",
        f"ipc/supervised_proc.py, agent/worker.go; 1.8.9, {MEASURED_SERVER}: os._exit, time.sleep",
        ("memory-limit",),
    ),
    Verdict(
        "unresponsive",
        "warning",
        r"(?:process|executor) is unresponsive",
        "The process of a job did not respond. If it does not recover, it is killed.",
        "Something blocks its event loop: time.sleep, a long computation, synchronous I/O.",
        "Await it, or run it with asyncio.to_thread.",
        "ipc/supervised_proc.py; measured with livekit-agents 1.8.9: time.sleep(100)",
    ),
    Verdict(
        "worker-full",
        "warning",
        r"worker is at full capacity|marking (?:worker )?as unavailable",
        "The worker reported that it is full.",
        "It refuses every room that opens meanwhile, and LiveKit offers a room only once.",
        "Start another worker. With load_threshold=math.inf, a worker is never full.",
        f"worker.py, _update_worker_status; {MEASURED}",
        ("slow-handler", "no-process"),
    ),
    Verdict(
        "slow-start",
        "warning",
        r"error initializing process|timed out waiting for idle processes"
        r"|initialization timed out|spawns failed to initialize",
        "A job process did not start: prewarm raised, or took longer than 10 seconds.",
        "livekit-agents 1.0 does not register until one has started; later releases fail jobs.",
        "Load less in prewarm, or increase initialize_process_timeout.",
        f"ipc/proc_pool.py; {MEASURED}: a prewarm that is slow or raises",
    ),
    Verdict(
        "never-joined",
        "warning",
        r"completed without establishing a connection|room connection was not established",
        "A job did not join its room.",
        "Its entrypoint ended, or ran for 10 seconds, without ctx.connect() or a session.",
        "Call `await ctx.connect()` early in the entrypoint.",
        "ipc/job_proc_lazy_main.py; measured with livekit-agents 1.8.9",
    ),
    Verdict(
        "token-refused",
        "warning",
        r'error handling request.*"status":\s*401',
        "The LiveKit server refused a person's or a program's token (HTTP 401).",
        "It was signed with another key or secret, or has expired. Nobody joins with it.",
        "Give the token backend the server's LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        f"service/utils.go, HandleError; {MEASURED_SERVER}",
    ),
    Verdict(
        "name-in-environment",
        "warning",
        r"agent_name is set to",
        "The environment gives the worker a name: 'agent_name is set to'.",
        "This worker ignores the name. Any other worker would get only rooms that ask for it.",
        "unset LIVEKIT_AGENT_NAME LIVEKIT_AGENT_NAME_OVERRIDE (and remove them from .env)",
        "ignore_names in a baked project's app/dispatch/names.py; the words are the guide's",
    ),
    Verdict(
        "",
        "ok",
        rf'{NAMES}.*{NAME}""',
        "A worker is registered without a name.",
        "That is normal under automatic dispatch: it gets all rooms that ask for no agent by name.",
        "",
        f"{MEASURED}, {MEASURED_SERVER}",
    ),
    Verdict(
        "",
        "ok",
        r'no worker is available.*"JT_P(?:ARTICIPANT|UBLISHER)"',
        "The server found no workers of the types participant and publisher.",
        "A false alarm, which rooms with an agent cause, too: its worker is of the type room.",
        "",
        f"agent/client.go, LaunchJob; {MEASURED_SERVER}",
    ),
    Verdict(
        "",
        "ok",
        r'failed to send job request.*no response from servers.*"jobID"'
        r"|failed sending TerminateJob",
        "The server tried to end a job whose worker had already gone.",
        "A false alarm, in spite of 'failed to send job request': the room was closing.",
        "",
        f"agent/client.go, TerminateJob; {MEASURED_SERVER}",
    ),
)

UNKNOWN = Finding(
    "log",
    "problem",
    "unknown-log",
    "This is not the log of a worker or of a LiveKit server, or it is empty.",
    "A worker logs to standard output, a LiveKit server to standard error.",
    "Save it with your worker's own command: python agent.py start > worker.log 2>&1",
)
NEVER_REGISTERED = Finding(
    "log",
    "problem",
    "never-registered",
    "The log shows a start, but no worker registers.",
    "Without a registered worker, no room gets an agent. The LiveKit server does not log this.",
    "Start a worker with --log-level DEBUG, and give it ten seconds.",
)
