"""Addresses as the Collector writes them: `host:port`, `[::1]:port`, `:port`."""

from __future__ import annotations

import errno
import os
import socket
from typing import Annotated

from pydantic import AfterValidator

from enricher.errors import InputError

_SURE = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def split_host_port(endpoint: str) -> tuple[str, int]:
    """Host (without brackets; "" for every interface) and port. Raises ValueError with what to write instead."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{endpoint!r} is not host:port; write it as 127.0.0.1:4317 or [::1]:4317")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], int(port)
    if ":" in host or "/" in host:
        raise ValueError(f"{endpoint!r} is not host:port; write an IPv6 address in brackets and leave the scheme out")
    return host, int(port)


def join_host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def refuse_taken(option: str, endpoint: str) -> None:
    """Raises InputError when nobody could listen there now, for servers that do not say why they cannot."""
    host, port = split_host_port(endpoint)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno in _SURE:
            raise cannot_listen(option, endpoint, error) from error


def cannot_listen(option: str, endpoint: str, error: OSError) -> InputError:
    """The fault of an endpoint, set by `option` of the configuration, that cannot be bound."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    hint = "stop what listens there, or choose another" if error.errno == errno.EADDRINUSE else "choose another"
    return InputError(f"{option}: cannot listen on {endpoint}: {reason} ({hint}; port 0 takes a free one)")


def _checked(endpoint: str) -> str:
    split_host_port(endpoint)
    return endpoint


HostPort = Annotated[str, AfterValidator(_checked)]
"""An address to listen on, checked to be `host:port`."""
