"""What a log can show to be wrong. docs/causes.md is made from this."""

from livekit_doctor.finding import Cause

PYTHON = "livekit-agents 1.8.9 and 1.0.23"
NODE = "@livekit/agents 1.9.0"
SERVER = "livekit-server 1.13.5"
BOTH = f"{PYTHON}, {NODE}"
READ = "Not measured: the words are the program's own."

NOT_STARTED = "The program ends before it can register as a worker, so no room gets an agent."
NOT_REGISTERED = "The worker cannot register, so no room gets an agent."
JOB_LOST = "The room of this job has no agent, and LiveKit offers a room only once."

# In the order in which they are listed and reported.
CAUSES = (
    # The log itself.
    Cause(
        "empty-log",
        "The log is empty",
        "The program has not written anything, or its output went somewhere else. A worker logs to "
        "standard error or standard output.",
        "Save both outputs, and run the worker's own command, such as `start`.",
        "Empty files.",
        command="python agent.py start > worker.log 2>&1",
    ),
    Cause(
        "unknown-log",
        "This is not the log of a worker or of a LiveKit server",
        "Nothing in it was written by livekit-agents, @livekit/agents or livekit-server. LiveKit's "
        "services for SIP, egress and ingress do not dispatch agents, and are not read.",
        "Save the output of the worker itself, from its start on.",
        "Logs of other programs.",
        command="python agent.py start > worker.log 2>&1",
    ),
    Cause(
        "no-evidence",
        "This part of a log does not show whether a worker registered",
        "There are lines of LiveKit's programs, but neither a start nor a registration.",
        "Read the log from the start of the worker on.",
        f"{BOTH}.",
    ),
    Cause(
        "cut-off",
        "The log ends in the middle of a line",
        "What came next is missing, for instance because the disk was full, the copy was made "
        "while the program wrote, or a log collector has a limit.",
        "Get the rest of the log.",
        f"{BOTH}.",
    ),
    # Programs that end before they log anything.
    Cause(
        "port-taken",
        "A program could not listen on its port, because another one has it",
        "A worker or a server that cannot listen ends at once.",
        "End the other program, or give the worker another port (port=0: any).",
        f"{BOTH}, {SERVER}.",
        (
            "[Errno 98] error while attempting to bind on address: address already in use",
            "Error: listen EADDRINUSE: address already in use",
            "listen tcp :7880: bind: address already in use",
        ),
    ),
    Cause(
        "native-library",
        "A native library does not load on this system",
        "It is missing, or was built for another system: musl (Alpine) for glibc (Debian), ARM for "
        f"x86, an older distribution. {NOT_STARTED}",
        "Use an image with glibc, such as python:3.13-slim or node:22-slim, of the machine's own "
        "architecture, and install the library that is named.",
        READ,
        (
            "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory",
            "version `GLIBC_2.38' not found",
            "Error loading shared library ld-linux-x86-64.so.2",
            "exec format error",
        ),
    ),
    Cause(
        "missing-plugin",
        "A LiveKit plugin is not installed",
        NOT_STARTED,
        "Install the plugin where the worker runs, also in its image.",
        f"{BOTH}.",
        (
            "ModuleNotFoundError: No module named 'livekit.plugins.openai'",
            "ImportError: cannot import name 'openai' from 'livekit.plugins' (unknown location)",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@livekit/agents-plugin-openai'",
        ),
        "uv add livekit-plugins-NAME",
    ),
    Cause(
        "sdk-missing",
        "LiveKit's SDK for agents is not installed in this environment",
        "The program runs with another Python or Node than the one with the packages, or a file "
        f"named livekit.py hides the package. {NOT_STARTED}",
        "Run the worker in the environment of the project: `uv run`, or its venv.",
        f"{BOTH}.",
        (
            "ModuleNotFoundError: No module named 'livekit'",
            "ModuleNotFoundError: No module named 'livekit.agents'",
            "Cannot find package '@livekit/agents'",
        ),
        "uv add livekit-agents",
    ),
    Cause(
        "old-api",
        "The code was written for livekit-agents 0.x, and release 1.x is installed",
        "Release 1.0 replaced VoicePipelineAgent, VoiceAssistant and MultimodalAgent with "
        f"AgentSession. {NOT_STARTED}",
        "Move to AgentSession (https://docs.livekit.io/agents/start/v0-migration/), or pin "
        "livekit-agents below 1.0.",
        "livekit-agents 1.8.9.",
        (
            "ImportError: cannot import name 'multimodal' from 'livekit.agents'",
            "ModuleNotFoundError: No module named 'livekit.agents.pipeline'",
        ),
        'uv add "livekit-agents<1"',
    ),
    Cause(
        "missing-name",
        "The installed release of LiveKit's packages does not have what the code uses",
        f"The code was written for another release. {NOT_STARTED}",
        "Install the release that the code was written for, and commit the lock file, so that "
        "every "
        "machine gets the same.",
        f"{BOTH}.",
        (
            "ImportError: cannot import name 'AgentServer' from 'livekit.agents'",
            "AttributeError: module 'livekit.agents' has no attribute 'ServerOptions'",
            "The requested module '@livekit/agents' does not provide an export named 'AgentServer'",
        ),
        "uv add --upgrade-package livekit-agents livekit-agents",
    ),
    Cause(
        "unknown-option",
        "The code gives a function or class an argument that it does not have",
        "Arguments differ between the releases, and between WorkerOptions, AgentServer and "
        f"rtc_session. {NOT_STARTED}",
        "Remove the argument, or install the release that has it.",
        f"{PYTHON}.",
        (
            "TypeError: AgentServer.__init__() got an unexpected keyword argument 'entrypoint_fnc'",
            "TypeError: WorkerOptions.__init__() missing 1 required positional argument",
        ),
    ),
    Cause(
        "syntax-error",
        "The code does not parse",
        f"It was written for another version of Python or Node, or has a mistake. {NOT_STARTED}",
        'Correct the line that is named. For Node\'s `import`, set "type": "module" in '
        "package.json.",
        "Python 3.11, Node 20.",
        (
            "SyntaxError: invalid syntax",
            "IndentationError: unexpected indent",
            "SyntaxError: Cannot use import statement outside a module",
        ),
    ),
    Cause(
        "settings-missing",
        "A setting is missing: the program did not find it in its environment",
        f"A `.env` file counts only if the program loads it, from its own folder. {NOT_STARTED}",
        "Set it in the environment or in the .env file of the worker.",
        f"{BOTH}.",
        (
            "ValueError: ws_url is required, or set LIVEKIT_URL environment variable",
            "ValueError: api_key is required, or set LIVEKIT_API_KEY environment variable",
            "MissingCredentialsError: API Key is required: Set LIVEKIT_API_KEY",
            "KeyError: 'LIVEKIT_URL'",
        ),
    ),
    Cause(
        "settings-invalid",
        "A setting has a value that the program refuses",
        NOT_STARTED,
        "Correct it in the environment or in the .env file of the worker.",
        f"{BOTH}, and the workers of this template.",
        (
            "LIVEKIT_API_SECRET is too short: 32 or more characters",
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings",
        ),
    ),
    Cause(
        "provider-key-missing",
        "The key of a provider of speech or language models is missing",
        "The plugin of the provider raises an exception: the worker does not start, or its jobs "
        "fail.",
        "Set it in the environment or in the .env file of the worker.",
        READ,
        (
            "The api_key client option must be set either by passing api_key to the client or by "
            "setting the OPENAI_API_KEY environment variable",
            "Deepgram API key is required",
        ),
    ),
    Cause(
        "usage",
        "The program only explained how to call it: its command is missing or unknown",
        "A worker needs a command: `start`, or `dev` for development. Without one it prints its "
        "usage and ends. So does a program whose option does not exist.",
        "Add the command, in CMD of a Dockerfile, `command:` or a Procfile, too.",
        f"{BOTH}, {SERVER}.",
        (
            "Usage: agent.py [OPTIONS] COMMAND [ARGS]...",
            "Error: No such command 'strat'.",
            "error: unknown option '--x'",
            "usage: agent.py [-h]",
        ),
    ),
    Cause(
        "console-mode",
        "The worker was started in the console",
        "`console` lets you talk to the agent in a terminal. It does not register, so no room gets "
        "an agent.",
        "For rooms, start it with `start`, or with `dev` for development.",
        "livekit-agents 1.8.9.",
        ("Livekit Agents - Console", "Starting console mode"),
        command="python agent.py start",
    ),
    Cause(
        "build-failed",
        "Packages could not be installed, or an image could not be built",
        "There is no program to start, or only an older one.",
        "Read the first error of the build. The installed Python or Node may be too old, or the "
        "lock file may not match the requirements.",
        READ,
        (
            'process "/bin/sh -c uv sync" did not complete successfully: exit code: 2',
            "No matching distribution found for",
            "No solution found when resolving dependencies",
            "npm error code ERESOLVE",
        ),
    ),
    Cause(
        "no-such-file",
        "The command names a program or a file that does not exist there",
        NOT_STARTED,
        "Correct the path: it is relative to the folder (WORKDIR) in which the command runs. For "
        "Node, build first.",
        "Python 3.11, Node 20.",
        (
            "python: can't open file '/app/agent.py': [Errno 2] No such file or directory",
            "Error: Cannot find module '/app/dist/agent.js'",
            'exec: "uv": executable file not found in $PATH',
        ),
    ),
    Cause(
        "module-missing",
        "A package or module that the code imports is not installed",
        NOT_STARTED,
        "Install it in the environment of the worker, also in its image.",
        "Python 3.11, Node 20.",
        (
            "ModuleNotFoundError: No module named 'dotenv'",
            "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'dotenv'",
        ),
    ),
    Cause(
        "import-failed",
        "An import fails",
        "A module exists, but not the name that the code imports from it: another release, a file "
        f"with the name of a package, or modules that import each other. {NOT_STARTED}",
        "Compare the installed release with the code, and look for a file of your own with the "
        "name of the package.",
        "Python 3.11, Node 20.",
        ("ImportError: cannot import name", "(most likely due to a circular import)"),
    ),
    Cause(
        "server-config",
        "The LiveKit server refuses its configuration",
        "It does not start, so no worker can register and nobody can join.",
        "Correct the file that --config names, or LIVEKIT_CONFIG.",
        f"{SERVER}.",
        (
            "could not parse config: yaml",
            "one of key-file or keys must be provided",
            "secret is too short, should be at least 32 characters for security",
        ),
    ),
    Cause(
        "redis-unreachable",
        "The LiveKit server cannot reach its Redis",
        "It does not start, so no worker can register and nobody can join.",
        "Start Redis, or correct redis.address in its configuration. A single server needs none.",
        f"{SERVER}.",
        ("unable to connect to redis: dial tcp: connect: connection refused",),
    ),
    # The connection of a worker to the server.
    Cause(
        "key-refused",
        "The LiveKit server refuses the worker's key or secret (HTTP 401)",
        NOT_REGISTERED,
        "Set LIVEKIT_API_KEY and LIVEKIT_API_SECRET (.env) to those of the server.",
        f"{BOTH}, {SERVER}.",
        (
            "401, message='Invalid response status', url='ws://127.0.0.1:7880/agent'",
            "Unexpected server response: 401",
        ),
    ),
    Cause(
        "certificate",
        "The TLS certificate of the server is not trusted",
        "It is signed by itself or by an unknown authority (such as a company's TLS inspection), "
        f"has expired, or is for another host. {NOT_REGISTERED}",
        "Renew or replace the certificate. To trust another authority, set SSL_CERT_FILE (Python) "
        "or NODE_EXTRA_CA_CERTS (Node) to its file. In an image without certificates, install "
        "ca-certificates.",
        f"{BOTH}: self-signed, another host, with real certificates.",
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate",
            "certificate verify failed: unable to get local issuer certificate",
            "Hostname/IP does not match certificate's altnames",
            "invalid peer certificate: UnknownIssuer",
        ),
        "export SSL_CERT_FILE=/path/to/ca.pem NODE_EXTRA_CA_CERTS=/path/to/ca.pem",
    ),
    Cause(
        "tls-mismatch",
        "One side speaks TLS and the other does not",
        f"wss:// was used for a port without TLS, or ws:// for one with TLS. {NOT_REGISTERED}",
        "Correct LIVEKIT_URL (.env): ws:// for a port without TLS, which is 7880 by default; "
        "wss:// "
        "for LiveKit Cloud and for a reverse proxy with a certificate.",
        f"{BOTH}.",
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "write EPROTO"),
    ),
    Cause(
        "proxy",
        "A proxy between the worker and the LiveKit server does not let it through",
        "livekit-agents uses HTTPS_PROXY and HTTP_PROXY for its connection, and ignores NO_PROXY. "
        f"{NOT_REGISTERED}",
        "Unset HTTPS_PROXY and HTTP_PROXY (both also in lower case) for the worker, give it "
        "http_proxy=None, or correct the proxy and its password.",
        "livekit-agents 1.8.9 and 1.0.23: a proxy that is down, and one that answers 407.",
        (
            "407, message='Proxy Authentication Required'",
            "ClientHttpProxyError",
            "Cannot connect to host 127.0.0.1:3128 ssl:default",
        ),
        "env -u HTTPS_PROXY -u HTTP_PROXY -u https_proxy -u http_proxy python agent.py start",
    ),
    Cause(
        "forbidden",
        "The connection is forbidden (HTTP 403)",
        "A firewall, a reverse proxy or LiveKit Cloud refuses it, whatever the key. "
        f"{NOT_REGISTERED}",
        "Look at what stands before the server: allowed addresses, a web application firewall, the "
        "state of the project in LiveKit Cloud.",
        f"{BOTH}: an HTTP server that answers 403.",
        ("403, message='Invalid response status'", "Unexpected server response: 403"),
    ),
    Cause(
        "not-livekit",
        "What answers at LIVEKIT_URL is not a LiveKit server, or not for workers",
        "It answered with a page, a redirect or 404 instead of a WebSocket at /agent. "
        f"{NOT_REGISTERED}",
        "Correct LIVEKIT_URL (.env), without a path. A reverse proxy must forward /agent, with "
        "WebSocket, as well as /rtc and /twirp.",
        f"{BOTH}: HTTP servers that answer 200, 301 and 404.",
        ("404, message='Invalid response status'", "Unexpected server response: 404"),
    ),
    Cause(
        "rate-limit",
        "The server asks for fewer connections (HTTP 429)",
        f"A limit of LiveKit Cloud or of a reverse proxy was reached. {NOT_REGISTERED}",
        "Wait, run fewer workers, or raise the limit of the project.",
        f"{BOTH}: an HTTP server that answers 429.",
        ("429, message='Invalid response status'", "Unexpected server response: 429"),
    ),
    Cause(
        "gateway",
        "A reverse proxy or load balancer answers, but the LiveKit server behind it does not",
        f"{NOT_REGISTERED}",
        "Start the server behind it, and correct the address that it forwards to.",
        f"{BOTH}: HTTP servers that answer 500, 502 and 503.",
        ("502, message='Invalid response status'", "Unexpected server response: 502"),
    ),
    Cause(
        "hang-up",
        "What listens at LIVEKIT_URL ends the connection without an answer",
        "It speaks another protocol (TLS where the worker uses none), is not LiveKit, or something "
        f"between cuts the connection. {NOT_REGISTERED}",
        "Compare LIVEKIT_URL (.env) with the server: ws:// or wss://, host and port.",
        f"{BOTH}.",
        ("Server disconnected", "socket hang up", "read ECONNRESET", "Connection reset by peer"),
    ),
    Cause(
        "unknown-host",
        "The host name in LIVEKIT_URL is unknown",
        f"Its name cannot be resolved from where the worker runs. {NOT_REGISTERED}",
        "Correct LIVEKIT_URL (.env). In a container, use the service's name, and give it DNS.",
        f"{BOTH}.",
        (
            "Cannot connect to host nowhere.invalid:443 [Name or service not known]",
            "getaddrinfo ENOTFOUND",
            "Temporary failure in name resolution",
        ),
    ),
    Cause(
        "timeout",
        "The LiveKit server does not answer in time, or there is no route to it",
        f"A firewall or a missing route drops the packets. {NOT_REGISTERED}",
        "Allow outgoing connections to the host and port of LIVEKIT_URL.",
        READ,
        ("Connection timeout to host", "connect ETIMEDOUT", "Network is unreachable"),
    ),
    Cause(
        "url-invalid",
        "LIVEKIT_URL is not a valid URL",
        NOT_REGISTERED,
        "Write it as ws://HOST:PORT or wss://HOST, without spaces and quotes.",
        f"{BOTH}.",
        ("InvalidUrlClientError", "NonHttpUrlClientError", "SyntaxError: Invalid URL"),
    ),
    Cause(
        "connection-lost",
        "The worker lost its connection to the LiveKit server",
        "Rooms that opened meanwhile have no agent: LiveKit offers a room only once.",
        "Find out why: a restart of the server, the network, or a proxy that ends idle "
        "connections.",
        f"{BOTH}: a server that was killed.",
        ("worker connection closed unexpectedly",),
    ),
    Cause(
        "server-unreachable",
        "The worker cannot reach the LiveKit server",
        "Nothing listens there. If host and port are not those of LIVEKIT_URL, they are a proxy's "
        "(HTTPS_PROXY, HTTP_PROXY). After 16 tries (Node: 10) the worker gives up.",
        "Start the server, or correct LIVEKIT_URL (.env). In a container, 127.0.0.1 is the "
        "container itself.",
        f"{BOTH}.",
        (
            "failed to connect to livekit, retrying in 2s",
            "failed to connect to LiveKit server",
            "connect ECONNREFUSED 127.0.0.1:7880",
            "failed to connect to livekit after 16 attempts",
        ),
    ),
    # What keeps a worker or a job from starting, although the code is right.
    Cause(
        "model-files-denied",
        "The files of a model cannot be read by the user of the worker",
        "They were downloaded by another user (root, in the image), or their folder cannot be "
        "written.",
        "Run download-files as the user that runs the worker, and set HF_HOME to a folder of its "
        "own.",
        "livekit-plugins-turn-detector 1.8.9.",
        ("PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface'",),
        "python agent.py download-files",
    ),
    Cause(
        "model-files-missing",
        "The files of a model were not downloaded",
        "The turn detector and other plugins load models that `download-files` fetches: in an "
        "image, while it is built, and as the user who runs the worker.",
        "Run download-files, also in the Dockerfile, after USER and with the same HF_HOME.",
        "livekit-plugins-turn-detector 1.8.9.",
        (
            "Could not find model livekit/turn-detector with revision",
            'Could not find file "model_q8.onnx". Make sure you have downloaded the model before '
            "running the agent",
            "failed to initialize multilingual EOU turn detector: Required model files not found "
            "locally",
            "File not found in cache",
        ),
        "python agent.py download-files",
    ),
    Cause(
        "runner-timeout",
        "The process that runs models did not start, or took too long",
        "A turn detector needs its own process. On a slow or small machine, loading takes too "
        "long; the worker then ends, or has no turn detection.",
        "Give the worker more processor and memory (4 cores, 8 GB), and download the files of the "
        "models beforehand.",
        "livekit-agents 1.8.9.",
        (
            "Error: runner initialization timed out",
            "RuntimeError: inference process initialization failed",
            "error initializing inference runner",
        ),
    ),
    Cause(
        "worker-failed",
        "The worker ended with an exception",
        "Without a worker, no room gets an agent.",
        "Read the traceback: it follows in the log, or is in the field exc_info.",
        f"{BOTH}.",
        ("worker failed", "closing worker due to error."),
    ),
    Cause(
        "media-blocked",
        "A job reached the LiveKit server, but no media connection came about",
        f"UDP and TCP ports for WebRTC are blocked, or the server announces an address that the "
        f"worker cannot reach. {JOB_LOST}",
        "Open UDP 50000-60000 and TCP 7881 of the server, set rtc.node_ip or use_external_ip, or "
        "use TURN. For LiveKit Cloud, allow outgoing UDP and TCP 443.",
        "livekit-agents 1.8.9: closed ports.",
        (
            "engine: connection error: wait_pc_connection timed out",
            "could not establish pc connection",
        ),
    ),
    Cause(
        "signal-failure",
        "A job could not connect to its room",
        f"The worker itself is connected, but its jobs use another library, which also asks "
        f"http_proxy and has certificates of its own. {JOB_LOST}",
        "Compare the reason that is named with the network of the worker: proxy, DNS, "
        "certificates.",
        "livekit-agents 1.8.9.",
        ("engine: signal failure", "livekit.rtc.room.ConnectError"),
    ),
    # Jobs that get no worker.
    Cause(
        "no-such-worker",
        "A room asked for an agent by name, and no such worker was registered",
        "That room gets no agent. A token or dispatch must use the name of a worker (an id such as "
        "CA_… is not a name).",
        "Ask for a worker's name, or start a worker with this name. Then open a new room.",
        f"{SERVER}: for rooms that name an agent.",
        ("not dispatching agent job since no worker is available",),
    ),
    Cause(
        "nobody-answered",
        "A room asked for an agent, and no such worker answered",
        "Workers were there, but under other names, or without one.",
        "Start a worker with exactly this name (or none), then open a new room.",
        f"{SERVER}: an unnamed room and a named worker.",
        ("failed to send job request", "no response from servers"),
    ),
    Cause(
        "named-worker",
        "A worker is registered under a name",
        "It gets only the rooms that ask for it by that name.",
        "Remove the name from rtc_session or WorkerOptions, and unset LIVEKIT_AGENT_NAME and "
        "LIVEKIT_AGENT_NAME_OVERRIDE. If rooms should ask for it, use --agent-name NAME.",
        f"{SERVER}, livekit-agents 1.8.9, {NODE}; 1.0.23 logs its name only with a job.",
        ('registered worker {"agent_name": "my-agent"}',),
        "unset LIVEKIT_AGENT_NAME LIVEKIT_AGENT_NAME_OVERRIDE",
    ),
    Cause(
        "unnamed-worker",
        "A worker is registered without the name that it should have",
        "Rooms that ask for the name get no agent. It gets the rooms that ask for none.",
        "Give it the name: agent_name of rtc_session (WorkerOptions before 1.3), or "
        "LIVEKIT_AGENT_NAME. If no room asks for a name, leave out --agent-name.",
        f"{SERVER}, livekit-agents 1.8.9, {NODE}.",
        ('registered worker {"agent_name": ""}',),
    ),
    Cause(
        "no-capacity",
        "The LiveKit server passed over all workers, because they were too busy",
        "It passes over a load of 0.7 or more (agents.target_load), and workers that are full.",
        "Start another worker, or report less than 0.7: load_fnc of AgentServer or WorkerOptions.",
        f"{SERVER}: loads 0.8 and 0.95.",
        ("no servers available (received 1 responses)",),
    ),
    Cause(
        "no-answer",
        "The request handler ended without an answer, so the job was rejected",
        "It returned, or raised, without accept(). Only `await request.accept()` accepts a job; "
        "`return True` does not.",
        "Remove the request handler (request_fnc, on_request, requestFunc): the SDK's own accepts "
        "every job.",
        f"{BOTH}.",
        (
            "no answer was given inside the job_request_fnc, automatically rejecting the job",
            "no answer was given inside the jobRequestFunc, automatically rejecting the job",
            "jobRequestFunc failed",
        ),
    ),
    Cause(
        "slow-handler",
        "A worker's answer to a job came too late, or never",
        "After 3 seconds, the room gets no agent. The cause may also be a frozen worker.",
        "Remove the request handler, or have it call accept() first.",
        f"{PYTHON}, {SERVER}: a handler that takes 4 s.",
        ("assignment for job AJ_… timed out", "failed to assign job to worker"),
    ),
    Cause(
        "all-refused",
        "Every worker that was asked refused the job",
        "Their request handlers did not accept it, or they were full.",
        "Look for the reason in the workers' logs.",
        f"{SERVER}: handlers that return None or raise.",
        ("no workers with sufficient capacity",),
    ),
    # Jobs that fail.
    Cause(
        "no-process",
        "The worker accepted a job, but had no process for it",
        "That room gets no agent, and the server thinks that it has one.",
        "Make sure that prewarm is fast and does not raise, and increase num_idle_processes.",
        "livekit-agents 1.5.17 and 1.8.9, read; a prewarm that raises, measured with 1.8.9.",
        ("failed to acquire process for job after 3 attempts", "error launching job"),
    ),
    Cause(
        "provider-refused",
        "A provider of speech or language models refuses the key, or its quota is used up",
        "The agent is in the room, but cannot hear, think or speak.",
        "Check the key, the account and its limits at the provider that is named.",
        READ,
        (
            "APIStatusError: Error code: 401 - Incorrect API key provided",
            "Error code: 429 - insufficient_quota",
        ),
    ),
    Cause(
        "provider-failed",
        "A provider of speech or language models fails",
        "The agent is in the room, but cannot hear, think or speak.",
        "Check the state of the provider, and the network of the worker.",
        READ,
        (
            "failed to generate LLM completion, retrying",
            "failed to synthesize speech, retrying",
            "failed to recognize speech, retrying",
            "AgentSession is closing due to unrecoverable error",
        ),
    ),
    Cause(
        "entrypoint-raised",
        "The entrypoint of a job raised an exception",
        "The agent leaves, and LiveKit does not send another.",
        "Read the traceback in the log, and fix the entrypoint.",
        f"{BOTH}.",
        ("unhandled exception while running the job task", "error in entry function"),
    ),
    Cause(
        "memory-limit",
        "The process of a job was killed: it used more memory than job_memory_limit_mb",
        "The dead agent stays listed in the room for about 20 seconds, then there is none.",
        "Increase job_memory_limit_mb, or keep less in memory.",
        f"{PYTHON}.",
        ("process exceeded memory limit, killing process", "job process exceeded memory limit"),
    ),
    Cause(
        "job-died",
        "The process of a job died",
        "The dead agent stays listed in the room for about 20 seconds, then there is none.",
        "Look for a crash, or for too little memory: exit code -9 means killed (see dmesg).",
        f"livekit-agents 1.8.9, {SERVER}: os._exit, time.sleep.",
        ("process exited with non-zero exit code", "job process exited unexpectedly"),
    ),
    Cause(
        "unresponsive",
        "The process of a job did not respond",
        "If it does not recover, it is killed. Something blocks its event loop: time.sleep, a long "
        "computation, synchronous I/O.",
        "Await it, or run it with asyncio.to_thread.",
        "livekit-agents 1.8.9: time.sleep(100).",
        ("process is unresponsive, killing process", "job is unresponsive"),
    ),
    Cause(
        "worker-full",
        "The worker reported that it is full",
        "It refuses every room that opens meanwhile, and LiveKit offers a room only once.",
        "Start another worker. With load_threshold=math.inf, a worker is never full.",
        f"{BOTH}.",
        ("worker is at full capacity, marking as unavailable",),
    ),
    Cause(
        "slow-start",
        "A job process did not start: prewarm raised, or took longer than 10 seconds",
        "livekit-agents 1.0 does not register until one has started; later releases fail jobs.",
        "Load less in prewarm, or increase initialize_process_timeout.",
        f"{PYTHON}: a prewarm that is slow or raises.",
        ("error initializing process", "timed out waiting for idle processes to initialize"),
    ),
    Cause(
        "never-joined",
        "A job did not join its room",
        "Its entrypoint ended, or ran for 10 seconds, without ctx.connect() or a session.",
        "Call `await ctx.connect()` early in the entrypoint.",
        "livekit-agents 1.8.9.",
        (
            "The room connection was not established within 10 seconds after calling job_entry",
            "The job task completed without establishing a connection",
            "room not connect after job_entry was called after 10 seconds",
        ),
    ),
    Cause(
        "audio-filter",
        "The noise filter of LiveKit Cloud does not work with this server",
        "Noise cancellation by Krisp (BVC, NC) needs a server of LiveKit Cloud. With any other the "
        "agent hears unfiltered sound, which works.",
        "Remove noise_cancellation, or connect to LiveKit Cloud.",
        "livekit-plugins-noise-cancellation.",
        ("failed to initialize the audio filter. it will not be enabled for this session",),
    ),
    Cause(
        "token-refused",
        "The LiveKit server refused a person's or a program's token (HTTP 401)",
        "It was signed with another key or secret, or has expired. Nobody joins with it.",
        "Give the token backend the server's LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        f"{SERVER}.",
        ("error handling request", "invalid token"),
    ),
    Cause(
        "name-in-environment",
        "The environment gives the worker a name",
        "This worker ignores the name. Any other worker would get only rooms that ask for it.",
        "Unset both variables, and remove them from .env.",
        "The workers of this template.",
        ("agent_name is set to",),
        "unset LIVEKIT_AGENT_NAME LIVEKIT_AGENT_NAME_OVERRIDE",
    ),
    # How the program ended.
    Cause(
        "health-check",
        "The platform ended the program, because nothing answered its health check",
        "It expects a web server on a port of its choice (PORT). A worker listens for health "
        "checks, but on 8081 by default (livekit-agents, @livekit/agents).",
        "Deploy it as a worker or background service, without a port. Or give AgentServer or "
        "WorkerOptions the port that the platform asks: port=.",
        READ,
        (
            "Error R10 (Boot timeout)",
            "failed to start and listen on the port defined provided by the PORT",
            "Default STARTUP TCP probe failed",
            "failed liveness probe, will be restarted",
            "Port scan timeout reached",
        ),
    ),
    Cause(
        "out-of-memory",
        "The program was killed (SIGKILL), most often for using too much memory",
        "Without a worker, no room gets an agent. A livekit-agents 1.8.9 worker at rest needs "
        "about "
        "600 MB, and each conversation more.",
        "Give it more memory, or run fewer jobs on it. `docker inspect` and `kubectl describe pod` "
        "say whether it was the memory (OOMKilled).",
        "Docker: exit code 137.",
        ("exited with code 137", "OOMKilled", "Killed", "JavaScript heap out of memory"),
    ),
    Cause(
        "native-crash",
        "The program crashed in native code",
        "Without a worker, no room gets an agent. Exit codes: 139 a wrong memory access, 134 "
        "aborted, 132 an instruction that this processor does not have.",
        "Update livekit and the plugins, use the image's own architecture, and look at the lines "
        "before.",
        READ,
        ("Segmentation fault (core dumped)", "exited with code 139", "Illegal instruction"),
    ),
    Cause(
        "crashed",
        "The program ended with an exception",
        "Without a worker, no room gets an agent.",
        "Read the traceback in the log: its last line says what is wrong.",
        "Python 3.11, Node 20.",
        ("Traceback (most recent call last)", "Node.js v20"),
    ),
    Cause(
        "worker-ended",
        "The program has ended",
        "Without a worker, no room gets an agent. It was stopped (SIGTERM, Ctrl-C, a deployment), "
        "or ended by itself.",
        "Start it again, and have it restarted: `restart: always`, a Deployment, systemd. Workers "
        "that cannot connect end with exit code 0, which does not count as a failure. If a worker "
        "of livekit-agents 1.8.9 is draining and keeps a core busy, it will not end by itself: two "
        "of its jobs have ended at the same moment. Kill it.",
        f"{BOTH}, {SERVER}.",
        (
            "draining worker",
            "shutting down worker",
            "Stopping Container",
            "exited: agent (exit status 1; not expected)",
            "gave up: agent entered FATAL state",
            "App [agent:0] exited with code [1]",
            "received signal 15",
            "worker-1 exited with code 0",
            "exit requested, shutting down",
        ),
    ),
    Cause(
        "never-started",
        "The LiveKit server was about to start, but the log ends before it did",
        "Without a server, no worker can register and nobody can join.",
        "Read the end of the log, or start it again in a terminal.",
        f"{SERVER}.",
        ("using single-node routing",),
    ),
    Cause(
        "never-registered",
        "The log shows a start, but no worker registers",
        "Without a registered worker, no room gets an agent. The LiveKit server does not log this.",
        "Start a worker with --log-level DEBUG, and give it ten seconds.",
        f"{BOTH}, {SERVER}.",
        ("starting worker", "starting LiveKit server"),
    ),
    Cause(
        "unexplained-errors",
        "The log holds errors that livekit-doctor does not know",
        "They may come from the agent's own code, and may or may not keep agents away.",
        "Read them in the log, the first one first.",
        "Logs with exceptions of all kinds.",
    ),
)
BY_ID = {cause.id: cause for cause in CAUSES}
