# file only pipeline or realtime
"""This project's worker without its .env."""

from livekit.agents import cli

from app.settings import Settings

Settings.model_config["env_file"] = None  # also in each job's process, which imports this module

from app import agent  # noqa: E402

if __name__ == "__main__":
    cli.run_app(agent.server)
