"""Check the Helm chart: `python helm/lint.py` lints it, renders it with every file of `ci/`, and validates the result.

The rendered objects are validated against the Kubernetes schemas (unknown fields are faults), the configuration inside
the ConfigMap by `enricher check`, and values that must be refused are shown to be refused. Exit code 1 with the reason
of each fault. Helm, kubeconform and the schemas are built or fetched on first use and cached (`bench/peers`).
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parent.parent
CHART = REPO / "helm" / "enricher"
sys.path.insert(0, str(REPO))

from bench.peers import build  # noqa: E402  (the script runs from anywhere)
from bench.peers.recipes import BuildError  # noqa: E402

KUBE_VERSION = "1.33.0"

REFUSED = {
    "a misspelt value": ["replicas=2"],
    "a misspelt section of the configuration": ["config.exporter.debug.verbosity=basic"],
    "a port that is none": ["ports.grpc=99999"],
    "an endpoint without a port": ["config.admin.endpoint=0.0.0.0"],
    "several replicas on one claim": ["replicaCount=2", "persistence.enabled=true"],
}
"""What users may get wrong, as `--set` arguments that must each fail."""


def call(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command in the repository, with `env` added to its environment; its exit code, output and errors."""
    full_env = {**os.environ, **(env or {})}
    words = [str(part) for part in command]
    done = subprocess.run(words, cwd=REPO, env=full_env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def faults_of_values(helm: Path, kubeconform: Path, schemas: Path, values: Path) -> list[str]:
    """Everything wrong with the chart under one values file."""
    code, out, err = call([helm, "lint", "--strict", CHART, "-f", values])
    if code:
        return [f"helm lint: {out}{err}"]
    render: list[str | Path] = [helm, "template", "release", CHART, "-f", values, "--kube-version", KUBE_VERSION]
    code, objects, err = call(render)
    if code:
        return [f"helm template: {err}"]
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "objects.yaml"
        rendered.write_text(objects)
        location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        code, out, err = call([kubeconform, "-strict", "-schema-location", location, rendered])
        if code:
            faults.append(f"kubeconform: {out}{err}")
        configuration = Path(folder) / "enricher.yaml"
        text = configuration_in(list(yaml.safe_load_all(objects)))
        configuration.write_text(text)
        # What the pod takes from secrets is not known here; any value will do.
        secrets = dict.fromkeys(re.findall(r"\$\{env:(\w+)", text), "secret")
        code, out, err = call([sys.executable, "-m", "enricher", "check", "-c", configuration], secrets)
        if code:
            faults.append(f"enricher check: {out}{err}")
    return faults


def configuration_in(objects: list[Any]) -> str:
    """The configuration file inside the rendered ConfigMap."""
    for item in objects:
        if item and item["kind"] == "ConfigMap":
            text: str = item["data"]["enricher.yaml"]
            return text
    raise ValueError("the chart rendered no ConfigMap")


def main() -> int:
    """Lint with every values file, then try the values that must be refused."""
    try:
        helm, kubeconform, schemas = (build.ensure(name) for name in ("helm", "kubeconform", "kubernetes-schemas"))
    except BuildError as error:
        print(f"helm/lint.py: {error}", file=sys.stderr)
        return 1
    faults = []
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    for values in files:
        faults += [f"{values.name}: {fault}" for fault in faults_of_values(helm, kubeconform, schemas, values)]
    for what, settings in REFUSED.items():
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        code, _, _ = call([helm, "template", "release", CHART, "--kube-version", KUBE_VERSION, *arguments])
        if code == 0:
            faults.append(f"{what} ({' '.join(settings)}) was not refused")
    for fault in faults:
        print(fault, file=sys.stderr)
    if not faults:
        print(f"helm/enricher: {len(files)} values files rendered and valid, {len(REFUSED)} wrong ones refused")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
