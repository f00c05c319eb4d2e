"""Server credentials from the `tls:` block of a receiver."""

from __future__ import annotations

import ssl

import grpc

from enricher.receive.settings import ServerTls
from enricher.tls import load_authorities, load_cert_chain, read_pem


def grpc_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Raises InputError when a file cannot be read."""
    cert, key, authorities = _parts(tls)
    return grpc.ssl_server_credentials([(key, cert)], authorities, authorities is not None)


def ssl_context(tls: ServerTls) -> ssl.SSLContext:
    """Raises InputError when a file cannot be read or used."""
    cert, key, authorities = _parts(tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_cert_chain(context, cert, key)
    if authorities is not None:
        load_authorities(context, authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _parts(tls: ServerTls) -> tuple[bytes, bytes, bytes | None]:
    cert = read_pem(tls.cert_file, tls.cert_pem, "tls.cert_file") or b""
    key = read_pem(tls.key_file, tls.key_pem, "tls.key_file") or b""
    return cert, key, read_pem(tls.client_ca_file, None, "tls.client_ca_file")
