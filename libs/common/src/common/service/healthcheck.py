"""Exit code 0 when a port of this host answers 200: `python -SE healthcheck.py PORT [PATH]`.

For health checks inside a container, every few seconds: a plain socket in a bare Python takes a
third of the CPU that an HTTP library does.
"""

import socket
import sys

TIMEOUT = 2.0


def status(port: int, path: str) -> int:
    """Raises OSError when nothing answers."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        line = connection.makefile("rb").readline().split()
    return int(line[1]) if len(line) > 1 else 0


def main(*words: str) -> int:
    if not 1 <= len(words) <= 2 or not words[0].isdecimal():
        sys.stderr.write("usage: healthcheck.py PORT [PATH]\n")
        return 0 if "--help" in words else 2
    port, path = words[0], words[1] if len(words) > 1 else "/ready"
    try:
        code = status(int(port), path)
    except OSError as error:
        sys.stderr.write(f"port {port}: {error}\n")
        return 1
    sys.stdout.write(f"HTTP {code}\n")
    return int(code != 200)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
