"""What the environment says: the settings, and names that do not belong there."""

import os
from collections.abc import Iterator

from pydantic import ValidationError

from app.dispatch import names
from app.doctor.finding import Finding
from app.settings import Settings


def read_settings() -> Settings | list[Finding]:
    """Read the settings; if they are wrong, return what is."""
    try:
        return Settings()
    except ValidationError as error:
        return list(wrong_settings(error))
    except UnicodeDecodeError:
        return [
            Finding(
                "environment",
                "problem",
                "settings-encoding",
                ".env is no text in UTF-8.",
                "Neither worker nor token backend starts like this.",
                "Save it as UTF-8, or copy .env.example anew.",
            )
        ]


def wrong_settings(error: ValidationError) -> Iterator[Finding]:
    """A finding for each variable that is wrong; none shows its value."""
    for each in error.errors(include_input=False):
        variable = "_".join(map(str, each["loc"])).upper()
        there = "in this shell" if os.environ.get(variable) else "in .env"
        yield Finding(
            "environment",
            "problem",
            f"settings-{each['type']}",
            f"{variable} {each['msg']}.",
            "Neither worker nor token backend starts like this.",
            f"Correct it {there}; .env.example says what belongs there.",
        )


def look(settings: Settings) -> Iterator[Finding]:
    """What names the workers that are started here."""
    own = names.our_name(settings)
    clean = True
    for variable in names.NAMING_VARIABLES:
        if (name := os.environ.get(variable, own)) not in ("", own):
            clean = False
            yield Finding(
                "environment",
                "warning",
                "named-by-environment",
                f"{variable} is set to {name!r} in this shell.",
                "This project's worker ignores it. Any other that starts here gets the name, and "
                "then only the rooms that ask for it.",
                f"unset {variable}",
            )
    # begin only pipeline or realtime
    if settings.missing_key:
        clean = False
        yield Finding(
            "environment",
            "warning",
            "no-model-key",
            f"{settings.missing_key}.",
            "The agent joins, but can neither hear nor speak: it writes this into the chat.",
            "Put it into .env, start the worker anew, and join a new room.",
        )
    # end only pipeline or realtime
    if clean:
        yield Finding("environment", "ok", "", "The settings are complete.")
