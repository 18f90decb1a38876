# SPDX-License-Identifier: ISC
"""probe.py --source A --destination B --port P --every S: tries to connect again and again.

A new attempt starts each S seconds and is given up after 0.5 s, before TCP would send its SYN a second
time: an attempt that connects shows that a packet passed at that moment. On SIGTERM one line of JSON:
attempts, connected, and the seconds between the first and the last start that connected."""

import argparse
import errno
import json
import selectors
import signal
import socket
import time

GIVE_UP = 0.5


class Probe:
    def __init__(self, args):
        self.args = args
        self.family = socket.AF_INET6 if ":" in args.source else socket.AF_INET
        self.selector = selectors.DefaultSelector()
        self.open = {}  # socket: when it started, oldest first
        self.attempts = 0
        self.connected = []
        self.running = True

    def stop(self, *_):
        self.running = False

    def close(self, sock):
        self.selector.unregister(sock)
        del self.open[sock]
        sock.close()

    def begin(self, now):
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind((self.args.source, 0))
        if sock.connect_ex((self.args.destination, self.args.port)) != errno.EINPROGRESS:
            raise OSError("connect did not start")
        self.attempts += 1
        self.open[sock] = now
        self.selector.register(sock, selectors.EVENT_WRITE)

    def settle(self, now):
        for sock, started in list(self.open.items()):
            if now - started < GIVE_UP:
                break
            self.close(sock)

    def finish(self, sock):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            self.connected.append(self.open[sock])
        self.close(sock)

    def run(self):
        due = time.monotonic()
        while self.running or self.open:
            now = time.monotonic()
            if self.running and now >= due:
                self.begin(now)
                due = now + self.args.every
            self.settle(now)
            wait = max(0, due - now) if self.running else GIVE_UP / 10
            for key, _ in self.selector.select(wait):
                self.finish(key.fileobj)

    def report(self):
        gap = max(self.connected) - min(self.connected) if self.connected else 0
        return {"attempts": self.attempts, "connected": len(self.connected), "seconds": round(gap, 3)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--source", required=True)
    parser.add_argument("--destination", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--every", type=float, default=0.02)
    probe = Probe(parser.parse_args())
    signal.signal(signal.SIGTERM, probe.stop)
    probe.run()
    print(json.dumps(probe.report()), flush=True)


main()
