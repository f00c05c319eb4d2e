"""One recipe per peer: its version, the files that it must end with, and how it is built from a package index.

Go programs come through the Go module proxy, Rotel and the Kubernetes schemas from PyPI. Nothing is downloaded as a
prebuilt binary except what a package on those indexes contains.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.peers import schemas

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent

COLLECTOR_VERSION = "0.159.0"
JAEGER_VERSION = "1.76.0"
PROMETHEUS_VERSION = "0.315.0"
HELM_VERSION = "3.22.0"
KUBECONFORM_VERSION = "0.8.0"
KUBERNETES_VALIDATE_VERSION = "1.37.0"
ROTEL_VERSION = "0.0.1a15"


class BuildError(Exception):
    """A peer could not be built; the message names the peer, the command and the end of its output."""


@dataclass(frozen=True)
class Recipe:
    """How one peer is made.

    `files` are paths below the peer's folder that must exist afterwards; the first is the program to start.
    `build` gets the empty folder to fill and the number of parallel jobs.
    """

    name: str
    version: str
    files: tuple[str, ...]
    build: Callable[[Path, int], None]


def run(command: list[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run one build step at low priority and return its standard output.

    Raises BuildError with the last 30 lines of output when the step fails or its program is missing.
    """
    if shutil.which(command[0]) is None:
        raise BuildError(f"{command[0]} is not installed; it is needed to build this peer")
    full_env = {**os.environ, **(env or {})}
    done = subprocess.run(["nice", "-n", "10", *command], cwd=cwd, env=full_env, capture_output=True, text=True)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise BuildError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def go_env(jobs: int, **extra: str) -> dict[str, str]:
    """Environment of a Go build: no version control stamp, `jobs` packages at a time."""
    return {"GOFLAGS": f"-buildvcs=false -p={jobs}", "CGO_ENABLED": "0", **extra}


def go_install(package: str, work: Path, jobs: int) -> None:
    """`go install PACKAGE@VERSION` into the peer's folder."""
    run(["go", "install", package], work, go_env(jobs, GOBIN=str(work)))


def go_main_with_replaces(
    module: str, version: str, packages: list[str], work: Path, jobs: int, tags: str = ""
) -> None:
    """Build commands of a module whose go.mod has `replace` lines, which `go install PACKAGE@VERSION` refuses.

    A module of our own requires it and repeats those lines, as the main module must. The first go.sum of such a module
    lists a thousand entries that the checksum database would be asked for one by one; the proxy's own sums are used.
    """
    env = go_env(jobs, GOSUMDB="off")
    env["GOFLAGS"] += " -mod=mod"
    build = work / "module"
    build.mkdir()
    gomod = Path(run(["go", "env", "GOMODCACHE"], build, env).strip()) / "cache/download" / module / f"@v/{version}.mod"
    run(["go", "mod", "download", f"{module}@{version}"], build, env)
    upstream = gomod.read_text()
    go_version = re.search(r"^go (\S+)$", upstream, re.MULTILINE)
    replaces = re.findall(r"^replace .+ => \S+ \S+$", upstream, re.MULTILINE)
    imports = "\n".join(f'import _ "{package}"' for package in packages)
    # Commands cannot be imported; the file only keeps the requirement visible to `go mod`, behind a tag never set.
    (build / "tools.go").write_text(f"//go:build tools\n\npackage tools\n\n{imports}\n")
    lines = ["module enricher.dev/peer", f"go {go_version.group(1) if go_version else '1.24.0'}"]
    lines += [f"require {module} {version}", *replaces]
    (build / "go.mod").write_text("\n\n".join(lines) + "\n")
    for package in packages:
        target = str(work / package.rsplit("/", 1)[1])
        run(["go", "build", *(["-tags", tags] if tags else []), "-o", target, package], build, env)
    shutil.rmtree(build)


def build_collector(work: Path, jobs: int) -> None:
    """Install the Collector builder, then build the distribution of `collector.builder.yaml`."""
    run(
        ["go", "install", f"go.opentelemetry.io/collector/cmd/builder@v{COLLECTOR_VERSION}"],
        work,
        go_env(jobs, GOBIN=str(work)),
    )
    manifest = work / "collector.builder.yaml"
    shutil.copy(HERE / "collector.builder.yaml", manifest)
    run([str(work / "builder"), f"--config={manifest}"], work, go_env(jobs))
    shutil.move(work / "_build" / "otelcol", work / "otelcol")
    shutil.rmtree(work / "_build")


def build_jaeger(work: Path, jobs: int) -> None:
    """Jaeger v2: `cmd/jaeger` of the last release under the plain module path."""
    module = "github.com/jaegertracing/jaeger"
    go_main_with_replaces(module, f"v{JAEGER_VERSION}", [f"{module}/cmd/jaeger"], work, jobs)


def build_prometheus(work: Path, jobs: int) -> None:
    """Prometheus and promtool, without the service discoveries (most of the build, none of them used here)."""
    module = "github.com/prometheus/prometheus"
    packages = [f"{module}/cmd/prometheus", f"{module}/cmd/promtool"]
    go_main_with_replaces(module, f"v{PROMETHEUS_VERSION}", packages, work, jobs, tags="remove_all_sd")


def build_helm(work: Path, jobs: int) -> None:
    """Helm, the command."""
    go_install(f"helm.sh/helm/v3/cmd/helm@v{HELM_VERSION}", work, jobs)


def build_kubeconform(work: Path, jobs: int) -> None:
    """kubeconform, the validator of Kubernetes objects; its schemas are the peer `kubernetes-schemas`."""
    go_install(f"github.com/yannh/kubeconform/cmd/kubeconform@v{KUBECONFORM_VERSION}", work, jobs)


def pip_venv(work: Path, requirement: str) -> Path:
    """Make an environment below the peer's folder, install one requirement, and return its interpreter."""
    venv.create(work / "venv", with_pip=True, symlinks=True)
    python = work / "venv" / "bin" / "python"
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement], work)
    return python


def build_rotel(work: Path, jobs: int) -> None:
    """Rotel's agent, a Rust program inside a PyPI wheel; only the program is kept, it starts without Python."""
    del jobs
    pip_venv(work, f"rotel=={ROTEL_VERSION}")
    found = sorted((work / "venv").glob("lib/python*/site-packages/rotel/rotel-agent"))
    if not found:
        raise BuildError("the rotel wheel holds no rotel-agent; has its layout changed?")
    shutil.copy2(found[0], work / "rotel-agent")
    shutil.rmtree(work / "venv")


def build_schemas(work: Path, jobs: int) -> None:
    """Kubernetes' object schemas, out of the PyPI package `kubernetes-validate`, in the layout kubeconform reads."""
    del jobs
    pip_venv(work, f"kubernetes-validate=={KUBERNETES_VALIDATE_VERSION}")
    packages = sorted((work / "venv").glob("lib/python*/site-packages/kubernetes_validate"))
    schemas.convert(packages[0], work)
    shutil.rmtree(work / "venv")


def build_loadgen(work: Path, jobs: int) -> None:
    """The load generator and the counting sink: one Go program from `bench/loadgen`, kept by the hash of its source."""
    source = REPO / "bench" / "loadgen"
    run(["go", "vet", "."], source, go_env(jobs))
    run(["go", "test", "."], source, go_env(jobs))
    run(["go", "build", "-o", str(work / "loadgen"), "."], source, go_env(jobs))


def loadgen_version() -> str:
    """The version of the load generator: a hash of its source, so that an edit is a rebuild."""
    digest = hashlib.sha256()
    for path in sorted((REPO / "bench" / "loadgen").iterdir()):
        if path.suffix in {".go", ".mod", ".sum"} and not path.name.endswith("_test.go"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def all_recipes() -> dict[str, Recipe]:
    """Every recipe by name, in the order in which `build.py` lists them."""
    # Rotel's program is linked to the libpython of the wheel's Python version.
    python_tag = f"py{sys.version_info.major}{sys.version_info.minor}"
    recipes = [
        Recipe("loadgen", loadgen_version(), ("loadgen",), build_loadgen),
        Recipe("collector", COLLECTOR_VERSION, ("otelcol",), build_collector),
        Recipe("jaeger", JAEGER_VERSION, ("jaeger",), build_jaeger),
        Recipe("prometheus", PROMETHEUS_VERSION, ("prometheus", "promtool"), build_prometheus),
        Recipe("helm", HELM_VERSION, ("helm",), build_helm),
        Recipe("kubeconform", KUBECONFORM_VERSION, ("kubeconform",), build_kubeconform),
        Recipe("kubernetes-schemas", KUBERNETES_VALIDATE_VERSION, ("schemas",), build_schemas),
        Recipe("rotel", f"{ROTEL_VERSION}-{python_tag}", ("rotel-agent",), build_rotel),
    ]
    return {recipe.name: recipe for recipe in recipes}
