"""The Prometheus queries of a project's dashboard and documentation are valid.

(A project's tests/e2e/test_observability.py shows that these metrics exist.)
"""

import json
import re
from pathlib import Path

import promql_parser
import pytest

from tests.baking import bake


@pytest.mark.parametrize("livekit_agents", ["1.8", "1.0.23"])
def test_every_query_is_valid(tmp_path: Path, livekit_agents: str) -> None:
    project = bake(tmp_path, livekit_agents=livekit_agents, deploy="kubernetes")
    panels = json.loads(project.read("deploy/grafana/dashboard.json"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    alarms = project.read("docs/observability.md").partition("## Alarms")[2]
    queries += [quoted for quoted in re.findall("`([^`]+)`", alarms) if "_" in quoted]
    assert len(queries) > 5
    for query in queries:
        promql_parser.parse(query.replace("$__rate_interval", "5m"))
