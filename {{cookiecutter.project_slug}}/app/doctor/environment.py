"""Check the environment: the settings, and variables that name a worker."""

import os
from dataclasses import replace

from pydantic import ValidationError

from app.dispatch import names
from app.doctor.finding import Finding, found, ok
from app.settings import Settings


def read_settings() -> Settings | list[Finding]:
    """Read the settings, or return what is wrong with them, without any value."""
    try:
        return Settings()
    except UnicodeDecodeError:
        return [found("environment", "settings-encoding")]
    except ValidationError as error:
        findings = []
        for details in error.errors(include_input=False):
            variable = "_".join(map(str, details["loc"])).upper()
            source = "in this shell" if os.environ.get(variable) else "in .env"
            values = {"variable": variable, "message": details["msg"], "source": source}
            finding = found("environment", "settings", **values)
            findings.append(replace(finding, cause=f"settings-{details['type']}"))
        return findings


def check(settings: Settings) -> list[Finding]:
    findings = [
        found("environment", "named-by-environment", variable=variable, name=name)
        for variable in names.NAMING_VARIABLES
        if (name := os.environ.get(variable)) and name != names.our_name(settings)
    ]
    # begin only pipeline or realtime
    if settings.missing_key:
        findings.append(found("environment", "no-model-key", missing=settings.missing_key))
    # end only pipeline or realtime
    return findings or [ok("environment", "The settings are complete.")]
