"""What keeps agents away in the code and files of a project. One cause hides those below it.

First the program does not start, then no job comes, then a job is refused.
"""

from livekit_doctor.finding import Cause

MEASURED = "livekit-server 1.13.5 with livekit-agents 1.8.9 and 1.0.23"
EXTRACTED = "the wheels of livekit-agents 1.0.23 and of the last release of each minor"
NAMED = (
    "LiveKit sends a named worker only to rooms that ask for exactly this name, in a token's room "
    "configuration, a dispatch rule or a dispatch by the API.",
    "If every room should get the agent, remove the name. Otherwise let the token ask for it: "
    "RoomAgentDispatch in its RoomConfiguration.",
    MEASURED,
)
ASKED = (
    "The room gets only a worker that is registered under exactly this name (case matters), and "
    "never one without a name.",
    "Give worker and dispatch the same name. Or remove it from both, and every new room gets the "
    "agent.",
    MEASURED,
)
NO_AGENT_AVAILABLE = ("not dispatching agent job since no worker is available",)
REFUSED = (
    "A job that is not accepted within 3 seconds is refused, and its room gets no agent.",
    "Remove the argument request_fnc or on_request (requestFunc in Node): the SDK's own handler "
    "accepts every job. Or begin the handler with await request.accept().",
    MEASURED,
)
NO_ANSWER = (
    "no answer was given inside the job_request_fnc, automatically rejecting the job",
    "no answer was given inside the requestFunc",
)
MODEL_FILES = (
    "Could not find model livekit/turn-detector with revision",
    "Make sure you have downloaded the model before running the agent",
    "inference process initialization failed",
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "syntax-error",
        "A Python file of the project does not parse.",
        "Python does not run it, so the worker does not start, or not with this module.",
        "Correct the line.",
        "Python 3.11 to 3.14",
        ("SyntaxError: invalid syntax", "IndentationError: unexpected indent"),
    ),
    Cause(
        "encoding",
        "A file is saved as UTF-16, which its program cannot read.",
        "Python, python-dotenv and Node read UTF-8. Windows PowerShell 5.1 writes UTF-16 with > "
        "and Out-File.",
        "Save the file as UTF-8, without a byte order mark.",
        "Python 3.11, python-dotenv 1.2",
        (
            "SyntaxError: source code cannot contain null bytes",
            "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0",
        ),
        "Get-Content FILE | Set-Content -Encoding utf8NoBOM FILE.new  # PowerShell 7",
    ),
    Cause(
        "old-api",
        "The code is written for livekit-agents 0.x.",
        "livekit-agents 1.0 replaced VoicePipelineAgent, VoiceAssistant and MultimodalAgent with "
        "AgentSession and Agent, so the import fails and the worker does not start.",
        "Follow the migration guide (docs.livekit.io/agents, v0 migration), or require "
        "livekit-agents~=0.12.",
        EXTRACTED,
        (
            "ImportError: cannot import name 'multimodal' from 'livekit.agents'",
            "ModuleNotFoundError: No module named 'livekit.agents.pipeline'",
            "ModuleNotFoundError: No module named 'livekit.agents.voice_assistant'",
        ),
    ),
    Cause(
        "missing-name",
        "The code uses a name that this release of livekit-agents does not have.",
        "The import or the access raises, so the worker does not start, or the job ends at once.",
        "Require a release that has the name, or use what this release has.",
        EXTRACTED,
        (
            "ImportError: cannot import name 'AgentServer' from 'livekit.agents'",
            "AttributeError: module 'livekit.agents' has no attribute",
        ),
    ),
    Cause(
        "import-failed",
        "The program cannot import its own modules, or LiveKit's.",
        "The import raises, so the worker does not start.",
        "Start a package with python -m, such as python -m app.worker start. Rename a file of your "
        "own that is called livekit.",
        "Python",
        (
            "ImportError: attempted relative import with no known parent package",
            "ModuleNotFoundError: No module named 'livekit.agents'; 'livekit' is not a package",
        ),
    ),
    Cause(
        "missing-plugin",
        "The code imports a plugin that the project does not install.",
        "The import fails, and the worker does not start.",
        "Add the plugin to the requirements.",
        EXTRACTED,
        (
            "ModuleNotFoundError: No module named 'livekit.plugins",
            "ImportError: cannot import name 'openai' from 'livekit.plugins'",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@livekit/agents-plugin-",
        ),
    ),
    Cause(
        "unknown-option",
        "A call has an argument that this release does not take, or lacks one.",
        "Python raises TypeError: the worker does not start, or the job ends at once. JavaScript "
        "ignores the argument.",
        "Remove the argument, or pass it where this release takes it.",
        EXTRACTED,
        (
            "TypeError: AgentServer.__init__() got an unexpected keyword argument 'entrypoint_fnc'",
            "TypeError: WorkerOptions.__init__() missing 1 required positional argument",
        ),
    ),
    Cause(
        "two-sessions",
        "Two functions are registered with one AgentServer.",
        "The second rtc_session raises RuntimeError, so the worker does not start.",
        "Keep one, and decide in it what to do. Or write a second worker, with another name.",
        "livekit-agents 1.8.9, worker.py",
        ("The AgentServer currently only supports registering only one rtc_session",),
    ),
    Cause(
        "no-session",
        "An AgentServer has no rtc_session.",
        "It has nothing to run for a job, so it raises RuntimeError and ends.",
        "Put @server.rtc_session() above the entrypoint.",
        "livekit-agents 1.8.9, worker.py",
        ("No RTC session entrypoint has been registered.",),
    ),
    Cause(
        "no-entry",
        "A worker of Node has no agent to run.",
        "The process of each job imports the agent's file and calls entry() of its default export, "
        "so each job ends with an error.",
        "export default defineAgent({ entry: async (ctx) => { … } })",
        "the source of @livekit/agents, ipc/job_proc_lazy_main.ts",
        ("Unable to load agent: Missing or invalid default export in",),
    ),
    Cause(
        "entrypoint-called",
        "The worker gets a function's result where it needs the function.",
        "A coroutine is made once, when the worker starts, and no job can run it. If the function "
        "takes ctx, the program ends at once.",
        "Leave out the parentheses: entrypoint_fnc=entrypoint.",
        "livekit-agents 1.8.9",
        (
            "TypeError: entrypoint() missing 1 required positional argument: 'ctx'",
            "TypeError: cannot pickle 'coroutine' object",
        ),
    ),
    Cause(
        "entrypoint-plain-def",
        "The entrypoint of a job is not async.",
        "The SDK awaits what it returns, so each job ends with a TypeError, and its agent leaves.",
        "Write async def.",
        "livekit-agents 1.8.9 and 1.0.23, ipc/job_proc_lazy_main.py",
        ("TypeError: object NoneType can't be used in 'await' expression",),
    ),
    Cause(
        "not-run",
        "The code never runs the worker.",
        "The program ends at once, so no worker registers.",
        'Call cli.run_app(…) under if __name__ == "__main__":',
        "Python",
        ("RuntimeWarning: coroutine 'Worker.run' was never awaited",),
    ),
    Cause(
        "no-subcommand",
        "A command starts the worker without `start`.",
        "The worker prints its usage and ends, so no worker registers.",
        "Add start: python worker.py start",
        MEASURED,
        ("Usage: worker.py [OPTIONS] COMMAND [ARGS]...", "error: Missing command."),
    ),
    Cause(
        "wrong-subcommand",
        "A command starts the worker in a mode that serves no rooms.",
        "`console` talks to the terminal, `connect` joins one room, and `download-files` ends.",
        "Use start: python worker.py start",
        MEASURED,
    ),
    Cause(
        "worker-not-started",
        "The image or the process list starts other programs, but not the worker.",
        "Without a worker, no room gets an agent.",
        "Start the worker, too: python worker.py start, in a container of its own.",
        "Docker",
    ),
    Cause(
        "model-files-missing",
        "The image does not hold the model files that a plugin needs.",
        "The plugin raises when it starts, and the worker ends or refuses jobs.",
        "Run download-files while building the image: RUN python worker.py download-files",
        "livekit-agents 1.8.9 with livekit-plugins-turn-detector, and 1.3 from its log",
        MODEL_FILES,
    ),
    Cause(
        "model-files-elsewhere",
        "The image holds model files, but not where the worker looks for them.",
        "download-files saves them in the home of the user who runs it, and in that stage only. "
        "The worker runs as another user, or in another stage.",
        "Run download-files after USER, in the last stage. Or set HF_HOME to a folder that both "
        "have, and copy it.",
        "huggingface_hub, and Docker",
        MODEL_FILES,
    ),
    Cause(
        "port-taken",
        "Several workers share one port.",
        "With `start`, each worker listens on port 8081, so the second one ends at once.",
        "Give each its own port: port=0 (any) in WorkerOptions or AgentServer.",
        MEASURED,
        ("OSError: [Errno 98] error while attempting to bind on address",),
    ),
    Cause("named-worker", "A worker has a name, and nothing asks for it.", *NAMED),
    Cause(
        "named-by-environment",
        "The environment gives a worker a name, and nothing asks for it.",
        *NAMED,
        command="unset LIVEKIT_AGENT_NAME LIVEKIT_AGENT_NAME_OVERRIDE",
    ),
    Cause("named-by-livekit-toml", "livekit.toml gives a worker a name.", *NAMED),
    Cause(
        "agent-id",
        "Something asks for an agent by its id, which is not its name.",
        "Ids such as CA_… (an agent of LiveKit Cloud), AW_… (a worker) or AJ_… (a job) name no "
        "worker, so the room gets no agent.",
        "Ask for the agent_name of the worker. If it has none, ask for nothing.",
        MEASURED,
        NO_AGENT_AVAILABLE,
    ),
    Cause("names-differ", "Worker and dispatch have different names.", *ASKED, NO_AGENT_AVAILABLE),
    Cause("names-an-agent", "A room asks for a name, and the worker has none.", *ASKED),
    Cause("asked-elsewhere", "A room asks for a worker that is not in this project.", *ASKED),
    Cause(
        "always-full",
        "The worker always reports that it is full.",
        "LiveKit gives no room to a full worker, and offers a room only once, so the room never "
        "gets an agent.",
        "Remove this argument.",
        MEASURED,
        ("worker is at full capacity, marking as unavailable",),
    ),
    Cause("request-plain-def", "A request handler is not async.", *REFUSED, NO_ANSWER),
    Cause("request-not-awaited", "A request handler does not await accept().", *REFUSED, NO_ANSWER),
    Cause("request-arguments", "accept() gets arguments that it does not take.", *REFUSED),
    Cause(
        "request-unanswered", "A request handler may end without an answer.", *REFUSED, NO_ANSWER
    ),
    Cause("request-raises", "A request handler raises before it answers.", *REFUSED, NO_ANSWER),
    Cause("request-slow", "A request handler may answer too late.", *REFUSED),
    Cause("request-rejects", "A request handler rejects every job.", *REFUSED),
    Cause(
        "idle-processes",
        "The worker keeps a single idle process.",
        "With livekit-agents 1.4 or later and `start`, if two rooms open at once, one may "
        "never get an agent.",
        "Remove this argument, or set it to 4.",
        "livekit-server 1.13.5 with livekit-agents 1.8.9: 4 of 10 rooms",
    ),
    Cause(
        "no-main-guard",
        "The worker is started when its file is imported.",
        "The SDK imports this file in job processes. There, the call starts a second worker, which "
        "outlives the first.",
        'Put the call under if __name__ == "__main__":',
        "livekit-agents 1.8.9",
    ),
    Cause(
        "dev-in-production",
        "A deployed worker runs with `dev`.",
        "It ends at once when it is told to stop, in the middle of conversations. Older releases "
        "also watch their files, and restart when one changes.",
        "Use start: python worker.py start",
        MEASURED,
    ),
    Cause(
        "name-in-metadata",
        "The metadata of a room or participant holds an agent's name.",
        "LiveKit does not read metadata, so this dispatches no agent. But other code may wait for "
        "that agent, or ask for a name that no worker has.",
        "Remove the name from the metadata.",
        MEASURED,
    ),
    Cause(
        "unreadable",
        "Something could not be read, so it was not checked.",
        "It was not checked.",
        "Check it yourself, or make it readable: save the file as UTF-8, pass only the worker's "
        "folder, or write hidden options out.",
        "livekit-doctor",
    ),
)
BY_ID = {cause.id: cause for cause in CAUSES}
ORDER = {cause.id: number for number, cause in enumerate(CAUSES)}
