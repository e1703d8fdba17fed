# file only pipeline or realtime
"""The worker of this project as it is without a .env."""

from livekit.agents import cli

from app.settings import Settings

Settings.model_config["env_file"] = None  # in the process of each job, too

from app import agent  # noqa: E402

if __name__ == "__main__":
    cli.run_app(agent.server)
