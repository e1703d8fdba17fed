"""The smallest worker that livekit-agents allows, to compare its start with a project's."""

from livekit.agents import AgentServer, JobContext, cli

server = AgentServer(host="127.0.0.1", port=0, num_idle_processes=4)


@server.rtc_session()
async def entrypoint(job: JobContext) -> None:
    await job.connect()


if __name__ == "__main__":
    cli.run_app(server)
