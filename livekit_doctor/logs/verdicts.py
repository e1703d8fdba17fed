"""Tables of known records in logs, and the cause that each one shows."""

import re
from dataclasses import dataclass, field

from livekit_doctor.finding import Level
from livekit_doctor.logs.records import Record

FLAGS = re.IGNORECASE | re.MULTILINE


@dataclass(frozen=True)
class Verdict:
    """How to recognise a record, and the sentence about it.

    Attributes:
        cause: the id of a cause; empty if nothing is wrong.
        seen: what to say. In braces: `agent`, `host`, `status`, `error`, and the groups of `also`.
            If it is empty, the record is normal, and nothing is said.
        says: the record holds one of these texts, in lower case.
        also: it matches this pattern, too.
        fields: it has these fields, which match these patterns.
        unless: it does not match this pattern.
        crash_only: it is not a message with a level, but what a program prints as it ends.
        follows: causes that lead to this record; if one was found, this one is left out.
        until_registered: whether a worker that registers later has overcome the problem.
    """

    cause: str
    level: Level
    seen: str
    says: tuple[str, ...]
    also: str = ""
    fields: dict[str, str] = field(default_factory=dict, hash=False)
    unless: str = ""
    crash_only: bool = False
    follows: tuple[str, ...] = ()
    until_registered: bool = False

    def match(self, record: Record, whole: str, lower: str) -> dict[str, str] | None:
        """Return the named values in a record, or None if it does not match.

        Args:
            whole: the record's text.
            lower: the same in lower case.
        """
        if not any(map(lower.__contains__, self.says)):
            return None
        if self.crash_only and record.is_header:
            return None
        for name, pattern in self.fields.items():
            if name not in record.fields or not re.search(pattern, record.fields[name]):
                return None
        if self.unless and re.search(self.unless, whole, re.IGNORECASE):
            return None
        if not self.also:
            return {}
        found = re.search(self.also, whole, FLAGS)
        return {name: text for name, text in found.groupdict().items() if text} if found else None


# With what follows: "failed to connect to LiveKit Inference STT" is about a provider of models.
WORKER = tuple(f"failed to connect to livekit{what}" for what in (",", " after", " server"))
# A job connects to its room with another library than the worker.
# httpx, with which providers of models are called, has a ConnectError of its own.
JOB = (
    *("signal failure", "rtc.room.connecterror", "error while connecting to a room"),
    *("engine: connection error", "engine: internal error"),
)
HTTP_STATUS = re.compile(
    r"(?:server response: |HTTP error: |status(?: code)?:? ?)(?P<ws>\d{3})\b"
    r"|\b(?P<aiohttp>\d{3}), message="
)
HOST = re.compile(
    r"Cannot connect to host (?P<aiohttp>[\w.:\[\]-]{1,200}:\d+)"
    r"|(?:ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH) (?P<node>[\w.:]{1,200}:\d+)"
    r"|ENOTFOUND (?P<dns>[\w.-]{1,200})|EAI_AGAIN (?P<again>[\w.-]{1,200})"
    r"|url=(?:URL\()?'(?P<url>(?:wss?|https?)://[\w.:\[\]-]{1,200})"
    r"|LiveKit server \((?P<option>(?:wss?|https?)://[\w.:\[\]-]{1,200})"
    r"|dial tcp (?P<go>[\w.:\[\]-]{1,200}:\d+)",
    re.IGNORECASE,
)
CERTIFICATE = (
    r"certificate.?verify.?failed|self.signed certificate|certificate has expired"
    r"|unable to verify the first certificate|unable to get local issuer"
    r"|does not match certificate's altnames|invalid peer certificate|x509: |ERR_TLS_CERT"
    r"|ClientConnectorCertificateError|native root CA certificates|InvalidCertificate"
)
SELF_SIGNED, EXPIRED, OTHER_HOST, UNKNOWN_AUTHORITY = (
    r"self.signed",
    r"has expired|not yet valid|NotValidYet|: Expired|CertExpired",
    r"hostname mismatch|address mismatch|altnames|NotValidForName|valid for .{1,100}, not ",
    r"unable to get (?:local )?issuer|first certificate|UnknownIssuer|unknown authority|root CA",
)
# Why a worker (or one of its jobs) has no connection: cause, sentence, pattern of the reason.
REASONS = (
    ("key-refused", "{host} refuses the worker's key or secret (HTTP 401).", "status 401"),
    ("certificate", "The TLS certificate of {host} is self-signed.", SELF_SIGNED),
    ("certificate", "The TLS certificate of {host} has expired, or is not valid yet.", EXPIRED),
    ("certificate", "The TLS certificate of {host} is for another host.", OTHER_HOST),
    (
        "certificate",
        "The TLS certificate of {host} is from an authority that the worker does not know.",
        UNKNOWN_AUTHORITY,
    ),
    ("certificate", "The TLS certificate of {host} is not trusted.", CERTIFICATE),
    (
        "tls-mismatch",
        "The worker speaks TLS (wss://) with {host}, which does not.",
        r"WRONG_VERSION_NUMBER|wrong version number|RECORD_LAYER_FAILURE|record layer failure"
        r"|EPROTO|UNEXPECTED_EOF|packet length too long|HTTP_REQUEST|InvalidContentType"
        r"|corrupt message|SSLError|\[SSL\b",
    ),
    (
        "tls-mismatch",
        "The worker speaks without TLS (ws://) with {host}, which wants TLS.",
        r"Expected HTTP/|HTTPS port|BadStatusLine|Invalid HTTP|httparse error|Parse Error"
        r"|Bad status line|BadHttpMessage",
    ),
    (
        "proxy",
        "A proxy refuses the connection to the LiveKit server.",
        r"Proxy ?Auth|\d{3}, message='(?!Invalid response status)[^']*', url='http|ProxyError"
        r"|ProxyConnection|proxy connection|CONNECT tunnel|status 407",
    ),
    ("forbidden", "{host} forbids the connection (HTTP 403).", "status 403"),
    ("rate-limit", "{host} refuses so many connections (HTTP 429).", "status 429"),
    ("gateway", "{host} answers with an error of its own (HTTP {status}).", r"status 5\d\d"),
    (
        "not-livekit",
        "What answers at {host} is not a LiveKit server, or not for workers (HTTP {status}).",
        r"status \d{3}|Invalid response status|expected register response",
    ),
    (
        "url-invalid",
        "LIVEKIT_URL is not a valid URL.",
        r"^\S*:/\S*/agent$|connect to host  |InvalidUrl|NonHttpUrl|Invalid ?URL|URL scheme|Port "
        r"out of range|Url(?:Redirect)?ClientError"
        r"|UrlError|relative URL|host can't be|EmptyHost|empty host|UnsupportedScheme|invalid port",
    ),
    (
        "unknown-host",
        "The host name of {host} is unknown.",
        r"Name or service not known|nodename nor servname|ENOTFOUND|EAI_AGAIN|getaddrinfo"
        r"|name resolution|No address associated|no such host|Domain name not found"
        r"|Could not contact DNS|failed to lookup address|dns error|ClientConnectorDNSError",
    ),
    (
        "connection-lost",
        "The worker lost its connection to the LiveKit server.",
        r"connection closed unexpectedly|Cannot write to closing transport|ServerShutdown",
    ),
    (
        "hang-up",
        "{host} ends the connection without an answer.",
        r"Server disconnected|socket hang up|ECONNRESET|Connection reset|ConnectionResetError"
        r"|Broken pipe|EPIPE|unexpected EOF|closed before|IncompleteRead|hung up|WSMsgType\.CLOSE"
        r"|Received message 25[78]|Handshake not finished",
    ),
    (
        "timeout",
        "{host} does not answer in time, or there is no route to it.",
        r"tim(?:ed?.?out|eout)|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|unreachable|No route to host",
    ),
    (
        "server-unreachable",
        "Nothing listens at {host}.",
        r"Connect call failed|ECONNREFUSED|refused|Errno 111|Errno 61|WinError 1225|WinError 10061",
    ),
    ("server-unreachable", "The worker cannot reach {host}.", ""),
)


MEDIA = Verdict(
    "media-blocked",
    "problem",
    "A job reached the LiveKit server, but no media connection came about.",
    (
        *("wait_pc_connection timed out", "could not establish pc connection"),
        *("pc connection timed out", "peer connection timed out", "could not connect after"),
        *("publisher connection timeout", "ice connection failed", "connection state: failed"),
        *("timed out waiting for pc", "pcconnectiontimeout", "wait_pc_connection"),
    ),
)


def connections() -> tuple[Verdict, ...]:
    """Return the verdicts on connections that fail: of the worker, then of a job."""
    of_workers = [
        Verdict(
            cause,
            "problem",
            seen,
            WORKER,
            pattern,
            follows=() if pattern else tuple(reason for reason, *_ in REASONS),
            until_registered=True,
        )
        for cause, seen, pattern in REASONS
    ]
    of_jobs = [
        Verdict(
            cause if cause != "server-unreachable" else "signal-failure",
            "problem",
            f"A job could not connect to its room. {seen.replace('The worker', 'It')}",
            JOB,
            pattern,
        )
        for cause, seen, pattern in REASONS
        if pattern and cause not in ("connection-lost", "url-invalid")
    ]
    return (*of_workers, MEDIA, *of_jobs)


NAME_OF_0X = (
    r"(?:Voice(?:Pipeline)?Agent|VoiceAssistant|MultimodalAgent|multimodal|pipeline"
    r"|voice_assistant|FunctionContext|ai_callable|TypeInfo|AssistantCallContext|AgentCallContext"
    r"|ChatImage|transcription|STTSegmentsForwarder|TTSSegmentsForwarder)\b"
)
KEY_NAME = (
    r"\b(?-i:(?!LIVEKIT)[A-Z][A-Z0-9]{1,30}(?:_[A-Z0-9]{1,30}){0,4}_"
    r"(?:KEY|TOKEN|SECRET|CREDENTIALS))\b"
)
# An object of LiveKit's, in the message of an AttributeError.
OBJECT = (
    r"(?:AgentServer|WorkerOptions|ServerOptions|JobContext|JobProcess|JobRequest|AgentSession"
    r"|ChatContext|RunContext|RoomIO|RoomInputOptions|RoomOptions|Worker)"
)

# Programs that end before they log anything, by what they print at last.
CRASHES = (
    Verdict(
        "port-taken",
        "problem",
        "A program could not listen on its port, because another one has it.",
        ("address already in use", "eaddrinuse", "winerror 10048", "only one usage of each socket"),
    ),
    Verdict(
        "native-library",
        "problem",
        "A native library does not load on this system.",
        (
            *("cannot open shared object file", "dll load failed", "invalid elf header"),
            *("error relocating", "error loading shared library", "exec format error"),
            *("wrong elf class", "incompatible architecture", "' not found (required by"),
            *("@livekit/rtc-node-", "@livekit/rtc-ffi", "cannot find native binding"),
            *("failed to load native binding", "the specified module could not be found"),
        ),
        unless=r'"msg"|native binding unavailable',
    ),
    Verdict(
        "model-files-denied",
        "problem",
        "The files of a model cannot be read by the user of the worker.",
        ("permission denied", "permissionerror", "eacces"),
        r"huggingface|\.cache|hf_home|download.files|model|transformers|torch",
    ),
    Verdict(
        "model-files-missing",
        "problem",
        "The files of a model were not downloaded.",
        (
            *("could not find model", "downloaded the model", "file not found in cache"),
            *("model files not found", "localentrynotfounderror", "download-files` to download"),
            *("cannot find the requested files in the local cache", "failed to initialize mult"),
            *("turn-detector initialization failed", "offline mode is enabled"),
            *("couldn't connect to 'https://huggingface.co'", "outgoing traffic has been disabled"),
        ),
        unless=r"invoking the download-files command",
    ),
    Verdict(
        "runner-timeout",
        "problem",
        "The process that runs models did not start.",
        (
            *("runner initialization timed out", "inference process initialization failed"),
            *("error initializing inference runner", "inference runner initialization"),
            *("inference executor initialization", "error initializing inference process"),
            "_inference_executor.initialize()",
        ),
        follows=("model-files-missing", "model-files-denied"),
    ),
    Verdict(
        "runner-timeout",
        "problem",
        "The process that runs models did not start.",
        ("initialization timed out",),
        fields={"inference": "(?i)true"},
        follows=("model-files-missing", "model-files-denied", "runner-timeout"),
    ),
    Verdict(
        "old-api",
        "problem",
        "The code uses {what} of livekit-agents 0.x, which the installed release does not have.",
        ("cannot import name", "no module named", "has no attribute", "an export named"),
        rf"(?:import name|named|attribute) '(?P<what>{NAME_OF_0X})'.{{0,60}}(?:livekit|$)"
        rf"|livekit\.agents(?:\.\w+){{0,2}}' has no attribute '(?P<what2>{NAME_OF_0X})"
        r"|No module named 'livekit\.agents\.(?P<what3>pipeline|multimodal|voice_assistant"
        r"|transcription)"
        r"|'ChatContext' object has no attribute '(?P<what4>append|messages)'",
    ),
    Verdict(
        "missing-plugin",
        "problem",
        "The plugin {what} is not installed.",
        ("livekit.plugins", "@livekit/agents-plugin-"),
        r"from livekit\.plugins import (?P<what>\w+)[\s\S]*No module named 'livekit\.plugins'"
        r"|No module named '(?P<what5>livekit\.plugins(?:\.\w+)?)"
        r"|cannot import name '(?P<what2>\w+)' from 'livekit\.plugins'"
        r"|module 'livekit\.plugins' has no attribute '(?P<what4>\w+)'"
        r"|Cannot find (?:package|module) ['\"](?P<what3>@livekit/agents-plugin-[\w-]+)",
    ),
    Verdict(
        "sdk-missing",
        "problem",
        "{what} is not installed in this environment.",
        ("livekit",),
        r"No module named '?(?P<what>livekit(?:\.(?:agents|rtc|api|protocol))?)'?(?:$|;|\\n)"
        r"|No module named '(?P<what2>livekit\.\w+)'; 'livekit' is not a package"
        r"|Cannot find (?:package|module) ['\"](?P<what3>@livekit/(?:agents|rtc-node))['\"]",
    ),
    Verdict(
        "missing-name",
        "problem",
        "The installed release of {module} has no {what}.",
        (
            *("cannot import name", "no module named", "has no attribute", "an export named"),
            *("is not a function", "is not a constructor"),
        ),
        r"cannot import name '(?P<what>\w+)' from '(?P<module>livekit[\w.]*)'"
        r"|No module named '(?P<what2>livekit\.[\w.]+)'|No module named "
        r"(?P<what6>livekit\.agents\.__main__)"
        r"|module '(?P<module3>livekit[\w.]*)' has no attribute '(?P<what3>\w+)'"
        rf"|'?(?P<module4>{OBJECT})'? (?:object )?has no attribute '(?P<what4>\w+)'"
        r"|type object '(?P<module7>Agent|AgentTask|Room)' has no attribute '(?P<what7>\w+)'"
        r"|TypeError: (?P<what8>(?:cli|voice|llm|multimodal|pipeline|inference)\.\w+|defineAgent"
        r"|AgentServer|WorkerOptions|ServerOptions) is not a (?:function|constructor)"
        r"|module '(?P<module5>@livekit/[\w/-]+)' does not provide an export named "
        r"'(?P<what5>\w+)'",
        unless=r"partially initialized module",
    ),
    Verdict(
        "unknown-option",
        "problem",
        "{call} has no argument {what}.",
        ("unexpected keyword argument",),
        r"(?P<call>[\w.<>]{1,100})\(\) got an unexpected keyword argument '(?P<what>\w+)'",
    ),
    Verdict(
        "unknown-option",
        "problem",
        "{call} is called with the wrong arguments.",
        ("missing 1 required", "required positional argument", "required keyword-only", "takes "),
        r"TypeError: (?P<call>[\w.<>]{1,100})\(\) (?:missing \d+ required"
        r"|takes (?:from )?\d+.{0,40} arguments?)",
    ),
    Verdict(
        "syntax-error",
        "problem",
        "The code does not parse{place}.",
        ("syntaxerror", "indentationerror", "taberror", "error ts", "transform failed with"),
        r"^(?:Uncaught )?(?:SyntaxError|IndentationError|TabError)\b|error TS\d+:|Transform failed",
        unless=r"JSON|invalid url",
        crash_only=True,
    ),
    Verdict(
        "settings-missing",
        "problem",
        "Missing settings: {what}.",
        (
            *("is required", "are required", "keyerror", "is missing", "not set", "not defined"),
            *("must be set", "environment variable", "undefined", "missingcredentials"),
            *("field required", "unbound variable", "none of the following", "missing required"),
            *("must be provided", "please set", "variable not", '"required"', "not found"),
        ),
        r"\b(?P<what>LIVEKIT_(?:URL|API_KEY|API_SECRET))\b|(?P<what2>ws_url) is required"
        r"|^(?P<what3>livekit_(?:url|api_key|api_secret))$",
        unless=r"is too short|swapped|placeholder|must begin|401|invalid token",
    ),
    Verdict(
        "provider-key-missing",
        "problem",
        "Missing settings: {what}.",
        (
            *("api_key", "api key", "keyerror", "credentials", "_token", "_secret", "_key"),
            *("defaultcredentialserror", "nocredentialserror"),
        ),
        rf"(?P<what>{KEY_NAME}).{{0,80}}"
        r"(?:is required|must be|missing|not set|not found|not provided|variable|undefined)"
        r"|(?:set|setting|provide|via|missing|KeyError:|environment variable|pass)\W.{0,120}?"
        rf"(?P<what2>{KEY_NAME})",
        unless=r"incorrect api key|invalid api key|invalid_api_key|\b401\b",
    ),
    # Without the name of a variable.
    Verdict(
        "provider-key-missing",
        "problem",
        "Missing settings: {what}.",
        ("api key", "_key", "_token", "_secret", "defaultcredentials", "nocredentials"),
        r"\b(?P<what>\w{1,60}) API key is (?:required|missing)|API key (?:is )?(?:required|missing)"
        r"|\b(?P<what2>\w{1,60}_(?:key|token|secret)) is (?:required|missing)"
        r"|DefaultCredentialsError|NoCredentialsError",
        unless=r"incorrect api key|invalid api key|invalid_api_key|\b401\b",
    ),
    Verdict(
        "settings-missing",
        "problem",
        "Missing settings: {what}.",
        ("keyerror", "is missing: .env.example", "environment variable", "field required"),
        r"^KeyError: '(?P<what>[A-Z][A-Z0-9_]{2,60})'|^(?P<what2>[A-Z][A-Z0-9_]{2,60}) is missing: "
        r"|\b(?P<what3>[A-Z][A-Z0-9]+_[A-Z0-9_]{2,60}) (?:environment variable )?"
        r"(?:is not set|is required|not set|must be set|is missing)",
        crash_only=True,
    ),
    Verdict(
        "settings-invalid",
        "problem",
        "The program refuses its settings: {what}.",
        (
            *("is too short: ", "is still a placeholder", "must begin with wss", "must be a url"),
            *("are swapped", "validation error", ".env", "must be a number", "must be origins"),
            "error parsing value for field",
            *("input should be", "unable to parse", "regexes", "docker and kubectl keep"),
            *("a space or", "repeats something too often", "has an option that", "cannot be used"),
        ),
        r"^(?P<what>[A-Z][A-Z0-9_]{2,60})(?:: | (?:is|must|and|has|should|begins|ends|contains"
        r"|does|repeats|\d+ of) )"
        r"|^(?P<what2>[A-Z][A-Z0-9_]{2,60}) [Ii]nput should"
        r"|validation errors? for (?P<what3>\w*(?:Settings|Config|Env|Options)\w*)"
        r"|dotenv could not parse|error parsing value for field \"(?P<what4>\w+)\"",
        crash_only=True,
    ),
    Verdict(
        "no-such-file",
        "problem",
        "The command names a program or file that does not exist there{file}.",
        (
            *("can't open file", "executable file not found", "command not found", ": not found"),
            *("error while finding module specification", "no module named", "cannot find module"),
            *(
                "no such file or directory",
                "could not import module",
                "enoent",
                "is not recognized",
            ),
            *("is a package and cannot be directly executed", "failed to spawn", "file not found"),
            "permission denied",
            "missing script",
        ),
        r"can't open file '(?P<file>[^']{1,200})'|executable file not found|command not found"
        r"|^(?:/bin/)?(?:ba|da)?sh: (?:\d+: |line \d+: )?\S{1,100}: (?:not found|Permission denied)"
        r"|python[\d.]*(?:\.exe)?: (?:Error while finding|No module named)"
        r"|^Error: Cannot find module '(?P<file2>/[^']{1,200})'|is not recognized as"
        r"|exec:? .{1,200}: (?:no such file|permission denied)|Failed to spawn"
        r"|^exec .{1,200}: no such file or directory|cannot be directly executed"
        r"|^env: .{1,100}: No such file|npm (?:ERR!|error) (?:enoent|Missing script)|^error: "
        r"File not found"
        r"|Could not import module \"(?P<file3>[\w.]{1,100})\"",
    ),
    Verdict(
        "import-failed",
        "problem",
        "An import fails: there is no {what} in {module}.",
        ("cannot import name", "an export named", "circular import"),
        r"cannot import name '(?P<what>\w+)' from (?:partially initialized module "
        r")?'(?P<module>[\w.]+)'"
        r"|module '(?P<module2>[^']{1,100})' does not provide an export named '(?P<what2>\w+)'"
        r"|circular import",
    ),
    Verdict(
        "module-missing",
        "problem",
        "Not installed: {what}.",
        ("no module named", "cannot find module", "cannot find package", "err_module_not_found"),
        r"No module named '?(?P<what>[\w.-]{1,100})"
        r"|Cannot find (?:module|package) '(?P<what2>[^'\"]{1,200})['\"]",
    ),
    Verdict(
        "redis-unreachable",
        "problem",
        "The LiveKit server cannot reach its Redis.",
        ("unable to connect to redis", "redis: connection pool: failed"),
    ),
    Verdict(
        "server-config",
        "problem",
        "The LiveKit server refuses its configuration.",
        (
            *("could not parse config", "one of key-file or keys must be provided"),
            *("key file others permissions", "could not read key file", "no valid ip"),
            *("could not validate", "turn domain required", "turn tls cert required"),
            *("livekit.yaml: no such file", "api key and secret must be", "invalid keys"),
            *("invalid turn", "could not load keys", "cannot unmarshal"),
        ),
        unless=r"Traceback",
        crash_only=True,
    ),
    Verdict(
        "server-config",
        "problem",
        "The LiveKit server refuses its configuration.",
        (".yaml: no such file", ".yml: no such file", "config: no such file", ".yaml: permission"),
        r"^open \S{1,200}: ",
        crash_only=True,
    ),
    Verdict(
        "server-config",
        "warning",
        "The secret of the LiveKit server's key is shorter than 32 characters.",
        ("secret is too short, should be at least 32",),
    ),
    Verdict(
        "server-config",
        "problem",
        "The LiveKit server refuses its configuration.",
        ("turn domain required", "turn tls cert", "turn_servers", "could not create server"),
    ),
    Verdict(
        "build-failed",
        "problem",
        "Packages could not be installed, or an image could not be built.",
        (
            *("did not complete successfully: exit code", "failed to solve: ", "code eresolve"),
            *("no matching distribution found", "no solution found when resolving"),
            *("resolutionimpossible", "failed building wheel", "unable to find lockfile"),
            "could not find a version that satisfies",
            *("incompatible with the project's python req", "err_pnpm_outdated_lockfile"),
        ),
    ),
    Verdict(
        "console-mode",
        "problem",
        "The worker was started in the console, where it registers nowhere.",
        ("livekit agents - console", "starting console mode"),
        crash_only=True,
    ),
    Verdict(
        "usage",
        "problem",
        "The program only explained how to call it: its command is missing or unknown.",
        (
            *("usage:", "no such command", "invalid choice", "missing command", "no such option"),
            *("unknown command", "unknown option", "unrecognized arg", "unrecognized subcommand"),
            *("got unexpected extra argument", "missing argument", "missing option"),
            *("flag provided but not defined", "arguments are required", "unexpected argument"),
            *("invalid value for", "too many arguments", "no help topic"),
        ),
        r"^\W{0,40}usage:[\s\S]{1,120}?[\[<]"
        r"|(?:^|error\b.{0,4}:? ?|│ ?)(?:No such (?:command|option)"
        r"|Missing (?:command|argument|option)"
        r"|Got unexpected extra|Invalid value for)|error: (?:unknown|unrecognized|too many"
        r"|missing required|unexpected|invalid choice|argument \S{1,60}: invalid)"
        r"|arguments are required|flag provided but not defined|No help topic",
        crash_only=True,
    ),
)

AGENT_LEFT = "The server counts a job as failed, because its agent left the room first."
UNNAMED = "A worker is registered without a name."
UNKNOWN_NAME = "A worker is registered, but this log does not say whether it has a name."

# Workers, the server and jobs, by their messages. The most decisive cause first.
MESSAGES = (
    Verdict(
        "key-refused",
        "problem",
        "The LiveKit server refuses the worker's key or secret (HTTP 401).",
        ("error handling request",),
        fields={"status": "^401$", "path": "^/agent"},
        until_registered=True,
    ),
    Verdict(
        "worker-failed",
        "problem",
        "The worker ended with an exception{error}.",
        ("worker failed", "closing worker due to error", "worker error:"),
        unless=r"connection closed unexpectedly",
        follows=(
            *("port-taken", "key-refused", "server-unreachable", "runner-timeout"),
            *("model-files-missing", "model-files-denied", "proxy", "certificate", "tls-mismatch"),
            *("not-livekit", "gateway", "forbidden", "rate-limit", "hang-up", "unknown-host"),
            *("timeout", "url-invalid"),
        ),
    ),
    Verdict(
        "signal-failure",
        "problem",
        "A job could not connect to its room.",
        JOB,
        r"signal failure|room\.ConnectError|connecting to a room|engine: \w+ error",
    ),
    Verdict(
        "certificate",
        "warning",
        "A connection fails, because a TLS certificate is not trusted.",
        ("certificate", "x509"),
        CERTIFICATE,
        unless=r"handshake failed with client|remote error",
    ),
    Verdict(
        "no-such-worker",
        "problem",
        "A room asked for {agent}, and no such worker was registered.",
        ("no worker is available",),
        fields={"jobtype": "JT_ROOM"},
    ),
    Verdict(
        "nobody-answered",
        "problem",
        "A room asked for {agent}, and no such worker answered.",
        ("failed to send job request",),
        fields={"error": "no response from servers", "jobtype": "JT_ROOM"},
    ),
    Verdict(
        "named-worker",
        "warning",
        "A worker is registered as {agent}.",
        ("registered worker", "worker registered", "received job request"),
        fields={"agentname": "."},
    ),
    Verdict(
        "no-capacity",
        "problem",
        "The LiveKit server passed over all workers, because they were too busy.",
        ("no servers available (received",),
    ),
    Verdict(
        "no-answer",
        "problem",
        "The request handler ended without accept(), or raised, so the job was rejected.",
        (
            *("no answer was given inside the job", "job_request_fnc failed"),
            "jobrequestfunc failed",
        ),
    ),
    Verdict(
        "slow-handler",
        "problem",
        "A worker's answer to a job came too late, or never.",
        ("assignment for job", "failed to assign job", "failed to send job request"),
        r"assignment for job \S{1,100} timed out|context deadline exceeded|request timed out",
    ),
    Verdict(
        "all-refused",
        "problem",
        "Every worker that was asked refused the job.",
        ("no workers with sufficient capacity",),
        follows=("no-answer",),
    ),
    Verdict(
        "no-process",
        "problem",
        "The worker accepted a job, but had no process for it.",
        (
            *("failed to acquire process for job", "failed to launch job on process after"),
            "error launching job",
        ),
    ),
    Verdict(
        "provider-refused",
        "warning",
        "A provider of models refuses the key, or its quota is used up{error}.",
        (
            *("incorrect api key", "invalid api key", "invalid_api_key", "insufficient_quota"),
            *("authenticationerror", "ratelimiterror", "exceeded your current quota"),
            *("error code: 401", "error code: 402", "error code: 403", "error code: 429"),
            *("status_code=401", "status_code=402", "status_code=403", "status_code=429"),
            *("statuscode: 401", "statuscode: 429"),
        ),
    ),
    Verdict(
        "provider-refused",
        "warning",
        "A provider of models refuses the key, or its quota is used up{error}.",
        tuple(f"{status}, message=" for status in (401, 402, 403, 429)),
        r"\b\d{3}, message='[^']{0,100}', url=(?:URL\()?'wss?://[^'?]{1,300}(?<!/agent)['?]",
    ),
    Verdict(
        "provider-failed",
        "warning",
        "A provider of speech or language models fails{error}.",
        (
            *("failed to generate llm completion", "failed to synthesize speech"),
            *("failed to recognize speech", "_llm_inference_task", "_tts_inference_task"),
            *("due to unrecoverable error", "apistatuserror", "apiconnectionerror"),
            *("apitimeouterror", "realtime api", "apierror", "wsserverhandshakeerror"),
        ),
        unless=r"worker connection closed",
    ),
    Verdict(
        "entrypoint-raised",
        "problem",
        "The entrypoint of a job raised an exception{error}.",
        ("unhandled exception while running the job task", "error in entry function"),
    ),
    Verdict(
        "memory-limit",
        "problem",
        "The process of a job was killed: it used more memory than job_memory_limit_mb.",
        ("exceeded memory limit, killing",),
    ),
    Verdict(
        "job-died",
        "problem",
        "The process of a job died{exit_code}.",
        ("process exited with non-zero exit code",),
        r"exit code (?P<exit_code>-?\d+)",
        fields={"jobid": "."},
        follows=("memory-limit",),
    ),
    Verdict("", "ok", AGENT_LEFT, ("job ended",), fields={"error": "agent worker left the room"}),
    Verdict(
        "job-died",
        "problem",
        "The process of a job died.",
        ("job ended", "job process exited unexpectedly"),
        r"JS_FAILED|exited unexpectedly",
        follows=("memory-limit",),
    ),
    Verdict(
        "unresponsive",
        "warning",
        "The process of a job did not respond.",
        ("process is unresponsive", "executor is unresponsive", "job is unresponsive"),
    ),
    Verdict(
        "worker-full",
        "warning",
        "The worker reported that it is full.",
        ("worker is at full capacity", "marking as unavailable", "marking worker as unavailable"),
        follows=("slow-handler", "no-process"),
    ),
    Verdict(
        "slow-start",
        "warning",
        "A job process did not start: prewarm raised, or took longer than 10 seconds.",
        (
            *("error initializing process", "timed out waiting for idle processes"),
            *("initialization timed out", "spawns failed to initialize"),
        ),
        follows=("runner-timeout",),
    ),
    Verdict(
        "never-joined",
        "warning",
        "A job did not join its room.",
        (
            *("completed without establishing a connection", "room connection was not established"),
            "room not connect after job_entry",
        ),
        follows=("media-blocked", "signal-failure"),
    ),
    Verdict(
        "audio-filter",
        "warning",
        "The noise filter of LiveKit Cloud does not work with this server.",
        ("failed to initialize the audio filter", "audio filter cannot be enabled"),
    ),
    Verdict(
        "token-refused",
        "warning",
        "The LiveKit server refused a person's or a program's token (HTTP 401).",
        ("error handling request",),
        fields={"status": "^401$"},
    ),
    Verdict(
        "name-in-environment",
        "warning",
        "The environment gives the worker a name.",
        ("agent_name is set to",),
    ),
    Verdict(
        "",
        "ok",
        UNNAMED,
        ("registered worker", "worker registered", "received job request"),
        fields={"agentname": "^$"},
    ),
    Verdict(
        "",
        "ok",
        UNKNOWN_NAME,
        ("registered worker", "worker registered"),
    ),
    Verdict(
        "",
        "ok",
        "The server found no workers of the types participant and publisher.",
        ("no worker is available",),
        fields={"jobtype": "JT_P(?:ARTICIPANT|UBLISHER)"},
    ),
    Verdict(
        "",
        "ok",
        "The server tried to end a job whose worker had already gone.",
        ("failed to send job request", "failed sending terminatejob"),
        r"no response from servers|TerminateJob",
    ),
    # Errors that say nothing about agents: a process that waited for a job, or was told to end.
    Verdict("", "ok", "", ("process exited with non-zero exit code",)),
    Verdict(
        "",
        "ok",
        "",
        (
            *("process did not exit in time", "did not ack shutdown in time"),
            *("job shutdown is taking too much time", "agentsession.aclose() timed out"),
        ),
    ),
    # The connection of a job, which it takes up again. If it cannot, it says "failed".
    Verdict(
        "",
        "ok",
        "",
        (
            *("resuming connection... attempt", "restarting connection... attempt"),
            "unhandled websocket message",
        ),
    ),
    # Traces and reports for LiveKit Cloud.
    Verdict("", "ok", "", ("error in job_ctx._on_session_end", "failed to upload the session")),
    Verdict("", "ok", "", ("cloud trace pipeline",)),
    Verdict("", "ok", "", ("telemetry ",), r"^telemetry [\w ]{1,60} failed \("),
    # Somebody deleted the room, or removed the agent (livekit 1.1, measured).
    Verdict("", "ok", "", ("publisher data channel",), "closed unexpectedly"),
)
NORMAL = {
    AGENT_LEFT: (
        "It says so of every agent that ends its own conversation, and of one that died. The log "
        "of the worker tells which."
    ),
    UNKNOWN_NAME: (
        "livekit-agents 1.0 and 0.x, and @livekit/agents 0.x, do not log it there. With a name, a "
        "worker gets only the rooms that ask for it."
    ),
    UNNAMED: (
        "That is normal under automatic dispatch: it gets all rooms that ask for no agent by name."
    ),
    "The server found no workers of the types participant and publisher.": (
        "A false alarm, which rooms with an agent cause, too: its worker is of the type room."
    ),
    "The server tried to end a job whose worker had already gone.": (
        "A false alarm, in spite of 'failed to send job request': the room was closing."
    ),
}


class Table:
    """Verdicts, the first of which that matches counts."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = verdicts
        texts = {text for verdict in verdicts for text in verdict.says}
        # Without those that another one is part of, so that most lines are done with soon.
        self.texts = tuple(t for t in texts if not any(o != t and o in t for o in texts))

    def first(
        self, record: Record, whole: str, lower: str
    ) -> tuple[Verdict, dict[str, str]] | None:
        """Return the first verdict that matches a record, with the values that it names."""
        for verdict in self.verdicts:
            values = verdict.match(record, whole, lower)
            if values is not None:
                return verdict, values
        return None


QUIET = Table(*(v for v in MESSAGES if not v.cause.startswith(("provider", "certificate"))))
# A connection that fails may mention anything in its traceback, so it comes first.
CONNECTIONS = connections()
LOUD = Table(*CONNECTIONS, *MESSAGES)
LOUDEST = Table(*CONNECTIONS, *CRASHES, *MESSAGES)
# What ends a program, or keeps it from starting, so that its end needs no other explanation.
FATAL = {
    *(verdict.cause for verdict in CRASHES if verdict.level == "problem"),
    *("worker-failed", "port-taken"),
}
# What code of the user's can do at any time, and not only as the program starts.
IN_CODE = {
    verdict
    for verdict in CRASHES
    if not verdict.cause.startswith(("model-files", "runner")) and not verdict.crash_only
}
