"""A server that tells who asked: one JSON line per TCP connection (as an HTTP page) or UDP datagram.

usage: whoami.py NAME PORT [ADDRESS]     prints "ready" when it listens
"""

import json
import socket
import sys
import threading


def describe(name, client, local):
    return json.dumps({"name": name, "client": client[0], "client_port": client[1], "local": local[0]}) + "\n"


def serve_udp(name, server):
    while True:
        _, client = server.recvfrom(65536)
        server.sendto(describe(name, client, server.getsockname()).encode(), client)


def answer_tcp(name, connection, client):
    with connection:
        body = describe(name, client, connection.getsockname())
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.settimeout(10)
        try:
            connection.recv(65536)
            connection.sendall((head + body).encode())
        except OSError:
            pass  # the client went away: nobody to tell


def main():
    name, port, address = sys.argv[1], int(sys.argv[2]), (sys.argv[3] if len(sys.argv) > 3 else "0.0.0.0")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp, udp = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, port))
    tcp.listen(256)
    udp.bind((address, port))
    threading.Thread(target=serve_udp, args=(name, udp), daemon=True).start()
    print("ready", flush=True)
    while True:
        connection, client = tcp.accept()
        threading.Thread(target=answer_tcp, args=(name, connection, client), daemon=True).start()


main()
