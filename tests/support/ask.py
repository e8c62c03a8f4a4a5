"""Asks a whoami.py once and prints its answer. Exit code 1: no answer; the reason goes to stderr.

usage: ask.py tcp|udp ADDRESS PORT [TIMEOUT_SECONDS [SOURCE_PORT]]
"""

import socket
import sys


def main():
    protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    timeout = float(sys.argv[4]) if len(sys.argv) > 4 else 5.0
    source_port = int(sys.argv[5]) if len(sys.argv) > 5 else 0
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[protocol]
    try:
        family, _, _, _, target = socket.getaddrinfo(address, port, type=kind)[0]
        client = socket.socket(family, kind)
        client.settimeout(timeout)
        if source_port:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", source_port))
        client.connect(target)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\n") or b"{" not in answer:
            piece = client.recv(65536)
            if not piece:
                break
            answer += piece
    except OSError as error:
        print(f"{protocol} {address}:{port}: {error}", file=sys.stderr)
        return 1
    print(answer[answer.index(b"{"):].decode() if b"{" in answer else "null")
    return 0


sys.exit(main())
