"""Run the programs of the Procfile with honcho: LiveKit server, worker and token backend.

honcho reads .env in a way of its own: a `#` ends a value, and .env overrides the environment. So it
gets the variables from here, as app/settings.py reads them.
"""

import os
import sys

from dotenv import dotenv_values
from honcho.command import main  # type: ignore[import-untyped]

from app.settings import Settings, env_file, load_settings

PREFIXES = ("ASSISTANT_", "DISPATCH_", "TOKEN_", "WORKER_")


def run() -> None:
    """Run them with the options in sys.argv, such as `-p 9000`."""
    settings = load_settings()
    path, encoding = env_file()
    for name, value in dotenv_values(path, encoding=encoding).items():
        os.environ.setdefault(name, value or "")
        if name.upper().startswith(PREFIXES) and name.lower() not in Settings.model_fields:
            print(f"{name} in .env is not a setting: .env.example lists them", file=sys.stderr)
    options = ("-e", "none", "-p", str(settings.port))
    sys.argv[1:] = ["start", *options, *sys.argv[1:]]
    main()


if __name__ == "__main__":
    run()
