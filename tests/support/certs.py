"""Throw-away certificates, made with the `openssl` command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """Paths: an authority, and a server and a client certificate that it signed for `localhost` and 127.0.0.1."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


def make(folder: Path) -> Certificates:
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    _openssl("req", "-x509", "-subj", "/CN=test authority", "-days", "2", *_new_key(ca_key), "-out", str(ca))
    for who in ("server", "client"):
        request, extensions = folder / f"{who}.csr", folder / f"{who}.ext"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("req", "-subj", f"/CN={who}", *_new_key(folder / f"{who}.key"), "-out", str(request))
        sign = ["-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial", "-days", "2", "-extfile", str(extensions)]
        _openssl("x509", "-req", "-in", str(request), *sign, "-out", str(folder / f"{who}.pem"))
    return Certificates(ca, *(folder / name for name in ("server.pem", "server.key", "client.pem", "client.key")))


def _new_key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
