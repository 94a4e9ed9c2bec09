"""Grafana finds the data source and the dashboards by what stands in the provisioning files."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ops.dashboards.panels import SOURCE

FOLDER = Path(__file__).parents[2] / "ops" / "grafana" / "provisioning"


def provisioned(kind: str) -> dict[str, Any]:
    (path,) = (FOLDER / kind).iterdir()
    content = YAML(typ="safe").load(path)
    assert content["apiVersion"] == 1
    (only,) = content["providers" if kind == "dashboards" else "datasources"]
    assert isinstance(only, dict)
    return only


def test_the_source_bears_the_uid_that_the_panels_ask() -> None:
    source = provisioned("datasources")
    assert (source["uid"], source["type"]) == (SOURCE.uid, SOURCE.type_val)
    assert source["url"] == "http://prometheus:9090"


def test_the_dashboards_stand_in_their_folder_and_cannot_be_changed_in_grafana() -> None:
    provider = provisioned("dashboards")
    assert provider["folder"] == "Answer grader"
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert not provider["allowUiUpdates"]
