"""Create a project from the template in this package. cookiecutter does the work."""

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from cookiecutter.cli import main as cookiecutter
from jinja2 import Environment, TemplateSyntaxError

PACKAGE = Path(__file__).parent
# In a clone the template is in the root, where cookiecutter looks for it.
TEMPLATE = PACKAGE if (PACKAGE / "cookiecutter.json").exists() else PACKAGE.parent
# Options about where a template comes from. `--version` is of this package.
NOT_OURS = {"template", "checkout", "directory", "list_installed", "version"}


def check_answers(answers: Mapping[str, str]) -> None:
    """Refuse answers to questions that the template does not ask: cookiecutter drops them.

    Also those that Jinja cannot read: cookiecutter renders answers, and would print a traceback.
    """
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    public = [question for question in questions if not question.startswith("_")]
    for name, answer in answers.items():
        if name not in public:
            (likely,) = get_close_matches(name, public, 1) or [""]
            hint = f"Did you mean {likely}?" if likely else f"The questions: {', '.join(public)}."
            raise click.ClickException(f"the template does not ask {name}. {hint}")
        try:
            Environment(autoescape=True).parse(answer)
        except TemplateSyntaxError as error:
            hint = "{{, {% and {# are Jinja's here; at the prompt, you can type them"
            raise click.ClickException(f"{name}: {error} ({hint})") from None


def without_traceback(record: logging.LogRecord) -> bool:
    """Log one line: the hook that stopped a bake has already said why."""
    record.exc_info = None
    return True


def bake(**options: Any) -> None:
    """Bake a copy of the template: an installer may have put bytecode next to the files."""
    check_answers(options["extra_context"] or {})
    logging.getLogger("cookiecutter.hooks").addFilter(without_traceback)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "cookiecutter-livekit-agent")  # names the file that --replay reads
        copy.mkdir()
        shutil.copy(TEMPLATE / "cookiecutter.json", copy)
        for name in ("hooks", "{{cookiecutter.project_slug}}"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(TEMPLATE / name, copy / name, ignore=ignore)
        unused = {"checkout": None, "directory": None, "list_installed": False}
        try:
            with warnings.catch_warnings():
                # cookiecutter drops such an answer of a configuration file, and all after it.
                warnings.filterwarnings("error", "Invalid default received")
                cookiecutter.callback(str(copy), **unused, **options)
        except (click.Abort, click.ClickException, click.exceptions.Exit):
            raise
        except UserWarning as warning:
            hint = "Correct your configuration file, or use --default-config."
            raise click.ClickException(f"{warning} {hint}") from None
        except Exception as error:  # an answer, a file or a folder that cookiecutter does not check
            if options.get("verbose"):
                raise
            raise click.ClickException(str(error) or type(error).__name__) from None


main = click.version_option(package_name="cookiecutter-livekit-agent")(
    click.Command(
        "cookiecutter-livekit-agent",
        context_settings=cookiecutter.context_settings,
        params=[option for option in cookiecutter.params if option.name not in NOT_OURS],
        callback=bake,
        help="Create a LiveKit agent project in a new folder."
        " EXTRA_CONTEXT: answers, such as dispatch=explicit.",
    )
)

if __name__ == "__main__":
    main()
