"""The port that is listened on, and what is said of it on standard error."""

import socket
from contextlib import suppress

from service.cli.console import err, shown
from service.cli.failing import fail


def bound(host: str, port: int) -> socket.socket:
    """A socket that has the address but takes no calls yet: a port in use is told before any weights are loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio sends small replies at once only where the socket says that it is TCP, else 40 ms later.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        fail(f"cannot listen on {host} port {port}: {error.strerror}; choose others with --host and --port")
    return listener


def say(*lines: str) -> None:
    """On standard error. It may be a file on a full disk, which must not keep anybody from being served."""
    with suppress(OSError):
        for line in lines:
            err().print(shown(line), soft_wrap=True)
