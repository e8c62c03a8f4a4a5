"""UDP datagrams and raw frames of known number and size, for tests that compare counters.

usage: datagrams.py answer PORT REPLY_SIZE               prints "ready", then answers each datagram with one of REPLY_SIZE bytes
       datagrams.py ask ADDRESS PORT REPLY_SIZE SIZE...  sends one of each SIZE, and waits for the answer before the next
       datagrams.py frames INTERFACE                     sends frames, one per line of stdin in hexadecimal digits
"""

import socket
import sys

PATIENCE = 20


def answer(port, reply_size):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("0.0.0.0", int(port)))
        print("ready", flush=True)
        while True:
            _, client = udp.recvfrom(65536)
            udp.sendto(b"r" * int(reply_size), client)


def ask(address, port, reply_size, *sizes):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE)
        udp.connect((address, int(port)))
        for size in sizes:
            udp.send(b"a" * int(size))
            assert len(udp.recv(65536)) == int(reply_size)


def frames(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for line in sys.stdin:
            raw.send(bytes.fromhex(line))


if __name__ == "__main__":
    {"answer": answer, "ask": ask, "frames": frames}[sys.argv[1]](*sys.argv[2:])
