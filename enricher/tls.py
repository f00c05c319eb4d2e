"""Reading the certificates that TLS options name, for servers and clients, gRPC and HTTP alike."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from enricher.errors import InputError


def read_pem(file: str | None, pem: str | None, option: str) -> bytes | None:
    """The PEM text of one part, from its file or as written; None when neither is given. Raises InputError."""
    if pem:
        return pem.encode()
    if not file:
        return None
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{option}: cannot read {file}: {error.strerror}") from error


def load_cert_chain(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    """Put a certificate and its key into `context`. Raises InputError when they do not belong together.

    The standard library loads chains from files only, so that PEM text takes a short way through private ones.
    """
    with tempfile.TemporaryDirectory() as folder:
        cert_path, key_path = Path(folder, "cert.pem"), Path(folder, "key.pem")
        cert_path.write_bytes(cert)
        key_path.touch(mode=0o600)
        key_path.write_bytes(key)
        try:
            context.load_cert_chain(cert_path, key_path)
        except ssl.SSLError as error:
            raise InputError(f"tls: the certificate and the key cannot be used together: {error.reason}") from error


def load_authorities(context: ssl.SSLContext, authorities: bytes) -> None:
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise InputError(f"tls: the certificate authorities cannot be read: {error.reason}") from error
