"""All causes that `livekit-doctor` can find; script/causes_page.py makes docs/causes.md of them."""

from livekit_doctor.finding import Cause
from livekit_doctor.logs.causes import CAUSES as IN_LOGS
from livekit_doctor.project.causes import CAUSES as IN_CODE

# Where the page is read.
URL = "https://github.com/org/cookiecutter-livekit-agent/blob/main/docs/causes.md"


def link(cause: str) -> str:
    """Return where the page explains a cause."""
    return f"{URL}#{cause}" if cause else ""


def tables() -> dict[str, tuple[Cause, ...]]:
    """Return the causes, by where they are found.

    The same id may be in several tables. The page then has one heading, with a part for each.
    """
    return {"In a log": IN_LOGS, "In code": IN_CODE}
