"""Addresses as the Collector writes them: `host:port`, `[::1]:port`, `:port`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


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


def _checked(endpoint: str) -> str:
    split_host_port(endpoint)
    return endpoint


HostPort = Annotated[str, AfterValidator(_checked)]
"""An address to listen on, checked to be `host:port`."""
