"""A conversation that lasts, over TCP or UDP.

usage: echo.py serve PORT                       answers every line with the same line; prints "ready"
       echo.py talk tcp|udp ADDRESS PORT        sends each line of stdin and prints the answer to it, or "lost"
"""

import socket
import socketserver
import sys
import threading


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0], self.client_address)


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


def serve(port):
    udp = socketserver.UDPServer(("0.0.0.0", port), Datagram)
    threading.Thread(target=udp.serve_forever, daemon=True).start()
    with TcpServer(("0.0.0.0", port), Stream) as tcp:
        print("ready", flush=True)
        tcp.serve_forever()


def talk(protocol, address, port):
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(15)
        connection.connect((address, port))
        for line in sys.stdin:
            try:
                connection.send(line.encode())
                answer = connection.recv(4096).decode()
            except OSError:
                answer = ""
            print("answered" if answer == line else "lost", flush=True)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    talk(sys.argv[2], sys.argv[3], int(sys.argv[4]))
