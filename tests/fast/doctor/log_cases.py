"""Logs, and the causes that livekit-doctor finds in them; those with `?` are warnings."""

# ruff: noqa: E501  lines of logs are long
from typing import Final

# In inputs/logs. What is called real-, own, py10-, py18-, node- and server- was written by real programs
# (livekit-agents 1.0.23 and 1.8.9, @livekit/agents 1.9.0, livekit-server 1.13.5), mostly while they
# were made to fail. Paths are made up. The others retell public reports.
FILES: Final = {
    "01-crash-before-first-line-no-such-option.log": "unknown-option",
    "01-crash-before-first-line-no-url.log": "settings-missing",
    "01-crash-before-first-line-old-api.log": "old-api",
    "01-crash-before-first-line-usage.log": "usage",
    "02-tls-of-livekit-cloud-tls-on-a-plain-port.log": "tls-mismatch",
    "02-tls-of-livekit-cloud-worker.log": "certificate",
    "03-node-worker-log-healthy.jsonl": "",
    "03-node-worker-log-model-files-missing.log": "model-files-missing",
    "03-node-worker-log-runner-timeout.log": "runner-timeout",
    "04-proxy-in-the-environment-worker.log": "server-unreachable",
    "08-agent-id-for-a-name-server.log": "no-such-worker",
    "20-turn-detector-does-not-start-missing-files.jsonl": "model-files-missing",
    "22-no-way-for-sound-worker.jsonl": "media-blocked",
    "28-stopped-by-the-platform-worker.log": "worker-ended",
    "30-noise-filter-of-the-cloud-worker.log": "audio-filter?",
    "31-connection-lost-later-worker.jsonl": "connection-lost?",
    "35-log-of-powershell-worker-utf8-bom.log": "key-refused",
    "35-log-of-powershell-worker.log": "key-refused",
    "node-200.log": "not-livekit",
    "node-301.log": "not-livekit",
    "node-403.log": "forbidden",
    "node-404.log": "not-livekit",
    "node-407.log": "proxy",
    "node-429.log": "rate-limit",
    "node-502.log": "gateway",
    "node-badoption.log": "usage",
    "node-cjs.log": "syntax-error",
    "node-dev.log": "worker-ended",
    "node-exit.log": "",
    "node-hangup.log": "hang-up",
    "node-hostname.log": "certificate",
    "node-lost.log": "connection-lost server-unreachable",
    "node-nocommand.log": "usage",
    "node-noexport.log": "old-api",
    "node-nofile.log": "no-such-file",
    "node-nokey.log": "settings-missing",
    "node-noplugin.log": "missing-plugin",
    "node-nosecret.log": "settings-missing",
    "node-plain-on-tls.log": "hang-up",
    "node-port.log": "port-taken",
    "node-raise-dev.log": "entrypoint-raised",
    "node-raise.log": "entrypoint-raised",
    "node-reference.log": "crashed",
    "node-reject.log": "crashed",
    "node-reqraise.log": "no-answer",
    "node-reqreject.log": "",
    "node-reqsilent-dev.log": "no-answer",
    "node-reqsilent.log": "no-answer",
    "node-selfsigned.log": "certificate",
    "node-start.log": "",
    "node-syntax.log": "syntax-error",
    "node-throwstring.log": "crashed",
    "node-tls-on-plain.log": "tls-mismatch",
    "node-typeerror.log": "missing-name",
    "node-unknownhost.log": "unknown-host",
    "node-url-noscheme.log": "worker-failed",
    "node-url-space.log": "worker-failed",
    "node-wrongkey.log": "key-refused",
    "own10-start.log": "",
    "own18-dev.log": "",
    "own18-rooms-deleted.log": "",
    "own18-several.log": "settings-invalid",
    "own18-short.log": "settings-invalid",
    "own18-start.log": "",
    "py10-killed.log": "out-of-memory",
    "py10-lost.log": "connection-lost server-unreachable",
    "py10-nocommand.log": "usage",
    "py10-nokey.log": "settings-missing",
    "py10-proxy407.log": "proxy",
    "py10-proxydead.log": "proxy",
    "py10-raise.log": "entrypoint-raised",
    "py10-refused.log": "server-unreachable",
    "py10-selfsigned.log": "certificate",
    "py10-silent.log": "no-answer",
    "py10-start.log": "worker-ended",
    "py10-unknownkey.log": "key-refused",
    "py18-200.log": "not-livekit",
    "py18-301.log": "unknown-host",
    "py18-403.log": "forbidden",
    "py18-404.log": "not-livekit",
    "py18-429.log": "rate-limit",
    "py18-502.log": "gateway",
    "py18-badcommand.log": "usage",
    "py18-badoption.log": "usage",
    "py18-dev.log": "",
    "py18-exit.log": "job-died",
    "py18-expired.log": "certificate",
    "py18-hangup.log": "hang-up",
    "py18-hostname.log": "certificate",
    "py18-killed.log": "out-of-memory",
    "py18-lost.log": "connection-lost server-unreachable",
    "py18-module-dev.log": "worker-ended",
    "py18-nocommand.log": "usage",
    "py18-nokey.log": "settings-missing",
    "py18-nosecret.log": "settings-missing",
    "py18-nourl.log": "settings-missing",
    "py18-plain-on-tls.log": "hang-up",
    "py18-plugin.log": "missing-plugin",
    "py18-port.log": "port-taken",
    "py18-proxy407.log": "proxy",
    "py18-proxydead.log": "server-unreachable",
    "py18-raise-dev.log": "entrypoint-raised",
    "py18-raise.log": "entrypoint-raised",
    "py18-refused.log": "server-unreachable",
    "py18-reqraise.log": "no-answer",
    "py18-selfsigned.log": "certificate",
    "py18-silent.log": "no-answer",
    "py18-start.log": "worker-ended",
    "py18-tls-on-plain.log": "tls-mismatch",
    "py18-unknownhost.log": "unknown-host",
    "py18-unknownkey.log": "key-refused",
    "py18-url-badport.log": "url-invalid",
    "py18-url-nohost.log": "url-invalid",
    "py18-url-noscheme.log": "url-invalid",
    "py18-url-space.log": "url-invalid",
    "real-01-nokey-1.8.log": "settings-missing",
    "real-01-oldapi-1.8.log": "old-api",
    "real-01-own-bad-settings.log": "settings-invalid",
    "real-01-own-usage.log": "usage",
    "real-02-404.log": "not-livekit",
    "real-02-refused.log": "server-unreachable",
    "real-02-selfsigned.log": "certificate",
    "real-02-tls-on-plain.log": "never-registered",
    "real-03-node-dev.log": "connection-lost server-unreachable worker-ended",
    "real-03-node-healthy.log": "",
    "real-03-node-nokey.log": "settings-missing",
    "real-03-node-refused.log": "server-unreachable",
    "real-04-worker.log": "server-unreachable",
    "real-20-real.log": "connection-lost server-unreachable model-files-missing? worker-full? worker-ended",
    "real-28-my-agent.log": "connection-lost? server-unreachable?",
    "real-31-my-agent.log": "connection-lost? server-unreachable? worker-ended",
    "server-badflag.log": "usage",
    "server-badport.log": "server-config",
    "server-badyaml.log": "server-config",
    "server-dev.log": "server-config",
    "server-json.log": "worker-ended",
    "server-nokeys.log": "server-config",
    "server-noredis.log": "redis-unreachable",
    "server-shortkey.log": "server-config?",
    "server-taken.log": "port-taken",
    "server-unknownfield.log": "server-config",
}

TRACEBACK = """\
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    x
"""
START = '2026-11-20 09:20:02,101 - INFO livekit.agents - starting worker {"version": "1.8.9", "rtc-version": "1.1.13"}\n'
REGISTERED = '2026-11-20 09:20:03,101 - INFO livekit.agents - registered worker {"agent_name": "", "id": "AW_1"}\n'
RETRY = '2026-11-20 09:20:02,377 - WARNING livekit.agents - failed to connect to livekit, retrying in 0s {"retry_count": 1, "error": "%s"}\n'
IN_A_JOB = '{"message": "unhandled exception while running the job task", "level": "ERROR", "name": "livekit.agents", "exc_info": "Traceback (most recent call last):\\n  File \\"/app/main.py\\", line 3, in f\\n    x\\n%s", "pid": 3, "job_id": "AJ_1", "timestamp": "2026-11-20T09:00:00+00:00"}\n'
NODE_START = '{"level":30,"time":1763910001000,"pid":1,"hostname":"d","version":"1.2.3","msg":"starting worker"}\n'
NODE_REGISTERED = '{"level":30,"time":1763910001300,"pid":1,"hostname":"d","version":"1.2.3","id":"AW_q","msg":"registered worker"}\n'
NODE_RETRY = '{"level":40,"time":1763910001300,"pid":1,"hostname":"d","version":"1.2.3","error":{"type":"Error","message":"%s","stack":"Error: %s\\n at x"},"msg":"failed to connect to LiveKit server (wss://x.livekit.cloud), retrying in 2 seconds: (1/10)"}\n'
SERVER_START = '2026-11-20T09:00:00.000Z\tINFO\tlivekit\tservice/server.go:292\tstarting LiveKit server\t{"portHttp": 7880, "version": "1.9.0"}\n'

# Of each class, more examples.
CASES: Final[list[tuple[str, str]]] = [
    # K5 crashes
    (
        "old-api",
        TRACEBACK
        + "ImportError: cannot import name 'VoicePipelineAgent' from 'livekit.agents.pipeline' (unknown location)",
    ),
    ("old-api", TRACEBACK + "ModuleNotFoundError: No module named 'livekit.agents.pipeline'"),
    (
        "old-api",
        TRACEBACK + "ModuleNotFoundError: No module named 'livekit.agents.voice_assistant'",
    ),
    (
        "old-api",
        TRACEBACK
        + "ImportError: cannot import name 'VoiceAssistant' from 'livekit.agents.voice_assistant'",
    ),
    (
        "old-api",
        TRACEBACK
        + "AttributeError: module 'livekit.agents.llm' has no attribute 'FunctionContext'",
    ),
    ("old-api", TRACEBACK + "AttributeError: 'ChatContext' object has no attribute 'append'"),
    (
        "missing-name",
        TRACEBACK
        + "ImportError: cannot import name 'AgentServer' from 'livekit.agents' (/x/__init__.py)",
    ),
    (
        "missing-name",
        TRACEBACK + "AttributeError: module 'livekit.agents' has no attribute 'ServerOptions'",
    ),
    (
        "missing-name",
        TRACEBACK + "AttributeError: 'AgentServer' object has no attribute 'rtc_sesion'",
    ),
    ("missing-name", TRACEBACK + "ModuleNotFoundError: No module named 'livekit.agents.beta'"),
    (
        "missing-plugin",
        TRACEBACK
        + "ImportError: cannot import name 'openai' from 'livekit.plugins' (unknown location)",
    ),
    ("missing-plugin", TRACEBACK + "ModuleNotFoundError: No module named 'livekit.plugins.silero'"),
    (
        "missing-plugin",
        "Error: Cannot find module '@livekit/agents-plugin-deepgram'\nRequire stack:\n- /app/dist/agent.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15) {\n  code: 'MODULE_NOT_FOUND'\n}\n\nNode.js v22.1.0",
    ),
    ("sdk-missing", TRACEBACK + "ModuleNotFoundError: No module named 'livekit'"),
    (
        "sdk-missing",
        TRACEBACK
        + "ModuleNotFoundError: No module named 'livekit.agents'; 'livekit' is not a package",
    ),
    ("module-missing", TRACEBACK + "ModuleNotFoundError: No module named 'dotenv'"),
    (
        "module-missing",
        "node:internal/modules/esm/resolve:873\n  throw new E();\n        ^\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'dotenv' imported from /app/agent.js\n    at x (node:internal/x:1:1)\n\nNode.js v20.20.2",
    ),
    (
        "unknown-option",
        TRACEBACK
        + "TypeError: WorkerOptions.__init__() got an unexpected keyword argument 'agent'",
    ),
    (
        "unknown-option",
        TRACEBACK
        + "TypeError: AgentSession.__init__() got an unexpected keyword argument 'turn_handling'",
    ),
    (
        "unknown-option",
        TRACEBACK
        + "TypeError: AgentServer.rtc_session() got an unexpected keyword argument 'name'",
    ),
    (
        "unknown-option",
        TRACEBACK
        + "TypeError: WorkerOptions.__init__() missing 1 required positional argument: 'entrypoint_fnc'",
    ),
    (
        "syntax-error",
        "  File \"/app/main.py\", line 12\n    async def x(\n               ^\nSyntaxError: '(' was never closed",
    ),
    (
        "syntax-error",
        'Traceback (most recent call last):\n  File "<frozen runpy>", line 198, in _run\n  File "/app/main.py", line 7\n    return\nIndentationError: unexpected indent',
    ),
    (
        "syntax-error",
        "/app/agent.js:1\nimport { cli } from '@livekit/agents';\n^^^^^^\n\nSyntaxError: Cannot use import statement outside a module\n    at x (node:internal/x:1:1)\n\nNode.js v20.1.0",
    ),
    ("syntax-error", "src/agent.ts(12,5): error TS2304: Cannot find name 'foo'."),
    ("settings-missing", TRACEBACK + "KeyError: 'LIVEKIT_URL'"),
    ("settings-missing", TRACEBACK + "KeyError: 'SUPABASE_URL'"),
    (
        "settings-missing",
        TRACEBACK + "ValueError: api_key is required, or set LIVEKIT_API_KEY environment variable",
    ),
    ("settings-missing", TRACEBACK + "ValueError: LIVEKIT_API_SECRET must be set"),
    (
        "settings-missing",
        "Error: LIVEKIT_URL is not defined\n    at Object.<anonymous> (/app/agent.js:3:9)\n\nNode.js v20.1.0",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "ValueError: Deepgram API key is required, either as argument or set DEEPGRAM_API_KEY environmental variable",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "ValueError: ElevenLabs API key is required, either as argument or set ELEVEN_API_KEY environmental variable",
    ),
    ("provider-key-missing", TRACEBACK + "KeyError: 'OPENAI_API_KEY'"),
    (
        "provider-key-missing",
        TRACEBACK
        + "google.auth.exceptions.DefaultCredentialsError: Your default credentials were not found.",
    ),
    (
        "provider-key-missing",
        "file:///app/node_modules/openai/client.mjs:98\n            throw new E();\n                  ^\n\nOpenAIError: The OPENAI_API_KEY environment variable is missing or empty; either provide it, or instantiate the OpenAI client with an apiKey option\n    at new OpenAI (file:///app/node_modules/openai/client.mjs:98:19)\n\nNode.js v20.1.0",
    ),
    (
        "settings-invalid",
        TRACEBACK
        + "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nworker_port\n  Input should be a valid integer [type=int_parsing]\n    For further information visit https://errors.pydantic.dev",
    ),
    (
        "settings-missing",
        TRACEBACK
        + "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings\nlivekit_url\n  Field required [type=missing, input_value={}, input_type=dict]\nlivekit_api_key\n  Field required",
    ),
    (
        "settings-missing",
        "LIVEKIT_URL is missing: .env.example explains it\nLIVEKIT_API_KEY is missing: .env.example explains it",
    ),
    ("settings-invalid", "LIVEKIT_API_SECRET and LIVEKIT_API_KEY are swapped"),
    ("settings-invalid", "TOKEN_RATE_LIMIT must be a number and a unit, such as 60/minute"),
    ("settings-invalid", "LIVEKIT_URL is still a placeholder: replace it"),
    ("settings-invalid", "LIVEKIT_API_KEY has a space or an odd character in it: copy it again"),
    ("settings-invalid", "TOKEN_ROOM_PATTERN repeats something too often"),
    ("settings-invalid", "TOKEN_REDIS_URL has an option that is unknown or wrong"),
    ("settings-invalid", "WORKER_PORT 0 of WORKER_HOST a:1 cannot be used: [Errno -2] Name or"),
    (
        "usage",
        "usage: agent.py [-h] {start,dev,console} ...\nagent.py: error: the following arguments are required: command",
    ),
    (
        "usage",
        "usage: agent.py [-h] {start,dev}\nagent.py: error: argument command: invalid choice: 'run' (choose from 'start', 'dev')",
    ),
    (
        "usage",
        "Usage: agent.py [OPTIONS] COMMAND [ARGS]...\nTry 'agent.py --help' for help.\n\nError: Missing command.",
    ),
    (
        "usage",
        "Usage: agent.py [OPTIONS] COMMAND [ARGS]...\nTry 'agent.py --help' for help.\n\nError: No such command 'strat'.",
    ),
    ("usage", "error: unknown command 'strat'\n(Did you mean start?)"),
    (
        "usage",
        "agent-1  | Usage: agents [options] [command]\nagent-1  | \nagent-1  | LiveKit Agents CLI\nagent-1 exited with code 0",
    ),
    (
        "no-such-file",
        "python: can't open file '/app/agent.py': [Errno 2] No such file or directory",
    ),
    (
        "no-such-file",
        "python3.12: can't open file '/app/main.py': [Errno 2] No such file or directory",
    ),
    ("no-such-file", "/usr/local/bin/python: No module named app.agent"),
    (
        "no-such-file",
        "/app/.venv/bin/python: Error while finding module specification for 'app.agent' (ModuleNotFoundError: No module named 'app')",
    ),
    (
        "no-such-file",
        'docker: Error response from daemon: failed to create task: exec: "uv": executable file not found in $PATH: unknown.',
    ),
    ("no-such-file", "/bin/sh: 1: livekit-agents: not found"),
    ("no-such-file", "sh: line 1: poetry: command not found"),
    (
        "no-such-file",
        'npm error Missing script: "start"\nnpm error\nnpm error To see a list of scripts, run:',
    ),
    (
        "native-library",
        TRACEBACK
        + "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
    ),
    (
        "native-library",
        TRACEBACK
        + "ImportError: DLL load failed while importing onnxruntime_pybind11_state: The specified module could not be found.",
    ),
    (
        "native-library",
        TRACEBACK
        + "OSError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /x/liblivekit_ffi.so)",
    ),
    (
        "native-library",
        TRACEBACK
        + "OSError: Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /x/liblivekit_ffi.so)",
    ),
    (
        "native-library",
        "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module '@livekit/rtc-node-linux-x64-musl'\nRequire stack:\n- /app/node_modules/@livekit/rtc-node/dist/native.cjs\n    at x (node:internal/x:1:1)\n\nNode.js v20.1.0",
    ),
    ("native-library", "exec /usr/local/bin/python: exec format error"),
    (
        "port-taken",
        TRACEBACK
        + "OSError: [Errno 48] error while attempting to bind on address ('0.0.0.0', 8081): address already in use",
    ),
    (
        "port-taken",
        TRACEBACK
        + "OSError: [Errno 10048] error while attempting to bind on address ('0.0.0.0', 8081): [winerror 10048] only one usage of each socket address (protocol/network address/port) is normally permitted",
    ),
    ("crashed", TRACEBACK + "ValueError: something else"),
    ("crashed", TRACEBACK + "RuntimeError"),
    ("crashed", TRACEBACK + "my.package.CustomFailure: x"),
    ("crashed", TRACEBACK + "AssertionError"),
    ("crashed", TRACEBACK + "NameError: name 'openai' is not defined"),
    ("crashed", TRACEBACK + "FileNotFoundError: [Errno 2] No such file or directory: 'prompt.txt'"),
    (
        "crashed",
        'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n    x\n'
        + "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
    ),
    (
        "import-failed",
        TRACEBACK
        + "ImportError: cannot import name 'helper' from partially initialized module 'tools' (most likely due to a circular import) (/app/tools.py)",
    ),
    (
        "console-mode",
        "     Livekit Agents - Console\nPress [Ctrl+B] to toggle between Text/Audio mode\n" + START,
    ),
    ("console-mode", "   Agents   Starting console mode 🚀\n" + START),
    (
        "build-failed",
        '#8 ERROR: process "/bin/sh -c uv sync" did not complete successfully: exit code: 2\n',
    ),
    (
        "build-failed",
        "ERROR: Could not find a version that satisfies the requirement livekit-agents==9.9\n"
        "ERROR: No matching distribution found for livekit-agents==9.9\n",
    ),
    ("build-failed", "  x No solution found when resolving dependencies:\n"),
    ("build-failed", "npm error code ERESOLVE\nnpm error ERESOLVE could not resolve\n"),
    ("build-failed", "error: Unable to find lockfile at `uv.lock`.\n"),
    # K1
    ("worker-ended", START + REGISTERED + "Stopping Container\n"),
    ("worker-ended", START + REGISTERED + "^C"),
    ("worker-ended", START + REGISTERED + "[+] Stopping 1/1\nworker-1 exited with code 0\n"),
    (
        "worker-ended",
        START
        + REGISTERED
        + '2026-11-20 09:21:02,377 - INFO livekit.agents - draining worker {"id": "AW_1", "timeout": 3600}\n',
    ),
    ("out-of-memory", START + REGISTERED + "Killed\n"),
    (
        "out-of-memory",
        "worker-1  | " + START + "worker-1  | " + REGISTERED + "worker-1 exited with code 137\n",
    ),
    (
        "out-of-memory",
        START
        + REGISTERED
        + "    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137\n",
    ),
    ("native-crash", START + REGISTERED + "Segmentation fault (core dumped)\n"),
    (
        "native-crash",
        START
        + REGISTERED
        + 'Fatal Python error: Segmentation fault\n\nCurrent thread 0x1:\n  File "x", line 1 in y\n',
    ),
    (
        "native-crash",
        "worker-1  | " + START + "worker-1  | " + REGISTERED + "worker-1 exited with code 139\n",
    ),
    (
        "native-crash",
        START
        + REGISTERED
        + "thread 'tokio-runtime-worker' panicked at livekit-ffi/src/server.rs:10:5:\nboom\n",
    ),
    (
        "native-crash",
        NODE_START
        + NODE_REGISTERED
        + "terminate called after throwing an instance of 'std::runtime_error'\nAborted (core dumped)\n",
    ),
    (
        "out-of-memory",
        NODE_START
        + NODE_REGISTERED
        + "<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
    ),
    (
        "out-of-memory",
        START
        + REGISTERED
        + "2026-11-20T09:21:02.000000+00:00 heroku[worker.1]: Error R15 (Memory quota vastly exceeded)\n2026-11-20T09:21:02.000000+00:00 heroku[worker.1]: Process exited with status 137\n",
    ),
    ("worker-ended", START + REGISTERED + "09:20:10 system    | worker.1 stopped (rc=0)\n"),
    ("worker-ended", START + REGISTERED + "==> Exited with status 1 while running your code.\n"),
    ("worker-ended", START + REGISTERED + "Process finished with exit code 1\n"),
    (
        "worker-ended",
        START + REGISTERED + "agent.service: Main process exited, code=exited, status=1/FAILURE\n",
    ),
    ("never-registered", START),
    ("never-registered", NODE_START),
    ("never-registered", SERVER_START),
    ("crashed", START + REGISTERED + TRACEBACK + "ValueError: x\n"),
    (
        "unexplained-errors?",
        START
        + REGISTERED
        + "2026-11-20 09:21:02,377 - ERROR my.app - it went wrong\n"
        + REGISTERED,
    ),
    (
        "unexplained-errors?",
        START
        + REGISTERED
        + "2026-11-20 09:21:02,377 - ERROR asyncio - Task exception was never retrieved {}\n"
        + TRACEBACK
        + 'ValueError: x\n2026-11-20 09:22:02,377 - INFO livekit.agents - process initialized {"pid": 3}\n',
    ),
    ("cut-off?", START + REGISTERED[:-20]),
    ("cut-off? never-registered", START + REGISTERED[:50]),
    ("cut-off?", NODE_START + NODE_REGISTERED + NODE_REGISTERED[:80]),
    ("cut-off?", START + REGISTERED + "2026-11-20 09:2"),
    ("cut-off?", START + REGISTERED + "2026-11-20 09:21:02,377 - INF"),
    (
        "cut-off?",
        START + REGISTERED + "2026-11-20 09:21:02,377 - INFO livekit.agents - received job requ",
    ),
    ("", START + REGISTERED),
    ("", START + REGISTERED.rstrip()),
    ("", NODE_START + NODE_REGISTERED),
    ("", NODE_START + NODE_REGISTERED.rstrip()),
    ("unknown-log", "hello\nworld\n"),
    ("unknown-log", 'INFO:     127.0.0.1:5000 - "POST /token HTTP/1.1" 201 Created\n'),
    # K3
    (
        "certificate",
        START
        + RETRY
        % "Cannot connect to host x.livekit.cloud:443 ssl:True [SSLCertVerificationError: (1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1032)')]",
    ),
    (
        "certificate",
        START
        + RETRY
        % "Cannot connect to host x:443 ssl:True [SSLCertVerificationError: (1, \\\"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'x'. (_ssl.c:1032)\\\")]",
    ),
    ("certificate", NODE_START + NODE_RETRY % (("unable to verify the first certificate",) * 2)),
    ("certificate", NODE_START + NODE_RETRY % (("certificate has expired",) * 2)),
    (
        "certificate",
        NODE_START + NODE_RETRY % (("self-signed certificate in certificate chain",) * 2),
    ),
    (
        "tls-mismatch",
        START
        + RETRY
        % "Cannot connect to host x:7880 ssl:default [[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1032)]",
    ),
    (
        "not-livekit",
        START + RETRY % "400, message='Invalid response status', url='ws://x:443/agent'",
    ),
    ("gateway", START + RETRY % "504, message='Invalid response status', url='wss://x/agent'"),
    ("gateway", NODE_START + NODE_RETRY % (("Unexpected server response: 503",) * 2)),
    (
        "proxy",
        START + RETRY % "407, message='Proxy Authentication Required', url='http://proxy:3128'",
    ),
    ("proxy", START + RETRY % "403, message='Forbidden', url='http://proxy.corp:3128'"),
    ("hang-up", START + RETRY % "Server disconnected"),
    ("hang-up", START + RETRY % "[Errno 104] Connection reset by peer"),
    (
        "hang-up",
        START + RETRY % "Cannot connect to host x:7880 ssl:default [Connection reset by peer]",
    ),
    (
        "unknown-host",
        START
        + RETRY
        % "Cannot connect to host livekit:7880 ssl:default [Temporary failure in name resolution]",
    ),
    (
        "unknown-host",
        START
        + RETRY
        % "Cannot connect to host livekit:7880 ssl:default [nodename nor servname provided, or not known]",
    ),
    ("unknown-host", NODE_START + NODE_RETRY % (("getaddrinfo EAI_AGAIN livekit",) * 2)),
    ("timeout", START + RETRY % "Connection timeout to host wss://x/agent"),
    ("timeout", NODE_START + NODE_RETRY % (("connect ETIMEDOUT 10.0.0.1:443",) * 2)),
    (
        "timeout",
        START + RETRY % "Cannot connect to host x:443 ssl:default [Network is unreachable]",
    ),
    ("server-unreachable", NODE_START + NODE_RETRY % (("connect ECONNREFUSED ::1:7880",) * 2)),
    (
        "server-unreachable",
        START
        + RETRY
        % "Cannot connect to host 127.0.0.1:7880 ssl:default [Multiple exceptions: [Errno 111] Connect call failed ('::1', 7880, 0, 0), [Errno 111] Connect call failed ('127.0.0.1', 7880)]",
    ),
    (
        "server-unreachable",
        START
        + RETRY
        % "Cannot connect to host 127.0.0.1:7880 ssl:default [The remote computer refused the network connection]",
    ),
    (
        "connection-lost?",
        START + REGISTERED + RETRY % "worker connection closed unexpectedly" + REGISTERED,
    ),
    ("connection-lost", START + REGISTERED + RETRY % "worker connection closed unexpectedly"),
    # K4
    (
        "media-blocked",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: connection error: could not establish pc connection",
    ),
    (
        "certificate",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: ws failure: IO error: invalid peer certificate: UnknownIssuer",
    ),
    (
        "certificate",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: ws failure: IO error: no native root CA certificates found (errors: [])",
    ),
    (
        "signal-failure",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: failed to retrieve region info",
    ),
    (
        "key-refused",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: ws failure: HTTP error: 401 Unauthorized",
    ),
    (
        "signal-failure",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: ws failure: IO error: Connection refused (os error 111)",
    ),
    (
        "timeout",
        START
        + REGISTERED
        + IN_A_JOB
        % "livekit.rtc.room.ConnectError: engine: signal failure: signal connection timed out",
    ),
    (
        "model-files-denied",
        START
        + REGISTERED
        + IN_A_JOB
        % "PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface/hub'",
    ),
    (
        "model-files-missing",
        START
        + REGISTERED
        + IN_A_JOB
        % "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled.",
    ),
    (
        "missing-plugin",
        START
        + REGISTERED
        + IN_A_JOB % "ModuleNotFoundError: No module named 'livekit.plugins.elevenlabs'",
    ),
    (
        "provider-key-missing",
        START
        + REGISTERED
        + IN_A_JOB
        % "ValueError: Cartesia API key is required, either as argument or set CARTESIA_API_KEY environment variable",
    ),
    ("entrypoint-raised", START + REGISTERED + IN_A_JOB % "KeyError: 'user'"),
    ("entrypoint-raised", START + REGISTERED + IN_A_JOB % "asyncio.exceptions.TimeoutError"),
    (
        "entrypoint-raised",
        START + REGISTERED + IN_A_JOB % "TypeError: 'NoneType' object is not subscriptable",
    ),
    # misc formats
    (
        "key-refused",
        (START + RETRY % "401, message='Invalid response status', url='wss://x/agent'").replace(
            "\n", "\r\n"
        ),
    ),
    (
        "key-refused",
        '{"severity":"INFO","jsonPayload":{"message":"starting worker","level":"INFO","name":"livekit.agents","version":"1.8.9"},"timestamp":"2026-11-20T09:00:00Z"}\n{"severity":"WARNING","jsonPayload":{"message":"failed to connect to livekit, retrying in 0s","level":"WARNING","name":"livekit.agents","error":"401, message=\'Invalid response status\', url=\'wss://x/agent\'"},"timestamp":"2026-11-20T09:00:01Z"}',
    ),
    (
        "",
        "Nov 20 09:00:00 host python[123]: "
        + START
        + "Nov 20 09:00:00 host python[123]: "
        + REGISTERED,
    ),
    ("", "[pod/agent-7f9c/agent] " + START + "[pod/agent-7f9c/agent] " + REGISTERED),
    (
        "",
        "2026-11-20T09:00:00.123456789Z " + START + "2026-11-20T09:00:00.123456789Z " + REGISTERED,
    ),
    (
        "",
        "2026-11-20T09:00:00.123456789Z stdout F "
        + START
        + "2026-11-20T09:00:00.123456789Z stdout F "
        + REGISTERED,
    ),
    (
        "",
        "2026-11-20T09:00:00Z app[148ed] ord [info]"
        + START
        + "2026-11-20T09:00:00Z app[148ed] ord [info]"
        + REGISTERED,
    ),
    ("", "INFO:livekit.agents:starting worker\nINFO:livekit.agents:registered worker\n"),
    (
        "",
        "2026-11-20 09:20:02,101 livekit.agents INFO starting worker\n2026-11-20 09:20:02,101 livekit.agents INFO registered worker\n",
    ),
    (
        "",
        "2026-11-20 09:20:02,101 [INFO] livekit.agents: starting worker\n2026-11-20 09:20:02,101 [INFO] livekit.agents: registered worker\n",
    ),
    (
        "",
        "2026-11-20 09:20:02.101 | INFO     | livekit.agents.worker:run:12 - starting worker\n2026-11-20 09:20:02.101 | INFO     | livekit.agents.worker:run:12 - registered worker\n",
    ),
    (
        "",
        '{"event": "starting worker", "level": "info", "logger": "livekit.agents"}\n{"event": "registered worker", "level": "info", "logger": "livekit.agents"}\n',
    ),
    (
        "named-worker?",
        START
        + '2026-11-20 09:20:03,101 - INFO livekit.agents - registered worker {"agent_name": "my-agent", "id": "AW_1"}\n',
    ),
    (
        "provider-refused?",
        START
        + REGISTERED
        + "2026-11-20 09:21:02,377 - ERROR livekit.agents - Error in _llm_inference_task {}\n"
        + TRACEBACK
        + "livekit.agents._exceptions.APIStatusError: Error code: 401 - Incorrect API key provided\n",
    ),
    (
        "provider-refused?",
        START
        + REGISTERED
        + "2026-11-20 09:21:02,377 - WARNING livekit.agents - failed to generate LLM completion, "
        'retrying in 0.1s {"error": "Error code: 429 - insufficient_quota"}\n',
    ),
    (
        "provider-failed?",
        START
        + REGISTERED
        + "2026-11-20 09:21:02,377 - WARNING livekit.agents - failed to synthesize speech, retrying "
        'in 2s {"tts": "livekit.plugins.cartesia.tts.TTS", "attempt": 1}\n',
    ),
    # other worker errors/0.x
    (
        "old-api",
        TRACEBACK
        + "ImportError: cannot import name 'VoicePipelineAgent' from 'livekit.agents' (/x)",
    ),
    ("old-api", TRACEBACK + "ModuleNotFoundError: No module named 'livekit.agents.multimodal'"),
    (
        "old-api",
        TRACEBACK + "AttributeError: module 'livekit.agents' has no attribute 'VoiceAssistant'",
    ),
    (
        "old-api",
        TRACEBACK + "AttributeError: module 'livekit.agents.llm' has no attribute 'ai_callable'",
    ),
    (
        "missing-name",
        TRACEBACK + "AttributeError: module 'livekit.rtc' has no attribute 'AudioFilter'",
    ),
    (
        "missing-name",
        TRACEBACK
        + "ImportError: cannot import name 'RoomOutputOptions' from 'livekit.agents' (/x)",
    ),
    (
        "missing-name",
        TRACEBACK + "ImportError: cannot import name 'inference' from 'livekit.agents' (/x)",
    ),
    ("missing-name", TRACEBACK + "AttributeError: type object 'Agent' has no attribute 'foo'"),
    (
        "missing-name",
        TRACEBACK + "AttributeError: 'AgentSession' object has no attribute 'generate_replyy'",
    ),
    (
        "missing-name",
        "file:///app/agent.js:1\nimport { AgentServer } from '@livekit/agents';\n         ^^^^^^^^^^^\nSyntaxError: The requested module '@livekit/agents' does not provide an export named 'AgentServer'\n    at x (node:internal/x:1:1)\n\nNode.js v20.1.0",
    ),
    (
        "missing-name",
        "file:///app/agent.js:1\nx\n^\n\nTypeError: voice.AgentSession is not a constructor\n    at file:///app/agent.js:3:1\n\nNode.js v20.1.0",
    ),
    (
        "missing-name",
        "file:///app/agent.js:1\nx\n^\n\nTypeError: cli.runApp is not a function\n    at file:///app/agent.js:3:1\n\nNode.js v20.1.0",
    ),
    ("crashed", TRACEBACK + "RuntimeError: cannot schedule new futures after shutdown"),
    (
        "crashed",
        'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n    asyncio.run(main())\nRuntimeError: The @server.rtc_session decorator can only be used once',
    ),
    (
        "unknown-option",
        TRACEBACK + "TypeError: entrypoint() takes 0 positional arguments but 1 was given",
    ),
    (
        "unknown-option",
        TRACEBACK + "TypeError: prewarm() missing 1 required positional argument: 'proc'",
    ),
    (
        "unknown-option",
        TRACEBACK
        + "TypeError: Agent.__init__() missing 1 required keyword-only argument: 'instructions'",
    ),
    (
        "settings-invalid",
        TRACEBACK
        + 'pydantic_settings.exceptions.SettingsError: error parsing value for field "origins" from source "EnvSettingsSource"',
    ),
    (
        "settings-missing",
        TRACEBACK + "ValueError: LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be set",
    ),
    (
        "settings-missing",
        "Error: LIVEKIT_API_KEY environment variable is not set\n    at main (/app/dist/index.js:10:11)\n    at Object.<anonymous> (/app/dist/index.js:20:1)\n\nNode.js v22.1.0",
    ),
    (
        "settings-missing",
        'ZodError: [\n  {\n    "code": "invalid_type",\n    "path": [\n      "LIVEKIT_URL"\n    ],\n    "message": "Required"\n  }\n]\n    at x (file:///app/node_modules/zod/lib/index.mjs:1:1)\n\nNode.js v22.1.0',
    ),
    (
        "settings-missing",
        TRACEBACK
        + "decouple.UndefinedValueError: LIVEKIT_URL not found. Declare it as envvar or define a default value.",
    ),
    (
        "settings-missing",
        TRACEBACK + 'environs.exceptions.EnvError: Environment variable "LIVEKIT_URL" not set',
    ),
    (
        "settings-missing",
        "MissingCredentialsError: URL is required: Set LIVEKIT_URL, run with --url, or pass wsURL in ServerOptions\n    at new AgentServer (file:///app/node_modules/@livekit/agents/dist/worker.js:247:13)\n\nNode.js v20.20.2",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "ValueError: Cartesia API key is required, either as argument or set CARTESIA_API_KEY environment variable",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "ValueError: AssemblyAI API key is required. Pass one in via the `api_key` parameter, or set it as the `ASSEMBLYAI_API_KEY` environment variable",
    ),
    (
        "provider-key-missing",
        "Error: OpenAI API key is required, whether as an argument or as $OPENAI_API_KEY\n    at new LLM (file:///app/node_modules/@livekit/agents-plugin-openai/dist/llm.js:20:13)\n\nNode.js v20.20.2",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "groq.GroqError: The api_key client option must be set either by passing api_key to the client or by setting the GROQ_API_KEY environment variable",
    ),
    (
        "provider-key-missing",
        TRACEBACK
        + "ValueError: API key is required for Google API either via api_key or GOOGLE_API_KEY environment variable",
    ),
    (
        "provider-key-missing",
        TRACEBACK + "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
    ),
    (
        "usage",
        "Usage: python -m livekit.agents [OPTIONS] COMMAND [ARGS]...\nTry 'python -m livekit.agents --help' for help.\n╭─ Error ───────╮\n│ Missing command. │\n╰───────╯",
    ),
    (
        "usage",
        "usage: worker.py [-h] --room ROOM\nworker.py: error: the following arguments are required: --room",
    ),
    (
        "usage",
        "Usage: main.py [OPTIONS]\nTry 'main.py --help' for help.\n\nError: Got unexpected extra argument (start)",
    ),
    ("usage", "Usage: livekit-agents [OPTIONS] COMMAND [ARGS]...\n\nError: No such option: --foo"),
    (
        "no-such-file",
        "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module '/app/agent.js'\n    at Module._resolveFilename (node:internal/x:1:1)\n\nNode.js v18.1.0",
    ),
    ("no-such-file", "env: 'python3': No such file or directory"),
    ("no-such-file", "exec /app/entrypoint.sh: no such file or directory"),
    ("no-such-file", "bash: ./start.sh: Permission denied"),
    (
        "no-such-file",
        "error: Failed to spawn: `app.agent`\n  Caused by: No such file or directory (os error 2)",
    ),
    (
        "no-such-file",
        "python: can't open file 'C:\\\\app\\\\agent.py': [Errno 2] No such file or directory",
    ),
    ("module-missing", TRACEBACK + "ModuleNotFoundError: No module named 'app'"),
    (
        "module-missing",
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find module '/app/dist/tools' imported from /app/dist/agent.js\n    at x (node:internal/x:1:1)\n\nNode.js v18.1.0",
    ),
    (
        "native-library",
        "node: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.35' not found (required by /app/node_modules/@livekit/rtc-node-linux-x64-gnu/rtc-node.linux-x64-gnu.node)",
    ),
    (
        "native-library",
        "Error: /app/node_modules/x.node: invalid ELF header\n    at Module._extensions..node (node:internal/x:1:1)\n\nNode.js v18.1.0",
    ),
    ("native-library", "standard_init_linux.go:228: exec user process caused: exec format error"),
    (
        "native-library",
        TRACEBACK
        + "ImportError: dlopen(/x/liblivekit_ffi.dylib, 0x0006): tried: '/x' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))",
    ),
    ("native-crash", START + REGISTERED + "Illegal instruction (core dumped)\n"),
    ("native-crash", START + "worker-1 exited with code 132\n"),
    (
        "native-crash",
        START
        + REGISTERED
        + "python: malloc.c:2617: sysmalloc: Assertion failed.\nAborted (core dumped)\n",
    ),
    ("native-crash", START + REGISTERED + "free(): invalid pointer\n"),
    ("native-crash", START + REGISTERED + "zsh: segmentation fault  python agent.py start\n"),
    (
        "native-crash",
        START + REGISTERED + "fatal runtime error: Rust cannot catch foreign exceptions\n",
    ),
    ("out-of-memory", START + REGISTERED + "zsh: killed     python agent.py start\n"),
    (
        "out-of-memory",
        START
        + REGISTERED
        + "./run.sh: line 3:    12 Killed                  python agent.py start\n",
    ),
    (
        "out-of-memory",
        START
        + REGISTERED
        + "Memory limit of 512 MiB exceeded with 530 MiB used. Consider increasing the memory limit\n",
    ),
    (
        "out-of-memory",
        START + REGISTERED + "[12345.6] Out of memory: Killed process 12 (python) total-vm:1kB\n",
    ),
    (
        "out-of-memory",
        START
        + REGISTERED
        + "agent.service: A process of this unit has been killed by the OOM killer.\nagent.service: Failed with result 'oom-kill'.\n",
    ),
    ("out-of-memory", START + REGISTERED + "command terminated with exit code 137\n"),
    ("out-of-memory", START + REGISTERED + "ERROR: process exited with code 137\n"),
    ("worker-ended", START + REGISTERED + "command terminated with exit code 143\n"),
    ("worker-ended", START + REGISTERED + "INFO Main child exited normally with code: 0\n"),
    ("worker-ended", START + REGISTERED + "Terminated\n"),
    (
        "worker-ended",
        START
        + REGISTERED
        + "Warning  BackOff  1m  kubelet  Back-off restarting failed container agent in pod agent-7f9c\n",
    ),
    (
        "worker-ended",
        START
        + REGISTERED
        + "npm error Lifecycle script `start` failed with error:\nnpm error code 1\n",
    ),
    ("worker-ended", START + REGISTERED + " ELIFECYCLE  Command failed with exit code 1.\n"),
    ("worker-ended", START + REGISTERED + "Container called exit(0).\n"),
    ("worker-ended", START + REGISTERED + "Received SIGTERM, shutting down\n"),
    (
        "worker-ended",
        NODE_START
        + NODE_REGISTERED
        + '{"level":20,"time":1763910001300,"pid":1,"hostname":"d","version":"1.2.3","msg":"draining worker"}\n',
    ),
    (
        "worker-ended",
        NODE_START
        + NODE_REGISTERED
        + '{"level":20,"time":1763910001300,"pid":1,"hostname":"d","version":"1.2.3","msg":"worker closed due to SIGTERM."}\n',
    ),
    (
        "worker-ended",
        START
        + REGISTERED
        + "Nov 20 09:00:00 host systemd[1]: Stopping LiveKit agent...\nNov 20 09:00:00 host systemd[1]: Stopped LiveKit agent.\n",
    ),
    (
        "worker-ended",
        START
        + REGISTERED
        + 'Traceback (most recent call last):\n  File "/app/main.py", line 3, in <module>\n    x\nKeyboardInterrupt\n',
    ),
    ("worker-ended", START + REGISTERED + "[process exited with code 1 (0x00000001)]\n"),
    ("worker-ended", START + REGISTERED + "The container stopped with exit code 0\n"),
    # recovered
    ("", START + REGISTERED + "worker-1 exited with code 0\n" + START + REGISTERED),
    ("", START + REGISTERED + "Stopping Container\nStarting Container\n" + START + REGISTERED),
    # server logs
    (
        "server-config",
        "could not parse config: yaml: line 3: mapping values are not allowed in this context\n",
    ),
    ("port-taken", "listen udp 0.0.0.0:7882: bind: address already in use\n"),
    (
        "redis-unreachable",
        "unable to connect to redis: dial tcp: lookup redis on 127.0.0.11:53: no such host\n",
    ),
    (
        "server-config",
        '2026-11-20T09:00:00.000Z\tERROR\tlivekit\tserver/main.go:1\tcould not create server\t{"error": "TURN domain required"}\n',
    ),
    (
        "",
        SERVER_START
        + '2026-11-20T09:00:01.000Z\tINFO\tlivekit.agents\tservice/agentservice.go:1\tworker registered\t{"namespace": "", "jobType": "JT_ROOM", "agentName": "", "workerID": "AW_1"}\n',
    ),
    (
        "worker-ended",
        SERVER_START
        + '2026-11-20T09:00:01.000Z\tINFO\tlivekit.agents\tservice/agentservice.go:1\tworker registered\t{"namespace": "", "jobType": "JT_ROOM", "agentName": "", "workerID": "AW_1"}\n2026-11-20T09:00:05.000Z\tINFO\tlivekit\tserver/main.go:1\texit requested, shutting down\t{"signal": "terminated"}\n',
    ),
    (
        "no-such-worker",
        '{"level":"info","ts":1763910001.5,"logger":"livekit","caller":"agent/client.go:181","msg":"not dispatching agent job since no worker is available","agentName":"bob","jobType":"JT_ROOM","room":"x","roomID":"RM_1"}\n',
    ),
    # plugin missing for others
    (
        "missing-plugin",
        TRACEBACK
        + "ImportError: cannot import name 'noise_cancellation' from 'livekit.plugins' (unknown location)",
    ),
    (
        "missing-plugin",
        TRACEBACK
        + "ModuleNotFoundError: No module named 'livekit.plugins.turn_detector.multilingual'",
    ),
    # misc
    ("unknown-log", '10.0.0.1 - - [20/Nov/2026] "GET /agent HTTP/1.1" 200 livekit.agents\n'),
    (
        "crashed",
        'Traceback (most recent call last):\n  File "/srv/livekit.agents/x.py", line 1, in <module>\nZeroDivisionError: division by zero\n',
    ),
    (
        "unexplained-errors?",
        START
        + REGISTERED
        + '{"message": "boom", "level": "ERROR", "name": "my.tools", "exc_info": "Traceback (most recent call last):\\n  File \\"/app/tools.py\\", line 3, in f\\n    x\\nhttpx.ConnectTimeout", "timestamp": "2026"}\n',
    ),
    (
        "unexplained-errors?",
        NODE_START
        + NODE_REGISTERED
        + '{"level":50,"time":1763910001300,"pid":1,"hostname":"d","err":{"type":"TypeError","message":"x","stack":"TypeError: x\\n    at y"},"msg":"boom"}\n',
    ),
    (
        "entrypoint-raised",
        NODE_START
        + NODE_REGISTERED
        + '{"level":50,"time":1763910001300,"pid":1,"hostname":"d","error":{"type":"TypeError","message":"x","stack":"TypeError: x\\n    at y"},"msg":"error in entry function"}\n',
    ),
    (
        "media-blocked",
        NODE_START
        + NODE_REGISTERED
        + '{"level":50,"time":1763910001300,"pid":1,"hostname":"d","error":{"type":"ConnectError","message":"engine: connection error: wait_pc_connection timed out","stack":"ConnectError: engine: connection error: wait_pc_connection timed out\\n    at y"},"msg":"error in entry function"}\n',
    ),
    (
        "worker-failed",
        START
        + "2026-11-20 09:20:03,101 - ERROR livekit.agents - worker failed {}\n"
        + TRACEBACK
        + "RuntimeError: x\n",
    ),
    (
        "server-unreachable",
        START
        + "2026-11-20 09:20:03,101 - ERROR livekit.agents - worker failed {}\n"
        + TRACEBACK
        + "RuntimeError: failed to connect to livekit after 16 attempts\n",
    ),
    ("", START + REGISTERED + "Usage: say hello\n" + REGISTERED),
    (
        "missing-plugin?",
        START
        + TRACEBACK
        + "ModuleNotFoundError: No module named 'livekit.plugins.silero'\n"
        + REGISTERED,
    ),
]

# What healthy workers log, and what is printed beside it.
NOISE = [
    ("DEBUG", "asyncio", "Using selector: EpollSelector"),
    (
        "INFO",
        "livekit.agents",
        'plugin registered {"plugin": "livekit.plugins.silero", "version": "1.8.9"}',
    ),
    ("WARNING", "livekit.plugins.turn_detector", "deprecated"),
    (
        "WARNING",
        "livekit.agents",
        'process memory usage is above the warning threshold {"memory_usage_mb": 600}',
    ),
    ("INFO", "my.app", "usage: 3 tokens"),
    ("INFO", "my.app", "a person exited with code 3"),
    ("INFO", "my.app", "command not found in the grammar"),
    ("INFO", "my.app", "OPENAI_API_KEY is set"),
    ("DEBUG", "livekit.agents", 'shutting down job task {"reason": "", "user_initiated": false}'),
    ("INFO", "livekit.agents", 'process exiting {"reason": "room disconnected"}'),
    ("INFO", "livekit.agents", "job exiting"),
    ("ERROR", "livekit.agents", 'process exited with non-zero exit code -15 {"pid": 3}'),
    ("WARNING", "my.app", "Timeout while waiting for the user"),
    ("INFO", "my.app", "session failed to match: retrying"),
    ("WARNING", "livekit.agents", "event loop blocked for 163ms at x"),
    ("INFO", "my.app", "user said: no module named patience"),
    ("INFO", "httpx", 'HTTP Request: POST https://api.openai.com/v1 "HTTP/1.1 200 OK"'),
    ("INFO", "my.app", "Shutting down the call"),
    (
        "INFO",
        "livekit",
        "livekit_ffi::server:139:livekit_ffi::server - initializing ffi server v0.12",
    ),
    (
        "WARNING",
        "livekit",
        'livekit::rtc_engine:446:livekit::rtc_engine - received session close: "signal client closed: \\"stream closed\\""',
    ),
    ("INFO", "my.app", "error rate 0.0"),
    ("DEBUG", "my.app", "certificate has expired? no"),
    ("INFO", "my.app", "Killed the music"),
    ("INFO", "app.health", "livekit: GET / 200"),
]
PRINTED = [
    "hello world",
    "Usage: 3 tokens",
    "user: I got Killed in the game",
    "Downloading model... 100%",
    "INFO:     Application startup complete.",
    "[1/3] step",
    "Stopped listening for a moment",
    "error: none",
    " * Serving",
    "Press Ctrl+C to quit",
    "error rate: 0",
    "> agent@1.0.0 start\n> node dist/agent.js start",
    "(node:123) ExperimentalWarning: x\n(Use `node --trace-warnings ...` to show where the warning was created)",
    "UserWarning: x",
    "/app/x.py:3: UserWarning: y\n  warn()",
    "Using CPython 3.12.3\nInstalled 90 packages in 100ms",
    "+ exec python agent.py start",
]
