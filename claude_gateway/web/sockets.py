"""Sockets to listen on, before there is anything that could answer."""

from __future__ import annotations

import socket

BACKLOG = 4096


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else is opened, so that a taken port is found at once. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock
