"""Sends one UDP broadcast or multicast and prints the address of each whoami.py that answers within a second.

usage: broadcast.py ADDRESS PORT
"""

import socket
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
client.settimeout(1)
client.sendto(b"who is there?\n", (sys.argv[1], int(sys.argv[2])))
try:
    while True:
        print(client.recvfrom(65536)[1][0], flush=True)
except socket.timeout:
    pass
