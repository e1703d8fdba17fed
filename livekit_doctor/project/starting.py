"""Do the project's images, process lists and scripts start its workers, and as they should?"""

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from livekit_doctor.project import commands
from livekit_doctor.project.commands import Command
from livekit_doctor.project.files import LOCK, PYTHON
from livekit_doctor.project.images import Image
from livekit_doctor.project.notes import Notes, Place
from livekit_doctor.project.python import Modules
from livekit_doctor.project.releases import exports
from livekit_doctor.project.requests import name_of

SERVES = {"start", "dev"}
SUBCOMMANDS = SERVES | {"console", "connect", "download-files", "simulate"}
DEFAULT_PORT = 8081  # of `start`, in all releases
DOCKERFILE = re.compile(r".*Dockerfile.*|Containerfile")
NODE_WORKER = re.compile(r"\bcli\s*\.\s*runApp\s*\(|\brunApp\s*\(\s*new\s+(?:Worker|Server)Options")
NODE_PLUGIN = re.compile(
    r"""(?m)^(?:import\b[^;'"]{0,500}|\}[ \t]{0,5}|(?:const|let|var)\b[^;'"]{0,200}require\()"""
    r"""(?:from[ \t]{0,5})?['"](@livekit/agents-plugin-[\w-]+)['"]"""
)
NODE_TURN_DETECTOR = "@livekit/agents-plugin-livekit"
NODE_OF_0X = re.compile(
    r"""(?m)^import[ \t]{1,5}\{[^}'"]{0,500}?\b(multimodal|pipeline)\b[^}'"]{0,500}\}"""
    r"""\s{0,20}from[ \t]{0,5}['"]@livekit/agents['"]"""
)
# `args: ["start"]` and `docker run agent start`, wherever they are written.
PASSED = re.compile(
    r"""(?i)\b(?:args|command)["']?\s{0,5}[:=]\s{0,5}[\[(]?\s{0,20}(?:-\s{0,5})?["']?(?:start|dev)\b"""
    r"""|\b(?:docker|podman|nerdctl|compose)\b(?>[^\n]{0,300}?\brun\b)[^\n]{0,300}?\s(?:start|dev)\b"""
)
# Code that reads the command line itself, or changes it.
OWN_COMMAND_LINE = re.compile(r"sys\.argv|argparse|process\.argv|\bclick\b|typer|\bfire\b|docopt")


@dataclass(frozen=True)
class Program:
    """A file that runs a worker."""

    file: str
    is_own_command_line: bool
    port: int | None


def programs(texts: Mapping[str, str], modules: Modules) -> Iterator[Program]:
    for file, text in texts.items():
        if file.endswith(".ipynb"):
            continue  # it has no command line
        if file.endswith(".py") and "run_app" in text and "livekit" in text:
            module = modules.module(file)
            calls = [n for n in ast.walk(module.tree) if isinstance(n, ast.Call)] if module else []
            if any(name_of(call.func) == "run_app" for call in calls):
                yield Program(file, bool(OWN_COMMAND_LINE.search(text)), port(calls))
        elif not re.search(r"\.[mc]?[jt]s$", file) or "@livekit/agents" not in text:
            continue
        elif NODE_WORKER.search(text):
            is_own = bool(OWN_COMMAND_LINE.search(text))
            found = re.search(r"\bport\s*:\s*([^,}\s]+)", text)
            number = int(found[1]) if found and found[1].isdigit() else None
            yield Program(file, is_own, number if found else DEFAULT_PORT)


def port(calls: Iterable[ast.Call]) -> int | None:
    for call in calls:
        if name_of(call.func) in ("WorkerOptions", "ServerOptions", "AgentServer"):
            for keyword in call.keywords:
                if keyword.arg == "port":
                    value = keyword.value
                    is_number = isinstance(value, ast.Constant) and isinstance(value.value, int)
                    return value.value if is_number else None  # type: ignore[attr-defined]
                if keyword.arg is None:
                    return None
    return DEFAULT_PORT


# What does no work by itself at the top of a file.
HARMLESS = {"load_dotenv", "basicConfig", "getLogger", "setLevel", "rtc_session"}
WORKER = re.compile(r"\b(?:AgentServer|WorkerOptions|rtc_session)\b")


def is_only_definitions(tree: ast.Module) -> bool:
    """Whether a file only defines things, so that running it does nothing."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                pass
            case ast.Import() | ast.ImportFrom() | ast.Assign() | ast.AnnAssign():
                pass
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Call(func=func)) if name_of(func) in HARMLESS:
                pass
            case _:
                return False
    return True


def is_copied(file: PurePosixPath, sources: Iterable[str]) -> bool:
    """Whether an image has this file of the project."""
    return any(
        file.is_relative_to(source.rstrip("/*").removeprefix("./") or ".") for source in sources
    )


def check(texts: Mapping[str, str], modules: Modules, notes: Notes, unread: dict[str, str]) -> None:
    """Report images and process lists that do not start a worker, or not as they should."""
    Starts(texts, modules, notes, unread).check()


class Starts:
    def __init__(
        self, texts: Mapping[str, str], modules: Modules, notes: Notes, unread: dict[str, str]
    ) -> None:
        self._texts, self._modules, self._notes = texts, modules, notes
        self._programs = {program.file: program for program in programs(texts, modules)}
        self._files = defaultdict[str, list[str]](list)  # by their names
        for file in texts:
            self._files[PurePosixPath(file).name].append(file)
        self._images: list[Image] = []
        self._commands: list[Command] = []
        for file, text in texts.items():
            try:
                if DOCKERFILE.fullmatch(PurePosixPath(file).name) and not file.endswith(
                    ".dockerignore"
                ):
                    image = Image(file, text)
                    self._images.append(image)
                    for command in image.start():
                        self._commands += self._follow(command)
                else:
                    for command in commands.read(file, text):
                        self._commands += self._follow(command)
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
                if "livekit" in text.lower():
                    unread.setdefault(file, "does not parse")

    def check(self) -> None:
        for command in self._commands:
            self._imports(command)
        if not self._programs:
            return
        runs = [
            (command, program) for command in self._commands if (program := self._program(command))
        ]
        served_by = defaultdict[str, set[str]](set)  # the files that start each program
        for command, program in runs:
            if command.subcommand in SERVES:
                served_by[program.file].add(command.place.file)
        served = {*served_by}
        starts = {program.file for command, program in runs if command.subcommand == "start"}
        served |= {program.file for command, program in runs if command.subcommand is None}
        overridden = any(
            c.program in SERVES and not c.place.file.endswith("Dockerfile") for c in self._commands
        )
        self._package_scripts()
        self._packages()
        self._shadows()
        stopped = {program.file for command, program in runs if command.subcommand == ""}
        for command, program in runs:
            if program.is_own_command_line or command.subcommand is None:
                continue
            shown = command.shown
            is_replaced = bool(served_by[program.file] - {command.place.file}) or overridden
            if command.subcommand == "":
                seen = f"`{shown}` does not say start."
                if (is_replaced and "image" in command.machine) or {"--help", "-h"} & {
                    *command.arguments
                }:
                    pass
                elif not command.is_open:
                    self._notes.say("no-subcommand", command.place, seen)
                elif not self._is_mode_passed:
                    seen += " Nothing was found that adds it when the image is run."
                    self._notes.say("no-subcommand", command.place, seen, "warning")
            elif command.subcommand not in SUBCOMMANDS and program.file.endswith(".py"):
                seen = f"`{shown}`: the worker has no command {command.subcommand!r}."
                self._notes.say("wrong-subcommand", command.place, seen)
            elif command.subcommand not in SERVES and program.file not in served | stopped:
                if command.is_deployed:
                    mode = command.subcommand
                    seen = f"`{shown}` starts the worker with {mode}, and nothing with start."
                    self._notes.say("wrong-subcommand", command.place, seen)
            elif (
                command.subcommand == "dev"
                and command.is_deployed
                and not (is_replaced or program.file in starts)
            ):
                is_for_development = re.search(r"dev|local", command.place.file, re.IGNORECASE)
                if not is_for_development:
                    seen = f"`{shown}` starts a deployed worker with dev."
                    self._notes.say("dev-in-production", command.place, seen, "warning")
        self._ports(runs)
        for image in self._images:
            mine = [c for c in self._commands if c.machine == f"{image.file} image"]
            if any(self._program(command) for command in mine):
                self._models(image, mine)
            elif not runs:
                self._not_started(image, mine)

    def _imports(self, command: Command) -> None:
        """Report a Python file that cannot be run as a script, or that only defines a worker."""
        if command.program == "python -m" or not command.target.endswith(".py"):
            return
        file = self._resolve(command)
        module = self._modules.module(file) if file and "livekit" in self._texts[file] else None
        if not file or not module:
            return
        for node in module.tree.body:
            if isinstance(node, ast.ImportFrom) and node.level:
                seen = (
                    f"`{command.shown}` ({command.place}) runs this file as a "
                    "script, where relative imports fail."
                )
                self._notes.say("import-failed", Place(file, node.lineno), seen)
                return
        if is_only_definitions(module.tree) and WORKER.search(self._texts[file]):
            imported = {*re.findall(r"(?m)^(?:from|import)\s+([\w.]+)", self._texts[file])}
            others = [self._modules.find(0, name, file) for name in imported]
            if not any(other and "run_app" in self._texts[other.file] for other in others):
                seen = f"`{command.shown}` runs {file}, which calls no run_app."
                self._notes.say("not-run", command.place, seen)

    def _shadows(self) -> None:
        """Report a file that hides the SDK from a script beside it."""
        for file in self._programs:
            folder = PurePosixPath(file).parent
            if (folder / "__init__.py").as_posix() in self._texts or not file.endswith(".py"):
                continue  # part of a package, which is started from elsewhere
            for name in ("livekit.py", "livekit/__init__.py"):
                if (shadow := (folder / name).as_posix()) in self._texts:
                    seen = f"{file} imports this file instead of LiveKit's livekit."
                    self._notes.say("import-failed", Place(shadow, 1), seen)

    @cached_property
    def _is_mode_passed(self) -> bool:
        """Whether a text gives an image its arguments: a template of Helm, or a README, too."""
        code = (".py", ".ts", ".js")
        return any(PASSED.search(t) for f, t in self._texts.items() if not f.endswith(code))

    def _program(self, command: Command) -> Program | None:
        """Return the worker that a command runs."""
        if command.program == "python -m" and command.target in (
            "livekit.agents",
            "livekit.agents.cli",
        ):
            # It finds the worker by itself.
            workers = [p for p in self._programs.values() if p.file.endswith(".py")]
            return replace(workers[0], is_own_command_line=False) if len(workers) == 1 else None
        file = self._resolve(command)
        return self._programs.get(file) if file else None

    def _resolve(self, command: Command) -> str | None:
        """Return the file of this project that Python or Node runs."""
        target = command.target or self._notes.releases.scripts.get(command.program, "")
        if not target or "$" in target:
            return None
        if command.program == "python -m" or not command.target:
            path = target.replace(".", "/")
            names = [f"{path}.py", f"{path}/__main__.py"]
        else:
            path = str(PurePosixPath(target)).lstrip("/").removeprefix("./")
            names = [path]
            if found := re.fullmatch(r"(?:.*/)?(?:dist|build|lib|out|\.next)/(.*)\.[mc]?js", path):
                names = [f"{found[1]}.{suffix}" for suffix in ("ts", "mts", "js")]
        folder = PurePosixPath(command.place.file).parent
        best: tuple[int, int, str] | None = None
        for name in names:
            parts = PurePosixPath(name).parts
            # The image's own folder, such as /app, is not a folder of the project.
            for start in range(len(parts)):
                wanted = "/".join(parts[start:])
                for file in self._files.get(parts[-1], ()):
                    if file == wanted or file.endswith(f"/{wanted}"):
                        is_near = PurePosixPath(file).is_relative_to(folder)
                        candidate = (is_near, -start, file)
                        if (
                            best is None
                            or candidate[:2] > best[:2]
                            or (candidate[:2] == best[:2] and len(file) < len(best[2]))
                        ):
                            best = candidate
        return best[2] if best else None

    def _follow(self, command: Command, hops: int = 3) -> Iterator[Command]:
        """Yield the command, or those of the script, process list or package script it starts."""
        folder = PurePosixPath(command.place.file).parent
        inner: Iterable[Command] = ()
        script = command.program if command.program.endswith((".sh", ".bash")) else ""
        if commands.SHELLS.match(command.program) and command.arguments:
            script = next((a for a in command.arguments if not a.startswith("-")), "")
        if script and (file := self._near(folder, script)):
            inner = commands.read(file, self._texts[file])
        elif command.program in ("honcho", "foreman", "supervisord"):
            wanted = "Procfile" if command.program != "supervisord" else "supervisord.conf"
            named = [a for a in command.arguments if "." in a or "/" in a]
            if file := self._near(folder, named[-1] if named else wanted):
                inner = commands.read(file, self._texts[file])
        elif command.program in ("npm", "yarn", "pnpm", "bun"):
            inner = self._package_script(folder, command)
        found = list(inner) if hops and command.is_deployed else []
        if not found:
            yield command
        for part in found:
            changed = replace(part, machine=command.machine, is_deployed=True)
            yield from self._follow(changed, hops - 1)

    def _near(self, folder: PurePosixPath, script: str) -> str | None:
        files = list(self._files.get(PurePosixPath(script).name, ()))
        files.sort(key=lambda f: (not PurePosixPath(f).is_relative_to(folder), len(f)))
        return files[0] if files else None

    def _package_script(self, folder: PurePosixPath, command: Command) -> Iterator[Command]:
        words = [word for word in command.arguments if word not in ("run", "--", "--silent")]
        for parent in (folder, *folder.parents):
            if text := self._texts.get((parent / "package.json").as_posix()):
                try:
                    script = json.loads(text).get("scripts", {}).get(words[0] if words else "start")
                except (ValueError, AttributeError):
                    return
                if isinstance(script, str):
                    rest = " ".join(words[1:])
                    yield from commands.commands(command.place, f"{script} {rest}", command.machine)
                return

    def _packages(self) -> None:
        """Report plugins of Node that no package.json asks for."""
        asked: dict[str, str] = {}
        for file, text in self._texts.items():
            if PurePosixPath(file).name == "package.json":
                try:
                    package = json.loads(text)
                    for kind, wanted in package.items():
                        asked |= wanted if "ependencies" in kind else {}
                except (ValueError, AttributeError, TypeError):
                    return
        if "@livekit/agents" not in asked:
            return  # this is only a part of a repository
        for file, text in self._texts.items():
            if re.search(r"\.[mc]?[jt]s$", file) and not file.endswith(".d.ts"):
                for found in NODE_PLUGIN.finditer(text):
                    if found[1] not in asked:
                        place = Place(file, text.count("\n", 0, found.start(1)) + 1)
                        seen = f"The code imports {found[1]}, and no package.json asks for it."
                        self._notes.say("missing-plugin", place, seen)
                for found in NODE_OF_0X.finditer(text):
                    if not re.match(r"[~^<=]*0\.", str(asked["@livekit/agents"])):
                        place = Place(file, text.count("\n", 0, found.start(1)) + 1)
                        seen = f"The code imports {found[1]}, which @livekit/agents 1.0 removed."
                        self._notes.say("old-api", place, seen)

    def _package_scripts(self) -> None:
        """Report scripts of package.json that start a worker without `start`."""
        prose = "\n".join(
            t for f, t in self._texts.items() if not f.endswith((".py", ".ts", ".js"))
        )
        for file, text in self._texts.items():
            if PurePosixPath(file).name != "package.json" or '"scripts"' not in text:
                continue
            try:
                scripts = json.loads(text).get("scripts", {})
            except (ValueError, AttributeError):
                continue
            for name, script in scripts.items() if isinstance(scripts, dict) else []:
                if not isinstance(script, str):
                    continue
                place = commands.line_of(file, text, f'"{name}"')
                for command in commands.commands(place, script, file, is_deployed=False):
                    program = self._program(command)
                    if not program or program.is_own_command_line or command.subcommand != "":
                        continue
                    runner, mode = "(npm|pnpm|yarn|bun)( run)?", "(start|dev|connect|console)"
                    given = rf"{runner} {re.escape(name)}( --)? {mode}"
                    if name in ("start", "dev", "serve", "agent", "worker") and not re.search(
                        given, prose
                    ):
                        seen = f"The script {name!r}, `{script[:100]}`, does not say start."
                        self._notes.say("no-subcommand", place, seen)

    def _ports(self, runs: list[tuple[Command, Program]]) -> None:
        """Report workers that share a port on one machine."""
        machines = defaultdict[str, list[tuple[Command, Program]]](list)
        for command, program in runs:
            if command.subcommand == "start" and program.port:
                is_service = command.place.file.endswith(".service")
                machines["systemd" if is_service else command.machine].append((command, program))
        for machine, pairs in machines.items():
            ports: dict[int, Command] = {}
            is_script = pairs[0][0].place.file.endswith((".sh", ".bash"))
            for command, program in pairs:
                first = ports.setdefault(program.port or 0, command)
                if first is command or (
                    first.place == command.place and first.words == command.words
                ):
                    continue
                if is_script and "&\n" not in self._texts[command.place.file].replace(
                    "& \n", "&\n"
                ):
                    continue  # one after the other
                is_sure = machine != "systemd" and not machine.startswith("Procfile")
                seen = f"This worker and that of {first.place} both listen on port {program.port}."
                self._notes.say(
                    "port-taken", command.place, seen, "problem" if is_sure else "warning"
                )

    def _not_started(self, image: Image, mine: list[Command]) -> None:
        """Report an image that certainly starts something else, if nothing starts a worker."""
        folder = PurePosixPath(image.file).parent
        near = [
            program
            for program in self._programs.values()
            if (path := PurePosixPath(program.file)).is_relative_to(folder)
            and is_copied(path.relative_to(folder), image.last.sources)
        ]
        if not near or not image.stages or not image.last.is_base_known:
            return
        worker = near[0]
        name = PurePosixPath(worker.file).stem
        starts = re.compile(
            rf"(\b{re.escape(name)}(\.\w+)?|livekit\.agents)['\", ]+(start|dev)\b|\blk agent\b"
        )
        for file, text in self._texts.items():
            if not LOCK.fullmatch(PurePosixPath(file).name) and starts.search(text):
                return  # a README counts, too: somebody starts it by hand
        is_named = re.compile(
            rf"(?:import|from)\b[^\n]*\b{re.escape(name)}\b|subprocess|multiprocessing|\.run\("
        )
        for command in mine:
            if command.program == "livekit-agents" and not worker.file.endswith(".py"):
                return
            if command.program in commands.OTHERS:
                continue
            if not commands.PYTHONS.match(command.program) or command.target.endswith("manage.py"):
                return  # it may start anything
        others = [command for command in mine if command.program in commands.OTHERS]
        files = [f for c in mine if (f := self._resolve(c))]
        files += [
            f
            for c in others
            for w in c.arguments
            if ":" in w
            if (f := self._resolve(replace(c, program="python -m", target=w.partition(":")[0])))
        ]
        if any(is_named.search(self._texts[file]) for file in files):
            return
        if mine and not others:
            return
        place = mine[0].place if mine else Place(image.file, 1)
        shown = " ".join(mine[0].words)[:100] if mine else "no command"
        seen = f"The image starts `{shown}`, and nothing here starts {worker.file}."
        self._notes.say("worker-not-started", place, seen, "warning")

    def _models(self, image: Image, mine: list[Command]) -> None:
        """Report model files that the image lacks, or that lie where the worker does not look."""
        stage, folder = image.last, PurePosixPath(image.file).parent
        if any("download-files" in " ".join(command.words) for command in mine):
            return
        plugin = next(self._plugins_with_models(folder), None)
        if not plugin or "LIVEKIT_REMOTE_EOT_URL" in "".join(self._texts.values()):
            return
        place = next((s.downloaded_by[1] for s in [stage] if s.downloaded_by), None)
        is_mounted = any(
            re.search(r"huggingface|HF_HOME|\.cache", text)
            for file, text in self._texts.items()
            if file.endswith((".yml", ".yaml", ".toml"))
        )
        wanted = stage.model_folder()
        if None in stage.models or wanted in stage.models or is_mounted or wanted is None:
            return
        if place:
            where = (
                ", ".join(sorted(str(model) for model in stage.models)) or "nowhere in this stage"
            )
            if stage.is_cached:
                where = "in a cache mount, which is not part of the image"
            seen = (
                f"The worker runs as {stage.user} and looks for the model files of "
                f"{plugin} in {wanted}, but they are {where}."
            )
            self._notes.say("model-files-elsewhere", place, seen)
        elif stage.is_base_known and not self._runs_unknown(image, plugin[0] == "@"):
            at = mine[0].place
            self._notes.say(
                "model-files-missing", at, f"{plugin} needs model files, and no RUN fetches them."
            )

    def _runs_unknown(self, image: Image, is_of_node: bool) -> bool:
        """Whether the build runs a script that may fetch model files."""
        text = self._texts[image.file]
        if is_of_node:
            hooks = r'"(?:pre|post)?(?:install|build|prepare)":[^\n]*download'
            packages = (t for f, t in self._texts.items() if f.endswith("package.json"))
            return any(re.search(hooks, package) for package in packages)
        for script in re.findall(r"([\w./-]+\.(?:sh|py|bash))", text):
            file = self._near(PurePosixPath(image.file).parent, script)
            if not file or ("download" in self._texts[file] and file not in self._programs):
                return True
        return bool(re.search(r"RUN .*\b(make|just|task|npm|invoke|nox)\b|download|snapshot", text))

    def _plugins_with_models(self, folder: PurePosixPath) -> Iterator[str]:
        for file, text in self._texts.items():
            if (
                file.endswith((".ts", ".js", ".mts", ".mjs"))
                and PurePosixPath(file).is_relative_to(folder)
                and NODE_TURN_DETECTOR in NODE_PLUGIN.findall(text)
                and "turnDetector" in text
            ):
                yield NODE_TURN_DETECTOR
            if not PYTHON.fullmatch(PurePosixPath(file).name) or not PurePosixPath(
                file
            ).is_relative_to(folder):
                continue
            for found in re.findall(
                r"(?m)^\s*(?:from|import)\s+livekit\.plugins(?:\.(\w+)|\s+import\s+([^#\n]+))", text
            ):
                for name in re.findall(r"\w+", " ".join(found)):
                    plugin = name.replace("_", "-")
                    if any(
                        exports().downloads(plugin, minor)
                        for minor in self._notes.release(file).minors
                    ):
                        yield f"livekit-plugins-{plugin}"
