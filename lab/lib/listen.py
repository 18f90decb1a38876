# SPDX-License-Identifier: ISC
"""listen.py NAME PORT...: accepts TCP on these ports, IPv4 and IPv6, says NAME and closes."""

import selectors
import socket
import sys


def listener(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    sock.listen(256)
    return sock


def greet(sock, name):
    try:
        connection, _ = sock.accept()
        with connection:
            connection.sendall(name + b"\n")
    except OSError:
        pass  # a client that left between its connect and our accept


def main():
    name = sys.argv[1].encode()
    selector = selectors.DefaultSelector()
    for port in sys.argv[2:]:
        selector.register(listener(int(port)), selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            greet(key.fileobj, name)


main()
