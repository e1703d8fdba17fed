"""All causes that `livekit-doctor` can find, and the page docs/causes.md about them.

python -m livekit_doctor.causes > docs/causes.md
"""

import itertools

from livekit_doctor.finding import Cause
from livekit_doctor.logs.causes import CAUSES as IN_LOGS
from livekit_doctor.project.causes import CAUSES as IN_PROJECTS

# Where the page is read.
URL = "https://github.com/org/cookiecutter-livekit-agent/blob/main/docs/causes.md"
HEAD = """\
# Why no agent joins: the causes

What `livekit-doctor` and a baked project's `python -m app.doctor` can find, and what to do about
it. Each heading is the `cause` of a finding, and what LiveKit itself writes stands below it, so
that you can search for the line that you see.

Made by `python -m livekit_doctor.causes` from the tables in the code. Do not edit it.
"""


def link(cause: str) -> str:
    """Return where the page explains a cause."""
    return f"{URL}#{cause}" if cause else ""


def tables() -> dict[str, tuple[Cause, ...]]:
    """Return the causes, by where they are found.

    The same id may be in several tables. The page then has one heading, with a part for each.
    """
    return {"In a log": IN_LOGS, "In a project": IN_PROJECTS}


def page() -> str:
    """Return the text of docs/causes.md."""
    parts: dict[str, list[str]] = {}
    for where, table in tables().items():
        for cause in table:
            parts.setdefault(cause.id, []).append(part(cause, where))
    index = [
        f"- {where}: {', '.join(f'[{cause.id}](#{cause.id})' for cause in table)}"
        for where, table in tables().items()
    ]
    sections = [["## " + cause, "", "\n\n".join(texts), ""] for cause, texts in parts.items()]
    return "\n".join((HEAD, *index, "", *itertools.chain(*sections))).rstrip("\n") + "\n"


def part(cause: Cause, where: str) -> str:
    """Return what the page says about a cause, as one of the tables has it."""
    lines = [f"**{where}: {cause.title.rstrip('.')}.**", ""]
    if cause.wording:
        lines += ["```", *cause.wording, "```", ""]
    lines += [cause.means, "", f"What to do: {cause.advice}"]
    if cause.command:
        lines += ["", "```sh", cause.command, "```"]
    lines += ["", f"Measured: {cause.measured.rstrip('.')}."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
