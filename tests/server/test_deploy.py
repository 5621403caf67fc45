"""What docs/ gives to those who run servers fits what there is."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from kinemacolor.server.main import _parser
from kinemacolor.server.metrics import ServerMetrics
from kinemacolor.server.settings import collect
from kinemacolor.server.state_tiers import Tier
from kinemacolor.server.status import ServerStatus
from kinemacolor.server.status_collector import StatusCollector

DOCS = Path(__file__).parents[2] / "docs"
DEPLOY = DOCS / "deploy"


def status() -> ServerStatus:
    values: dict[str, Any] = dict.fromkeys(ServerStatus.__slots__, 0)
    tiers = dict.fromkeys(Tier, 0)
    return ServerStatus(
        **values
        | {"clips": (), "state_bytes": tiers, "state_counts": tiers, "model_load_seconds": {}, "device_memory": {}}
    )


@pytest.fixture(scope="module")
def series() -> set[str]:
    """Names that a query may use, without the prefix."""
    metrics = ServerMetrics()
    metrics.registry.register(StatusCollector(status))
    metrics.set_build(version="1", device="cpu", torch="2")
    text = generate_latest(metrics.registry).decode()
    found = set()
    for name, kind in re.findall(r"# TYPE kinemacolor_(\w+) (\w+)", text):
        if not name.endswith("_created"):  # the server leaves them out
            found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def queries() -> list[str]:
    board = json.loads((DOCS / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return asked + [each["query"]["query"] for each in board["templating"]["list"] if each["type"] == "query"]


def test_the_dashboard_asks_for_metrics_that_there_are(series: set[str]) -> None:
    asked = {name for query in queries() for name in re.findall(r"kinemacolor_(\w+)", query)}
    assert asked <= series
    whole = {re.sub("_(bucket|sum|count)$", "", name) for name in series}
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert whole - shown == {"clip_states"}  # their bytes say more


def test_the_dashboard_has_no_panel_over_another() -> None:
    taken = set()
    for panel in json.loads((DOCS / "grafana.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + column, at["y"] + row) for column in range(at["w"]) for row in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_metric_is_explained(series: set[str]) -> None:
    table = (DOCS / "server.md").read_text().partition("### Metrics")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert explained == {re.sub("_(bucket|sum|count)$", "", name) for name in series}


def test_the_options_of_the_unit_are_understood() -> None:
    lines = (DEPLOY / "kinemacolor.env").read_text().splitlines()
    options = [line.partition("=")[2] for line in lines if "KINEMACOLOR_OPTIONS=" in line]
    private, public = (_parser().parse_args(shlex.split(each)) for each in options)
    assert private.http == "127.0.0.1:7412"
    assert (public.http, public.tls_key.name) == ("0.0.0.0:7412", "tls-key")
    variables = dict(line.lstrip("#").split("=", 1) for line in lines if "=" in line)
    assert (
        collect(private, variables)["http"].value == private.http
    )  # systemd gives the server the file's variables, too


def test_the_options_of_the_container_are_understood() -> None:
    words = re.findall(r"^ +- (--\S+)$", (DEPLOY / "compose.yaml").read_text(), re.MULTILINE)
    assert _parser().parse_args(words).http == "0.0.0.0:7412"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_one(tmp_path: Path) -> None:
    unit = (DEPLOY / "kinemacolor.service").read_text()
    (tmp_path / "kinemacolor.service").write_text(unit.replace("/opt/kinemacolor/bin/kinemacolor", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "kinemacolor.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "kinemacolor.service" not in done.stderr
