"""Client credentials from the `tls:` block of an exporter."""

from __future__ import annotations

import ssl

import grpc

from enricher.export.settings import ClientTls
from enricher.tls import load_authorities, load_cert_chain, read_pem


def grpc_credentials(tls: ClientTls) -> grpc.ChannelCredentials:
    """Raises InputError when a file cannot be read."""
    authorities, cert, key = _parts(tls)
    return grpc.ssl_channel_credentials(authorities, key, cert)


def ssl_context(tls: ClientTls) -> ssl.SSLContext:
    """Raises InputError when a file cannot be read or used."""
    authorities, cert, key = _parts(tls)
    context = ssl.create_default_context()
    if authorities is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        load_authorities(context, authorities)
    if cert is not None and key is not None:
        load_cert_chain(context, cert, key)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _parts(tls: ClientTls) -> tuple[bytes | None, bytes | None, bytes | None]:
    authorities = read_pem(tls.ca_file, None, "tls.ca_file")
    return authorities, read_pem(tls.cert_file, None, "tls.cert_file"), read_pem(tls.key_file, None, "tls.key_file")
