"""Check the environment: the settings, and variables that name a worker."""

import os
from collections.abc import Iterator
from functools import partial

from pydantic import ValidationError

from app.dispatch import names
from app.doctor.finding import Finding
from app.settings import Settings

problem = partial(Finding, "environment", "problem")
warning = partial(Finding, "environment", "warning")

NOTHING_STARTS = "Neither the worker nor the token backend starts."


def read_settings() -> Settings | list[Finding]:
    """Read the settings, or return what is wrong with them."""
    try:
        return Settings()
    except ValidationError as error:
        return list(wrong_settings(error))
    except UnicodeDecodeError:
        seen = ".env is not UTF-8 text."
        advice = "Save it as UTF-8, or copy .env.example again."
        return [problem("settings-encoding", seen, NOTHING_STARTS, advice)]


def wrong_settings(error: ValidationError) -> Iterator[Finding]:
    """Yield a finding for each variable that is wrong, without its value."""
    for details in error.errors(include_input=False):
        variable = "_".join(map(str, details["loc"])).upper()
        source = "in this shell" if os.environ.get(variable) else "in .env"
        yield problem(
            f"settings-{details['type']}",
            f"{variable} {details['msg']}.",
            NOTHING_STARTS,
            f"Correct it {source}; .env.example describes it.",
        )


def check(settings: Settings) -> Iterator[Finding]:
    own_name = names.our_name(settings)
    is_fine = True
    for variable in names.NAMING_VARIABLES:
        if (name := os.environ.get(variable, own_name)) not in ("", own_name):
            is_fine = False
            yield warning(
                "named-by-environment",
                f"{variable} is set to {name!r} in this shell.",
                "This project's worker ignores it. Any other worker started here gets the name, "
                "and then only rooms that ask for it.",
                "Remove it from this shell and from what sets it",
                f"unset {variable}",
            )
    # begin only pipeline or realtime
    if settings.missing_key:
        is_fine = False
        yield warning(
            "no-model-key",
            f"{settings.missing_key}.",
            "The agent joins, but cannot hear or speak. It writes this in the chat.",
            "Put it in .env, restart the worker, and join a new room.",
        )
    # end only pipeline or realtime
    if is_fine:
        yield Finding("environment", "ok", "", "The settings are complete.")
