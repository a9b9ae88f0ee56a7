"""Every shipped description is valid, and says to its backend what it should."""

from __future__ import annotations

import builtins
import importlib.resources
from dataclasses import replace

import jsonschema
import pytest
import yaml

from tasks import cluster_start
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig, ClusterError, shipped
from tasks.cluster_start import kubernetes_spec, security

pytest.importorskip("dask_kubernetes", reason="the extra kubernetes is not installed")

KUBERNETES = ClusterConfig.load("kubernetes")


def test_there_is_one_description_for_each_kind():
    assert {ClusterConfig.load(name).kind for name in shipped()} == set(shipped())
    assert shipped() == (
        "address", "gateway", "kubernetes", "local", "slurm", "threads",
    )  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    """What the operator's own resource definition says about a DaskCluster."""
    chart = "operator/deployment/helm/dask-kubernetes-operator/crds/daskcluster.yaml"
    text = (importlib.resources.files("dask_kubernetes") / chart).read_text("utf-8")
    return yaml.safe_load(text)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def test_the_operators_schema_takes_what_is_said_to_it(schema):
    spec = kubernetes_spec(KUBERNETES, "nightly-2013-07-22")
    jsonschema.validate(spec, schema)
    assert spec["spec"]["worker"]["replicas"] == 2
    for role in ("scheduler", "worker"):
        pod = spec["spec"][role]["spec"]
        container = pod["containers"][0]
        assert container["args"][:2] == ["dask", role]
        assert container["image"] == "consilience:0.1.0"
        assert {"name": "OMP_NUM_THREADS", "value": "1"} in container["env"]
        assert container["resources"]["limits"] == {"memory": "2Gi", "cpu": "1"}
        assert pod["volumes"][0]["name"] == container["volumeMounts"][0]["name"]


def test_the_operators_schema_refuses_what_is_wrong(schema):
    spec = kubernetes_spec(KUBERNETES, "nightly")
    spec["spec"]["worker"]["replicas"] = "two"
    with pytest.raises(jsonschema.ValidationError, match="'two'"):
        jsonschema.validate(spec, schema)


def test_pods_need_an_image():
    with pytest.raises(ClusterError, match="needs an image"):
        kubernetes_spec(replace(KUBERNETES, options={}), "nightly")


@pytest.mark.parametrize(
    ("kind", "package"), [("slurm", "dask_jobqueue"), ("gateway", "dask_gateway")]
)
def test_a_missing_package_is_named_with_its_extra(kind, package, monkeypatch):
    def absent(name: str, *args: object, **kwargs: object) -> object:
        if name == package:
            raise ModuleNotFoundError(name)
        return builtins.__import__(name)

    monkeypatch.setattr(cluster_start.importlib, "import_module", absent)
    with (
        cluster_session(ClusterConfig.load(kind)) as session,
        pytest.raises(ClusterError, match=rf"{package}.*consilience\[{kind}\]"),
    ):
        session.client()


def test_without_sbatch_there_is_no_slurm(monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="the extra slurm is not installed")
    monkeypatch.setenv("PATH", "")
    with (
        cluster_session(ClusterConfig.load("slurm")) as session,
        pytest.raises(ClusterError, match="no sbatch"),
    ):
        session.client()


def test_without_tls_files_nothing_is_encrypted():
    assert security(ClusterConfig()) is None


def test_local_workers_come_and_go_with_the_work():
    config = ClusterConfig(workers=1, maximum=2, memory_limit="1GiB")
    with cluster_session(config) as session:
        client = session.client()
        assert client.cluster._adaptive.maximum == 2
        assert sum(client.gather(client.map(int, range(5)))) == 10
