"""A name server on UDP and TCP port 53 that knows a few names: what a LAN's resolver is to the tests.

usage: dns_server.py ADDRESS NAME=IPV4...     everything else is NXDOMAIN; big.example has 60 addresses (needs TCP)
"""

import socket
import struct
import sys
import threading


def question(message):
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind = struct.unpack("!H", message[at + 1 : at + 3])[0]
    return ".".join(labels).lower(), kind, message[12 : at + 5]


def answer(message, names, limit):
    name, kind, asked = question(message)
    addresses = names.get(name, []) if kind == 1 else []
    flags = 0x8180 if name in names else 0x8183
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(a) for a in addresses)
    count = len(addresses)
    if limit and 12 + len(asked) + len(records) > limit:
        flags, records, count = flags | 0x0200, b"", 0
    return message[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + asked + records


def serve_tcp(server, names):
    while True:
        connection, _ = server.accept()
        with connection:
            length = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
            reply = answer(connection.recv(length, socket.MSG_WAITALL), names, None)
            connection.sendall(struct.pack("!H", len(reply)) + reply)


def main():
    names = {"big.example": [f"198.51.100.{n}" for n in range(1, 61)]}
    for pair in sys.argv[2:]:
        name, address = pair.split("=")
        names[name] = [address]
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.bind((sys.argv[1], 53))
    tcp.bind((sys.argv[1], 53))
    tcp.listen(16)
    threading.Thread(target=serve_tcp, args=(tcp, names), daemon=True).start()
    print("ready", flush=True)
    while True:
        message, client = udp.recvfrom(4096)
        udp.sendto(answer(message, names, 512), client)


main()
