#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""enforce_hub - the feed of a hub and nothing else, for tests of the enforcer

Usage: enforce_hub.py SOCKET EPOCH settled|unsettled REPORTS <ORDERS

Listens on SOCKET and speaks what src/ctl/client.h describes.  ORDERS are lines:

    add FAMILY NLRI EXT [ORIGIN]  put a rule into the table, or change its actions
    remove FAMILY NLRI
    begin, commit            what stands between is one change
    settled                  say so
    half FAMILY NLRI EXT     begin a change with this rule, and never commit it
    many COUNT EXT           one change with as many IPv4 rules, in one piece
    say TEXT                 a line as it stands
    moody                    from now on close each connection as soon as it subscribes
    end                      end, as if killed (so does the end of ORDERS)

The last word about each rule that enforcers report is kept in the file REPORTS, one JSON object a
line.
"""
import json
import os
import selectors
import socket
import sys


class Hub:
    def __init__(self, path, epoch, settled, reports):
        self.epoch, self.settled, self.reports = epoch, settled, reports
        self.rules, self.states, self.subscribers = {}, {}, []
        self.origins = {}
        self.seq, self.pending = 0, None
        self.buffers, self.moody = {}, False
        self.poll = selectors.DefaultSelector()
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.poll.register(self.listener, selectors.EVENT_READ, self.accept)
        self.poll.register(0, selectors.EVENT_READ, self.orders)
        self.buffers[0] = b""

    def accept(self, _):
        connection, _ = self.listener.accept()
        self.buffers[connection.fileno()] = b""
        self.poll.register(connection, selectors.EVENT_READ, self.commands)

    def lines(self, fd, data):
        *whole, self.buffers[fd] = (self.buffers[fd] + data).split(b"\n")
        return [line.decode() for line in whole]

    def commands(self, connection):
        try:
            data = connection.recv(65536)
        except ConnectionResetError:  # killed with something unread
            data = b""
        if not data:
            self.poll.unregister(connection)
            self.subscribers = [s for s in self.subscribers if s is not connection]
            connection.close()
            return
        for line in self.lines(connection.fileno(), data):
            verb, _, rest = line.partition(" ")
            if self.moody:
                connection.shutdown(socket.SHUT_RDWR)
                return
            if verb == "report":
                self.report(json.loads(rest))
            self.say(connection, {"ok": True})
            if line == "subscribe rules":
                self.snapshot(connection)

    def report(self, report):
        for rule in report["rules"]:
            self.states[rule["family"], rule["nlri"]] = rule | {"enforcer": report["enforcer"]}
        with open(self.reports + ".new", "w") as f:
            f.writelines(json.dumps(s) + "\n" for s in self.states.values())
        os.rename(self.reports + ".new", self.reports)

    @staticmethod
    def say(connection, event):
        try:
            connection.sendall(json.dumps(event).encode() + b"\n")
        except OSError:
            pass

    def rule(self, op, key):
        event = {"event": "rule", "seq": self.seq, "op": op, "family": key[0], "nlri": key[1]}
        if op == "add":
            event |= {"ext": self.rules[key], "ext6": "", "origin": self.origins.get(key, "192.0.2.1")}
        return event

    def snapshot(self, to):
        self.seq += 1
        self.say(to, {"event": "hello", "epoch": self.epoch, "settled": self.settled})
        self.say(to, {"event": "begin", "seq": self.seq, "snapshot": True})
        for key in self.rules:
            self.say(to, self.rule("add", key))
        self.say(to, {"event": "commit", "seq": self.seq})
        self.subscribers.append(to)

    def change(self, events):
        self.seq += 1
        frame = {"seq": self.seq, "snapshot": False}
        for to in self.subscribers:
            for event in [{"event": "begin"} | frame, *events, {"event": "commit", "seq": self.seq}]:
                self.say(to, event)

    def many(self, count, ext):
        self.seq += 1
        keys = [("ipv4-flow", f"060120c6{i:06x}") for i in range(int(count))]
        self.rules |= dict.fromkeys(keys, ext)
        frame = {"seq": self.seq, "snapshot": False}
        events = [{"event": "begin"} | frame, *(self.rule("add", key) for key in keys), {"event": "commit", "seq": self.seq}]
        for to in self.subscribers:
            to.sendall(b"".join(json.dumps(event).encode() + b"\n" for event in events))

    def order(self, verb, *words):
        if verb == "end":
            sys.exit(0)
        if verb == "begin":
            self.pending = []
        elif verb == "commit":
            self.change(self.pending)
            self.pending = None
        elif verb == "settled":
            self.settled = True
            for to in self.subscribers:
                self.say(to, {"event": "settled", "epoch": self.epoch})
        elif verb == "many":
            self.many(*words)
        elif verb == "moody":
            self.moody = True
            for to in self.subscribers:
                to.shutdown(socket.SHUT_RDWR)
        elif verb == "say":
            for to in self.subscribers:
                to.sendall(" ".join(words).encode() + b"\n")
        elif verb == "half":
            for to in self.subscribers:
                self.say(to, {"event": "begin", "seq": 0, "snapshot": False})
                self.say(to, {"event": "rule", "seq": 0, "op": "add", "family": words[0],
                              "nlri": words[1], "ext": words[2], "ext6": ""})
        else:
            key = words[0], words[1]
            if verb == "add":
                self.rules[key] = words[2]
                self.origins[key] = words[3] if len(words) > 3 else "192.0.2.1"
            else:
                self.rules.pop(key, None)
            event = self.rule(verb, key)
            if self.pending is None:
                self.change([event])
            else:
                self.pending.append(event)

    def orders(self, _):
        data = os.read(0, 65536)
        if not data:
            sys.exit(0)
        for line in self.lines(0, data):
            self.order(*line.split())

    def run(self):
        while True:
            for key, _ in self.poll.select():
                key.data(key.fileobj)


if __name__ == "__main__":
    Hub(sys.argv[1], sys.argv[2], sys.argv[3] == "settled", sys.argv[4]).run()
