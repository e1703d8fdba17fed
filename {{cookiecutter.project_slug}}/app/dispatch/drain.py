# file only 1.8
"""Lets a stopping worker end after its last job."""

import asyncio
from typing import Any

from livekit.agents.ipc.job_proc_executor import ProcJobExecutor
from livekit.agents.ipc.job_thread_executor import ThreadJobExecutor


def yield_after_each_job() -> None:
    """Make the SDK's drain yield to its event loop after each job that it waited for.

    If two jobs end at the same moment, the drain of livekit-agents 1.8.9 waits for the second one,
    which has ended, again and again. It never yields, so that the SDK cannot forget this job. The
    worker is deaf to its drain timeout, and keeps a core busy until it is killed (measured).
    """
    for executor in (ProcJobExecutor, ThreadJobExecutor):
        patch(executor)


def patch(executor: Any) -> None:
    join = executor.join

    async def join_and_yield(job: object) -> None:
        await join(job)
        await asyncio.sleep(0)

    executor.join = join_and_yield
