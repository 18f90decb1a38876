# SPDX-License-Identifier: ISC
"""The hub as its neighbors see it: what goes out, when, in which order; and as its operator does."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, os.path.dirname(__file__))
from hub import BUILD, Hub, Tap, until
from peer import (DISCARD, Closed, Peer, as_sequence, attribute, flow_reach, flow_unreach, message,
                  UPDATE)

tap = Tap()
TELNET = "0118c00002038106058117"  # destination 192.0.2.0/24; protocol tcp; destination-port 23
DNS = "0118c63364038111058135"     # destination 198.51.100.0/24; protocol udp; destination-port 53
RATE = bytes.fromhex("8006000046160000")  # rate-limit 9600


def neighbor(address, *more, local="127.0.0.1", local_as=1, peer_as=1, rules=(), passive="passive;",
             family="family { ipv4 unicast; ipv6 unicast; ipv4 flow; ipv6 flow; }", router_id="10.0.0.1"):
    routes = "\n".join(f"route R{i} {{ {r} }}" for i, r in enumerate(rules))
    return (f"neighbor {address} {{ router-id {router_id}; local-address {local}; local-as {local_as}; "
            f"peer-as {peer_as}; {passive} {family} {' '.join(more)} flow {{ {routes} }} }}\n")


def rule(destination="192.0.2.0/24", port=23, protocol="tcp", action="discard;"):
    return (f"match {{ destination {destination}; protocol {protocol}; destination-port {port}; }} "
            f"then {{ {action} }}")


def kinds(changes):
    return [(c[0], c[2].hex()) for c in changes]


def peer(address, hub="127.0.0.1", number=9, **how):
    how.setdefault("families", ("ipv4", "ipv6", "ipv4-flow", "ipv6-flow"))
    return Peer(address, hub).establish(router_id=f"10.0.0.{number}", hold=0, **how)


@tap.case("a neighbor gets the rules of its own section, and End-of-RIB for each family")
def _():
    conf = neighbor("127.0.0.2", rules=[rule()]) + neighbor("127.0.0.3", rules=[rule("198.51.100.0/24", 53, "udp")])
    with Hub(conf):
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        got_a, got_b = a.changes(), b.changes()
        assert kinds(got_a) == [("+", TELNET)], kinds(got_a)
        assert kinds(got_b) == [("+", DNS)], kinds(got_b)
        attrs = got_a[0][3]
        assert attrs[16] == DISCARD and attrs[5] == b"\0\0\0\x64" and attrs[2] == b"", attrs
        assert attrs["next-hop"] == b"", attrs


@tap.case("towards an eBGP neighbor: our AS in the path, no local preference")
def _():
    with Hub(neighbor("127.0.0.2", peer_as=65002, rules=[rule()])):
        attrs = peer("127.0.0.2", asn=65002).changes()[0][3]
        assert attrs[2] == as_sequence(1) and 5 not in attrs, attrs


@tap.case("reload: additions before removals, a changed action is one announcement, the rest is silent")
def _():
    for number in (signal.SIGHUP, signal.SIGUSR1):
        with Hub(neighbor("127.0.0.2", rules=[rule(), rule("198.51.100.0/24", 53, "udp")])) as hub:
            a = peer("127.0.0.2")
            assert len(a.changes()) == 2
            new = [rule(), rule("198.51.100.0/24", 53, "udp", "rate-limit 9600;"), rule("203.0.113.0/24")]
            hub.reload(neighbor("127.0.0.2", rules=new), number)
            got = a.changes()
            assert sorted(kinds(got)) == sorted([("+", DNS), ("+", "0118cb0071038106058117")]), kinds(got)
            assert next(c for c in got if c[2].hex() == DNS)[3][16] == RATE
            hub.reload(neighbor("127.0.0.2", rules=[rule("203.0.113.0/24"), rule("203.0.113.7/32")]), number)
            assert [c[0] for c in a.changes()] == ["+", "-", "-"]
            hub.reload(neighbor("127.0.0.2", rules=[rule("203.0.113.0/24"), rule("203.0.113.7/32")]), number)
            assert a.changes() == []


@tap.case("a broken file keeps the running configuration and says where it is broken")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])) as hub:
        a = peer("127.0.0.2")
        assert len(a.changes()) == 1
        hub.reload(neighbor("127.0.0.2", rules=["match { destination 192.0.2.0/24 } then { discard; }"]))
        assert until(lambda: "test.conf:1:" in hub.log()), hub.log()
        assert a.changes() == [] and len(hub.rules()) == 1
        done = hub.run("reload")
        assert done.returncode == 1 and "test.conf:1:" in done.stderr, done.stderr
        hub.reload(neighbor("127.0.0.2", rules=[rule(), rule("203.0.113.0/24")]))
        assert kinds(a.changes()) == [("+", "0118cb0071038106058117")]


@tap.case("reload adds and removes neighbors, and touches no other session")
def _():
    stay = neighbor("127.0.0.2", rules=[rule()])
    with Hub(stay + neighbor("127.0.0.3")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        hub.reload(stay + neighbor("127.0.0.4", rules=[rule()]))
        assert b.notification()[:2] == (6, 3)
        assert len(peer("127.0.0.4", number=4).changes()) == 1
        assert a.alive()


@tap.case("SIGTERM: Cease, administrative shutdown; exit 0; the socket's file is gone")
def _():
    hub = Hub(neighbor("127.0.0.2"))
    with hub:
        a = peer("127.0.0.2")
        hub.process.send_signal(signal.SIGTERM)
        assert a.notification()[:2] == (6, 2)
        a.close()
        assert hub.process.wait(8) == 0 and not os.path.exists(hub.socket)


@tap.case("announce, replace and withdraw at run time; the same again says nothing")
def _():
    with Hub(neighbor("127.0.0.2") + neighbor("127.0.0.3")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        words = ["announce", "flow", "route", "{ " + rule() + " }"]
        for _ in range(2):
            assert hub.run(*words).returncode == 0
        assert kinds(a.changes()) == kinds(b.changes()) == [("+", TELNET)]
        hub.run("announce", "flow route { " + rule(action="rate-limit 9600;") + " }")
        got = a.changes()
        assert kinds(got) == [("+", TELNET)] and got[0][3][16] == RATE, got
        assert hub.run("withdraw", "flow", "route", "{ " + rule() + " }").returncode == 0
        assert kinds(a.changes()) == [("-", TELNET)]
        again = hub.run("withdraw", "flow", "route", "{ " + rule() + " }")
        assert again.returncode == 1 and "no such rule" in again.stderr, again.stderr
        assert hub.rules() == []


@tap.case("a rule for one neighbor is told to that one alone")
def _():
    with Hub(neighbor("127.0.0.2") + neighbor("127.0.0.3")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        assert hub.run("neighbor", "127.0.0.3", "announce", "flow route { " + rule() + " }").returncode == 0
        assert kinds(b.changes()) == [("+", TELNET)] and a.changes() == []
        assert hub.rules()[0]["for"] == "127.0.0.3"


@tap.case("two origins want one rule: withdrawing one leaves the other")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])) as hub:
        a = peer("127.0.0.2")
        a.changes()
        hub.run("announce", "flow route { " + rule(action="rate-limit 9600;") + " }")
        hub.run("withdraw", "flow route { " + rule() + " }")
        got = a.changes()
        assert not got or (kinds(got)[-1] == ("+", TELNET) and got[-1][3][16] == DISCARD), got
        assert [r["from"] for r in hub.rules()] == ["file"]


@tap.case("withdraw all takes everything of ours back; reload brings the file's rules again")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])) as hub:
        a = peer("127.0.0.2")
        hub.run("announce", "flow route { " + rule("198.51.100.0/24", 53, "udp") + " }")
        assert until(lambda: len(hub.rules()) == 2)
        a.changes()
        wrong = hub.run("withdraw", "all", "origin", "user:nobody-of-that-name")
        assert wrong.returncode == 1, wrong.stdout
        assert hub.run("withdraw", "all", "origin", "user:root").returncode == 0
        assert kinds(a.changes()) == [("-", DNS)]
        assert hub.run("withdraw", "all").stdout == "1 withdrawn\n"
        assert kinds(a.changes()) == [("-", TELNET)]
        hub.run("reload")
        assert kinds(a.changes()) == [("+", TELNET)]


@tap.case("our own verbs refuse host bits, leftovers, unknown words, empty matches; nothing is announced")
def _():
    wrong = ["{ match { destination 192.0.2.1/24; } then { discard; } }",
             "{ match { destination 192.0.2.0/24; } then { discard; } } and more",
             "{ match { destinatoin 192.0.2.0/24; } then { discard; } }",
             "{ match { } then { discard; } }",
             "{ match { destination 192.0.2.0/24 } then { discard; } }",
             "{ match { destination-port 65536; } then { discard; } }"]
    with Hub(neighbor("127.0.0.2")) as hub:
        a = peer("127.0.0.2")
        a.changes()
        for text in wrong:
            done = hub.run("announce", "flow route " + text)
            assert done.returncode == 1 and "column" in done.stderr, (text, done.stderr)
        assert a.changes() == [] and hub.rules() == []


@tap.case("a rule whose words do not tell its family: IPv4, or what is said; its text is what announce takes")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        a = peer("127.0.0.2")
        a.changes()
        inside = "flow route { match { port 80; } then { discard; } }"
        for words, family in ((inside, "ipv4-flow"), ("ipv6 " + inside, "ipv6-flow")):
            assert hub.run("announce", words).returncode == 0
            got = a.changes()
            assert [c[:2] for c in got] == [("+", family)], got
            text = [r["rule"] for r in hub.rules() if r["family"] == family][0]
            done = hub.run("withdraw", *text.split())
            assert done.returncode == 0, (text, done.stderr)
            assert [c[:2] for c in a.changes()] == [("-", family)]


@tap.case("what is no text in a command is answered, and gets into no name")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        for line in (b"sh\xffow", b"show \xc3", b"announce flow route \xff { match { protocol tcp; } then { discard; } }",
                     b"announce flow route a\x1b[31m { match { protocol tcp; } then { discard; } }",
                     b'announce flow route "\\u0007" { match { protocol tcp; } then { discard; } }',
                     b'announce flow route "\\ud800" { match { protocol tcp; } then { discard; } }'):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(hub.socket)
                s.sendall(line + b"\n")
                answer = json.loads(s.makefile().readline())
                assert not answer["ok"] and answer["error"], (line, answer)
        assert hub.rules() == []


@tap.case("a file in the socket's place is not taken away")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        second = subprocess.run([f"{BUILD}/headgated", "-c", hub.file, "-s", hub.file], capture_output=True, text=True)
        assert second.returncode == 1 and "no socket" in second.stderr, second.stderr
        with open(hub.file) as f:
            assert "neighbor" in f.read()


@tap.case("nothing learnt is passed on without route-reflector-client")
def _():
    with Hub(neighbor("127.0.0.2", "route-reflector-client;") + neighbor("127.0.0.3")
             + neighbor("127.0.0.4", peer_as=65004)) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        c = peer("127.0.0.4", number=4, asn=65004)
        for p in (a, b, c):
            p.changes()
        a.say(flow_reach([bytes.fromhex(TELNET)]))
        b.say(flow_reach([bytes.fromhex(DNS)]))
        assert until(lambda: len(hub.rules()) == 2)
        assert a.changes() == [] and b.changes() == [] and c.changes() == []


@tap.case("show rules has what enforcers reported: matched and dropped; it goes with their connection")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        assert hub.run("announce", "flow", "route", f"{{ {rule()} }}").returncode == 0
        report = {"enforcer": "r2", "rules": [{
            "family": "ipv4-flow", "nlri": hub.rules()[0]["nlri"], "state": "enforced", "packets": 12, "octets": 720,
            "dropped-packets": 11, "dropped-octets": 660}]}
        with socket.socket(socket.AF_UNIX) as enforcer:
            enforcer.connect(hub.socket)
            enforcer.sendall(f"report {json.dumps(report)}\n".encode())
            assert until(lambda: hub.rules()[0]["enforced"])
            assert hub.rules()[0]["enforced"] == [{
                "enforcer": "r2", "state": "enforced", "reason": "", "packets": 12, "octets": 720,
                "dropped-packets": 11, "dropped-octets": 660}]
            text = hub.run("show", "rules").stdout
            assert "r2: enforced, 12 packets matched, 11 dropped\n" in text, text
        assert until(lambda: hub.rules()[0]["enforced"] == [])


@tap.case("metrics: text that the parser of Prometheus takes, each series once, with what was counted")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()]) + neighbor("127.0.0.3")) as hub:
        a = peer("127.0.0.2", number=2)
        assert kinds(a.changes()) == [("+", TELNET)]
        assert hub.run("announce", "flow", "route", f"{{ {rule(port=24)} }}").returncode == 0
        one = next(r["nlri"] for r in hub.rules() if r["for"] == "everyone")
        said = {"family": "ipv4-flow", "packets": 12, "octets": 720, "dropped-packets": 11, "dropped-octets": 660}
        reports = [[said | {"nlri": one, "state": "enforced"}],
                   [said | {"nlri": one, "state": "monitor", "dropped-packets": 0},
                    said | {"nlri": DNS, "state": "not-enforced", "reason": 'a "reason" \\ of two\nlines'}]]
        reports[0].append(said | {"nlri": TELNET, "state": "enforced", "packets": 0})
        before = samples(hub)
        assert before["headgate_neighbor_state", ("127.0.0.1", "127.0.0.2", "established")] == 1, before
        assert before["headgate_neighbor_routes_advertised", ("ipv4-flow", "127.0.0.1", "127.0.0.2")] >= 1, before
        assert before["headgate_rules", ("ipv4-flow", "best")] == 1, before
        assert not any(name.startswith("headgate_enforcer") for name, _ in before), before
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            for enforcer, report in zip((first, second), reports):
                enforcer.connect(hub.socket)
                enforcer.sendall(f'report {json.dumps({"enforcer": "r2", "rules": report})}\n'.encode())
                assert enforcer.recv(99) == b'{"ok":true}\n'
            for failed, ok in (({"no route": 3, "TTL spent": 0}, True), ({"no route": "3"}, False), ([3], False)):
                said = json.dumps({"enforcer": "r2", "rules": [], "redirect-failed": failed})
                second.sendall(f"report {said}\n".encode())
                assert json.loads(second.recv(999).splitlines()[-1])["ok"] is ok
            now = samples(hub)
        text = next(r["rule"] for r in hub.rules() if r["nlri"] == one).partition(" then")[0] + " }"
        for name, values in [("matched_packets", (12, 12)), ("matched_octets", (720, 720)), ("dropped_packets", (11, 0)),
                             ("dropped_octets", (660, 660))]:
            for enforcer, value in zip(("r2", "r2#2"), values):
                assert now[f"headgate_rule_{name}_total", (enforcer, "ipv4-flow", text)] == value, (now, text)
        assert sum(name == "headgate_rule_matched_packets_total" for name, _ in now) == 2, now
        assert now["headgate_enforcer_up", ("r2",)] == now["headgate_enforcer_up", ("r2#2",)] == 1, now
        assert now["headgate_enforcer_rules", ("r2#2", "monitor")] == 1, now
        failed = {key: value for key, value in now.items() if key[0] == "headgate_enforcer_redirect_failed_total"}
        assert sorted(failed.values()) == [0, 3] and all(labels[0] == "r2#2" for _, labels in failed), failed
        assert now["headgate_rules_not_enforced", ("r2#2", 'a "reason" \\ of two\nlines')] == 1, now
        assert until(lambda: not any(name.startswith("headgate_rule_") for name, _ in samples(hub)))


def samples(hub):
    """Of `headgate metrics`, by name and the values of the labels, in the order of the labels' names."""
    done = hub.run("metrics")
    assert done.returncode == 0, done.stderr
    found = {}
    for family in text_string_to_metric_families(done.stdout):
        assert family.documentation and family.type in ("gauge", "counter"), family
        for s in family.samples:
            key = s.name, tuple(s.labels[label] for label in sorted(s.labels))
            assert key not in found, key
            found[key] = s.value
    assert found["headgate_info", tuple([subprocess.run([f"{BUILD}/headgate", "--version"], capture_output=True,
                                                       text=True).stdout.split()[-1]])] == 1, found
    return found


@tap.case("show protected has what enforcers reported last; half a report changes nothing")
def _():
    entry = {"name": "bgp", "match": "TCP port 179", "default": True, "on": True, "packets": 2, "octets": 80,
             "rules": [{"family": "ipv4-flow", "nlri": TELNET, "match": "port =179;", "packets": 2, "octets": 80}]}
    shown = entry | {"enforcer": "r2"}
    with Hub(neighbor("127.0.0.2")) as hub, socket.socket(socket.AF_UNIX) as enforcer:
        def report(entries):
            line = {"enforcer": "r2", "rules": [], "protected": entries}
            enforcer.sendall(f"report {json.dumps(line)}\n".encode())
            return json.loads(enforcer.recv(65536))

        def protected():
            return [json.loads(line) for line in hub.run("show", "protected", "-j").stdout.splitlines()]

        enforcer.connect(hub.socket)
        assert protected() == []
        assert report([entry, entry])["ok"] and protected() == [shown, shown]
        assert report([entry])["ok"] and protected() == [shown]
        for wrong in ({"name": 7}, {"rules": [{}]}, {"packets": "2"}):
            assert not report([entry, entry | wrong])["ok"], wrong
        assert protected() == [shown]
        assert "2 from { port =179; }" in hub.run("show", "protected").stdout
        enforcer.close()
        assert until(lambda: protected() == [])


@tap.case("reflection: originator, cluster list, next hops of 0, 4 and 16 octets unchanged, not back to the sender")
def _():
    with Hub("cluster-id 10.9.9.9;\n" + neighbor("127.0.0.2", "route-reflector-client;")
             + neighbor("127.0.0.3", "route-reflector-client;")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        for hop in (b"", socket.inet_aton("192.0.2.77"), socket.inet_pton(socket.AF_INET6, "2001:db8::77")):
            a.say(flow_reach([bytes.fromhex(TELNET)], next_hop=hop, local_pref=150))
            got = b.changes()
            assert kinds(got) == [("+", TELNET)], got
            attrs = got[0][3]
            assert attrs["next-hop"] == hop and attrs[5] == b"\0\0\0\x96", attrs
            assert attrs[9] == socket.inet_aton("10.0.0.2"), attrs
            assert attrs[10] == socket.inet_aton("10.9.9.9"), attrs
            assert a.changes() == []
        a.close()
        assert kinds(b.changes()) == [("-", TELNET)]
        assert until(lambda: hub.rules() == [])


@tap.case("loops are refused: our originator id, our cluster id; an older path of the key goes")
def _():
    loop = [attribute(9, socket.inet_aton("10.0.0.1"), 0x80), attribute(10, socket.inet_aton("10.9.9.9"), 0x80)]
    with Hub("cluster-id 10.9.9.9;\n" + neighbor("127.0.0.2", "route-reflector-client;")
             + neighbor("127.0.0.3", "route-reflector-client;")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        for more in loop:
            a.say(flow_reach([bytes.fromhex(TELNET)]))
            assert kinds(b.changes()) == [("+", TELNET)]
            a.say(flow_reach([bytes.fromhex(TELNET)], more=more))
            assert kinds(b.changes()) == [("-", TELNET)]
            assert hub.rules() == []


@tap.case("a rule learnt over eBGP is shown as not validated and not reflected, unless validate off")
def _():
    for word, state in (("", "not validated"), ("validate off;", "best")):
        with Hub(neighbor("127.0.0.2", word, peer_as=65002)) as hub:
            a = peer("127.0.0.2", asn=65002)
            a.say(flow_reach([bytes.fromhex(TELNET)], path=as_sequence(65002), local_pref=None))
            assert until(lambda: [r["state"] for r in hub.rules()] == [state]), hub.rules()
            feed = subprocess.run(["/usr/bin/timeout", "1", "/usr/bin/socat", "-t2", "STDIO",
                                   f"UNIX-CONNECT:{hub.socket}"], input="subscribe rules\n",
                                  capture_output=True, text=True).stdout
            assert ('"op":"add"' in feed) == (state == "best"), feed


@tap.case("shutdown and enable; why it went down is shown")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        a = peer("127.0.0.2")
        assert until(lambda: hub.neighbor("127.0.0.2")["state"] == "established")
        assert hub.run("neighbor", "127.0.0.2", "shutdown").returncode == 0
        assert a.notification()[:2] == (6, 2)
        n = hub.neighbor("127.0.0.2")
        assert n["state"] == "shutdown" and n["last-down"] != "", n
        try:
            Peer("127.0.0.2", "127.0.0.1", timeout=1).establish(router_id="10.0.0.9")
            raise RuntimeError("a session while shut down")
        except (Closed, OSError, AssertionError):
            pass
        assert hub.run("neighbor", "127.0.0.2", "enable").returncode == 0
        assert until(lambda: peer("127.0.0.2"))
        assert hub.run("neighbor", "127.0.0.99", "enable").returncode == 1


@tap.case("two neighbors of one address: local-ip says which; and nobody is waited for once it is shut down")
def _():
    with Hub(neighbor("127.0.0.2") + neighbor("127.0.0.2", local="127.0.0.3")) as hub:
        several = hub.run("neighbor", "127.0.0.2", "shutdown")
        assert several.returncode == 1 and "local-ip" in several.stderr, several.stderr
        for local in ("127.0.0.1", "127.0.0.3"):
            assert "settled" not in hub.log(), hub.log()
            assert hub.run("neighbor", "127.0.0.2", "local-ip", local, "shutdown").returncode == 0
        assert [n["state"] for n in hub.ask("show", "neighbors")] == ["shutdown"] * 2
        assert until(lambda: "settled" in hub.log()), hub.log()


@tap.case("counts, in JSON with -j at any place, and a table without")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])) as hub:
        a = peer("127.0.0.2")
        a.say(flow_reach([bytes.fromhex(DNS)]))
        assert until(lambda: hub.neighbor("127.0.0.2")["received"] == 1)
        n = hub.neighbor("127.0.0.2")
        assert (n["accepted"], n["advertised"]) == (1, 1), n
        assert json.loads(hub.run("show", "-j", "neighbors").stdout) is not None
        table = hub.run("show", "neighbors").stdout
        assert "127.0.0.2" in table and "established" in table, table
        by_nlri = {r["nlri"]: r for r in hub.rules()}
        assert by_nlri["0b" + DNS]["from"] == "127.0.0.2" and by_nlri["0b" + TELNET]["from"] == "file"
        assert by_nlri["0b" + TELNET]["action"] == "discard"


@tap.case("unicast: learnt routes are shown, reflected and withdrawn")
def _():
    attrs = attribute(1, b"\0") + attribute(2, as_sequence(7, 201)) + attribute(3, socket.inet_aton("10.0.0.2"))
    attrs += attribute(5, b"\0\0\0\x64")
    update = message(UPDATE, b"\0\0" + len(attrs).to_bytes(2, "big") + attrs + bytes.fromhex("18cb0071"))
    with Hub(neighbor("127.0.0.2", "route-reflector-client;") + neighbor("127.0.0.3", "route-reflector-client;")) as hub:
        a, b = peer("127.0.0.2", number=2), peer("127.0.0.3", number=3)
        a.changes(), b.changes()
        a.say(update)
        got = b.changes()
        assert kinds(got) == [("+", "18cb0071")] and got[0][3][3] == socket.inet_aton("10.0.0.2"), got
        r = hub.ask("show", "routes", "ipv4")
        assert r[0]["prefix"] == "203.0.113.0/24" and r[0]["as-path"] == "7 201", r
        assert hub.ask("show", "routes", "ipv6") == []
        a.close()
        assert kinds(b.changes()) == [("-", "18cb0071")]


@tap.case("route refresh: the family is sent again")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])):
        a = peer("127.0.0.2")
        a.changes()
        a.say(message(5, bytes.fromhex("00010085")))
        assert kinds(a.changes()) == [("+", TELNET)]


@tap.case("active over IPv6: it connects to us, from its local-address, to another port")
def _():
    listener = socket.socket(socket.AF_INET6)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("fd00::2", 1790))
    listener.listen()
    listener.settimeout(10)
    conf = neighbor("FD00::2", local="fd00::1", passive="", rules=[rule()])
    for options, environment in ((("--bgp-port", "1790"), {}), ((), {"exabgp.tcp.port": "1790"}),
                                 ((), {"exabgp_tcp_port": "1790"})):
        with Hub(conf, *options, environment=environment):
            connection, (address, *_) = listener.accept()
            assert address == "fd00::1", address
            a = Peer(None, None, connection=connection)
            a.establish(router_id="10.0.0.9", hold=0, families=("ipv4-flow",))
            assert kinds(a.changes()) == [("+", TELNET)]
            a.close()
    listener.close()


@tap.case("it listens for passive neighbors alone, on their local-address")
def _():
    def reachable(address):
        s = socket.socket()
        s.settimeout(1)
        try:
            return s.connect_ex((address, 179)) == 0
        finally:
            s.close()
    with Hub(neighbor("127.0.0.2", local="127.0.0.5") + neighbor("127.0.0.3", local="127.0.0.6", passive="")):
        assert until(lambda: reachable("127.0.0.5"))
        assert not reachable("127.0.0.6") and not reachable("127.0.0.1")


@tap.case("a port that is taken is a warning, and is used once it is free")
def _():
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("127.0.0.1", 179))
    other.listen()
    with Hub(neighbor("127.0.0.2")) as hub:
        assert until(lambda: "in use" in hub.log()), hub.log()
        other.close()
        assert until(lambda: connects("127.0.0.2"), 20), hub.log()


def connects(address):
    try:
        return peer(address)
    except (OSError, Closed, AssertionError):
        return None


@tap.case("MD5: with the right password a session, without it none")
def _():
    with Hub(neighbor("127.0.0.2", "md5-password 'secret word';", local="127.0.0.1")) as hub, \
            Hub(neighbor("127.0.0.1", "md5-password 'secret word';", local="127.0.0.2", passive="",
                         router_id="10.0.0.2")) as client:
        assert until(lambda: client.neighbor("127.0.0.1")["state"] == "established", 12), client.log()
        try:
            Peer("127.0.0.2", "127.0.0.1", timeout=1)
            raise RuntimeError("connected without a password")
        except OSError:
            pass
        assert hub.alive()


@tap.case("two sessions to one router-id, over IPv4 and IPv6, are no collision")
def _():
    with Hub(neighbor("127.0.0.2") + neighbor("fd00::2", local="fd00::1")) as hub:
        a = peer("127.0.0.2", number=2)
        b = peer("fd00::2", hub="fd00::1", number=2)
        assert a.alive() and b.alive()
        assert [n["state"] for n in hub.ask("show", "neighbors")] == ["established"] * 2


@tap.case("monitor: a snapshot, then what happens")
def _():
    with Hub(neighbor("127.0.0.2", rules=[rule()])) as hub:
        p = subprocess.Popen([f"{BUILD}/headgate", "-s", hub.socket, "monitor", "-j"], text=True,
                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            lines = []
            while not lines or lines[-1]["event"] != "commit":
                lines.append(json.loads(p.stdout.readline()))
            assert [x["event"] for x in lines] == ["hello", "begin", "neighbor", "rule", "commit"], lines
            hub.run("announce", "flow route { " + rule("198.51.100.0/24", 53, "udp") + " }")
            while lines[-1].get("nlri") != "0b" + DNS:
                lines.append(json.loads(p.stdout.readline()))
            assert lines[-1]["op"] == "add"
        finally:
            p.terminate()
            p.wait()


@tap.case("only root may connect without a group; without a daemon there is a sentence and exit 1")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        assert os.stat(hub.socket).st_mode & 0o777 == 0o600
        gone = subprocess.run([f"{BUILD}/headgate", "-s", hub.socket + "-none", "show", "rules"],
                              capture_output=True, text=True)
        assert gone.returncode == 1 and "headgated" in gone.stderr, gone.stderr
        second = subprocess.run([f"{BUILD}/headgated", "-c", hub.file, "-s", hub.socket], timeout=10,
                                capture_output=True, text=True)
        assert second.returncode == 1 and "another headgated" in second.stderr, second.stderr
        assert hub.run("show", "rules").returncode == 0


@tap.case("a subscriber that does not read is given a new snapshot, and nobody waits for it")
def _():
    with Hub(neighbor("127.0.0.2")) as hub:
        slow = socket.socket(socket.AF_UNIX)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(hub.socket)
        slow.sendall(b"subscribe rules\n")
        time.sleep(0.2)
        fast = socket.socket(socket.AF_UNIX)
        fast.settimeout(20)
        fast.connect(hub.socket)
        count = 60000
        for begin in range(0, count, 1000):
            fast.sendall("".join(
                f"announce flow route {{ match {{ destination {10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24; }} then {{ discard; }} }}\n"
                for n in range(begin, begin + 1000)).encode())
            answers = 0
            while answers < 1000:
                answers += fast.recv(65536).count(b"\n")
        slow.settimeout(5)
        text = b""
        while text.count(b'"event":"hello"') < 2 or not text.endswith(b'}\n') or b'"commit"' not in text[-200:]:
            text += slow.recv(1 << 20)
        last = text[text.rindex(b'"event":"hello"'):]
        assert last.count(b'"op":"add"') == count, last.count(b'"op":"add"')
        slow.close()
        fast.close()


# ---- Long answers -----------------------------------------------------------------------------

MANY = 10000


def numbered(n):
    """Scattered over the order."""
    mixed = n * 40503 & 0xffff
    return f"destination 10.{mixed >> 8}.{mixed & 255}.0/24;", f"0118{0x0a0000 + mixed:06x}"


def said(connection, lines):
    """Sends commands and reads as many answers of one line."""
    connection.sendall("".join(line + "\n" for line in lines).encode())
    text = b""
    while text.count(b"\n") < len(lines):
        text += connection.recv(1 << 16)
    assert b"false" not in text, text[:400]


def announce_many(connection, numbers, verb="announce"):
    for at in range(0, len(numbers), 500):
        said(connection, [f"{verb} flow route {{ match {{ {numbered(n)[0]} }} then {{ discard; }} }}"
                          for n in numbers[at:at + 500]])


class Unread:
    """A connection that asks and does not read on until it is told to."""

    def __init__(self, hub, command):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect(hub.socket)
        self.socket.sendall(command.encode() + b"\n")
        self.text = self.socket.recv(4096)

    def more(self):
        octets = self.socket.recv(1 << 16)
        assert octets, "the hub has gone"
        self.text += octets

    def rest(self, is_end):
        """All of it, as objects, to the line that is_end finds."""
        lines = []
        while True:
            *whole, self.text = self.text.split(b"\n")
            lines += [json.loads(line) for line in whole]
            if any(is_end(line) for line in lines[-len(whole):]) if whole else False:
                return lines
            self.more()


def change_in_the_middle(hub, fast, command, is_end):
    """Every third rule stays, of the others some go and some change; what was told, and what there is then."""
    slow = Unread(hub, command)
    gone = [n for n in range(MANY) if n % 3 == 1]
    new = list(range(MANY, MANY + 1000))
    announce_many(fast, gone, "withdraw")
    announce_many(fast, new)
    lines = slow.rest(is_end)
    slow.socket.close()
    announce_many(fast, gone)
    announce_many(fast, new, "withdraw")
    stay = {numbered(n)[1] for n in range(MANY) if n % 3 != 1}
    return lines, stay, {numbered(n)[1] for n in gone}, {numbered(n)[1] for n in new}


def by_nlri(lines, key):
    counts = {}
    for line in lines:
        if key in line:
            counts[line[key][2:]] = counts.get(line[key][2:], 0) + 1
    return counts


@tap.case("rules that change while they are shown: each that stays is there once")
def _():
    with Hub("") as hub, socket.socket(socket.AF_UNIX) as fast:
        fast.connect(hub.socket)
        announce_many(fast, range(MANY))
        lines, stay, gone, _ = change_in_the_middle(hub, fast, "show rules", lambda line: "ok" in line)
        counts = by_nlri(lines, "nlri")
        assert all(counts.get(nlri) == 1 for nlri in stay), len(counts)
        assert max(counts.values()) == 1
        assert 0 < sum(nlri in counts for nlri in gone) < len(gone), "nothing changed in the middle"


@tap.case("rules that change while a subscriber is told them: it has what there is, once each")
def _():
    with Hub("") as hub, socket.socket(socket.AF_UNIX) as fast:
        fast.connect(hub.socket)
        announce_many(fast, range(MANY))
        for command in "subscribe rules", "monitor":
            lines, stay, _, new = change_in_the_middle(
                hub, fast, command, lambda line: line.get("event") == "commit")
            events = [line for line in lines if line.get("event") in ("hello", "begin", "commit", "settled")]
            assert [e["event"] for e in events][:3] == ["hello", "begin", "commit"], events[:5]
            assert by_nlri([line for line in lines if line.get("op") == "add"], "nlri").keys() >= stay
            there = {}
            for line in lines:
                if "op" not in line:
                    continue
                if line["op"] == "add":
                    assert line["nlri"] not in there or line["nlri"][2:] not in stay, "told twice"
                    there[line["nlri"]] = line
                else:
                    assert line["nlri"] in there, "removed, and was never told"
                    del there[line["nlri"]]
            assert {nlri[2:] for nlri in there} == stay | new, len(there)


def memory(hub):
    """KiB"""
    with open(f"/proc/{hub.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


@tap.case("an answer that is not read is not piled up, and keeps nobody waiting")
def _():
    with Hub("") as hub, socket.socket(socket.AF_UNIX) as fast:
        fast.connect(hub.socket)
        announce_many(fast, range(MANY))
        before = memory(hub)
        slow = [Unread(hub, "show rules") for _ in range(20)]
        time.sleep(0.5)
        assert hub.ask("show", "neighbors") == []
        assert memory(hub) < before + 20 * 600, (before, memory(hub))
        for one in slow:
            lines = one.rest(lambda line: "ok" in line)
            assert len(lines) == MANY + 1, len(lines)
            one.socket.close()


@tap.case("a subscriber that is being told the rules is asked to verify them when it has them all")
def _():
    with (Hub("") as hub, socket.socket(socket.AF_UNIX) as fast, socket.socket(socket.AF_UNIX) as reporter,
          socket.socket(socket.AF_UNIX) as asker):
        fast.connect(hub.socket)
        announce_many(fast, range(MANY))
        reporter.connect(hub.socket)
        asker.connect(hub.socket)
        said(reporter, ['report {"enforcer":"r2","rules":[]}'])
        slow = Unread(hub, "subscribe rules")
        asker.sendall(b"verify\n")
        assert until(lambda: "somebody else is verifying" in hub.run("verify").stderr, 5)
        lines = slow.rest(lambda line: line.get("event") == "verify")
        events = [line["event"] for line in lines if line.get("event") not in ("rule", None)]
        assert events[:3] == ["hello", "begin", "commit"] and events[-1] == "verify", events
        assert lines[-1]["rules"] == MANY, lines[-1]
        said(reporter, [f'verified {{"enforcer":"r2","id":{lines[-1]["id"]},"intended":{MANY},"kernel":{MANY},'
                        '"not-enforced":0,"differences":0,"list":[]}'])
        asker.settimeout(10)
        answer = asker.recv(1 << 16)
        assert b'"equal":true' in answer, answer
        slow.socket.close()


@tap.case("many short answers that are not read cost little more than their octets")
def _():
    count, command = 200000, b"show neighbors\n"
    with Hub("") as hub, socket.socket(socket.AF_UNIX) as slow:
        before = memory(hub)
        slow.connect(hub.socket)
        slow.settimeout(20)
        slow.sendall(command * count)
        assert hub.ask("show", "neighbors") == []
        assert memory(hub) < before + 20000, (before, memory(hub))
        answers = 0
        while answers < count:
            answers += slow.recv(1 << 16).count(b"\n")


# ---- All rules go -----------------------------------------------------------------------------


def event(*kinds):
    return lambda line: line.get("event") in kinds


def nlris(numbers):
    return {"05" + numbered(n)[1] for n in numbers}


def replayed(lines, there=()):
    there = set(there)
    for line in lines:
        if "op" in line:
            (there.add if line["op"] == "add" else there.discard)(line["nlri"])
    return there


def brackets(lines):
    return [line["event"] for line in lines if line.get("event") in ("hello", "begin", "commit", "settled", "verify")]


def follow(hub):
    """One that has been told all rules."""
    follower = Unread(hub, "subscribe rules")
    follower.rest(event("commit"))
    return follower


def begun(follower):
    """Some rules have gone; most are there."""
    while b'"remove"' not in follower.text:
        follower.more()


def say_and_go(hub, connection, commands):
    """The hub meets a connection that nobody reads from any more."""
    hub.process.send_signal(signal.SIGSTOP)
    connection.sendall(commands)
    connection.close()
    hub.process.send_signal(signal.SIGCONT)


class AllGo:
    """A hub of many rules, one that follows it, and connections of which the first can withdraw them all."""

    def __init__(self, text="", connections=2):
        self.hub = Hub(text)
        self.connections = [socket.socket(socket.AF_UNIX) for _ in range(connections)]
        for c in self.connections:
            c.settimeout(20)
            c.connect(self.hub.socket)

    def __enter__(self):
        announce_many(self.connections[0], range(MANY))
        self.follower = follow(self.hub)
        return self

    def say(self, *commands):
        """One to each connection, at once."""
        for c, command in zip(self.connections, commands):
            c.sendall(command.encode() + b"\n")

    def __exit__(self, *why):
        for c in (*self.connections, self.follower.socket):
            c.close()
        self.hub.__exit__(*why)


def announcement(*numbers):
    return "\n".join(f"announce flow route {{ match {{ {numbered(n)[0]} }} then {{ discard; }} }}" for n in numbers)


@tap.case("what is announced while all rules are withdrawn stays; who follows is told all of it as one change")
def _():
    with AllGo() as a:
        stay = (0, MANY - 1, MANY)
        a.say("withdraw all")
        begun(a.follower)
        said(a.connections[1], announcement(*stay).split("\n"))
        lines = a.follower.rest(event("commit"))
        assert brackets(lines) == ["begin", "commit"], brackets(lines)
        changes = [line["op"] for line in lines if "op" in line]
        assert "remove" in changes[:changes.index("add")] and changes[-1] == "remove", "nothing came between"
        assert replayed(lines, nlris(range(MANY))) == nlris(stay)
        assert {r["nlri"] for r in a.hub.rules()} == nlris(stay)
        answer = a.connections[0].recv(1 << 16).splitlines()
        assert json.loads(answer[0]) == {"withdrawn": MANY - 1} and json.loads(answer[1])["ok"], answer


@tap.case("two who withdraw all, and one who withdraws a rule meanwhile, are each told what went at their word")
def _():
    with AllGo(connections=3) as a:
        one = announcement(MANY - 1).replace("announce", "withdraw")
        a.say("withdraw all origin user:root", one, "withdraw all")
        answers = [json.loads(c.makefile().readline()) for c in a.connections]
        assert answers == [{"withdrawn": MANY - 1}, {"ok": True}, {"withdrawn": 0}], answers
        assert a.hub.rules() == []


@tap.case("who withdraws all and goes away has them withdrawn")
def _():
    with AllGo() as a:
        say_and_go(a.hub, a.connections[0], b"show neighbors\nwithdraw all\n")
        lines = a.follower.rest(event("commit"))
        assert brackets(lines) == ["begin", "commit"] and replayed(lines, nlris(range(MANY))) == set()
        assert until(lambda: f"user:root withdrew all rules: {MANY}" in a.hub.log()), a.hub.log()[-400:]


@tap.case("a subscriber that comes while all rules are withdrawn has read commit when they are gone")
def _():
    with AllGo() as a, socket.socket(socket.AF_UNIX) as late:
        late.connect(a.hub.socket)
        late.settimeout(20)
        a.say("withdraw all")
        begun(a.follower)
        late.sendall(b"subscribe rules\n")
        lines = []
        for line in late.makefile():
            lines.append(json.loads(line))
            if lines[-1].get("event") == "commit":
                break
        assert brackets(lines) == ["hello", "begin", "commit"], brackets(lines)
        assert any("op" in line for line in lines), "there was no rule any more"
        assert replayed(lines) == set()


@tap.case("settled, and the question of verify, wait for the end of a withdrawal")
def _():
    with AllGo(neighbor("127.0.0.2"), connections=4) as a:
        said(a.connections[3], ['report {"enforcer":"r2","rules":[]}'])
        a.say("withdraw all", "verify", "neighbor 127.0.0.2 shutdown")
        lines = a.follower.rest(event("verify"))
        assert brackets(lines) == ["begin", "commit", "settled", "verify"], brackets(lines)
        assert lines[-1]["rules"] == 0 and int(lines[-1]["digest"], 16) == 0, lines[-1]
        said(a.connections[3], [f'verified {{"enforcer":"r2","id":{lines[-1]["id"]},"intended":0,"kernel":0,'
                                '"not-enforced":0,"differences":0,"list":[]}'])
        assert b'"equal":true' in a.connections[1].recv(1 << 16)


@tap.case("of a question whose asker goes away during a withdrawal nothing is said")
def _():
    with AllGo(connections=3) as a:
        said(a.connections[2], ['report {"enforcer":"r2","rules":[]}'])
        a.say("withdraw all")
        begun(a.follower)
        say_and_go(a.hub, a.connections[1], b"show neighbors\nverify\n")
        lines = a.follower.rest(event("commit"))
        said(a.connections[2], [announcement(1)])
        lines += a.follower.rest(event("commit"))
        assert brackets(lines) == ["begin", "commit"] * 2, brackets(lines)


class Learnt:
    """A hub whose neighbor has sent many rules, and one that follows it."""

    def __init__(self):
        self.hub = Hub(neighbor("127.0.0.2"))

    def send(self, numbers):
        for at in range(0, len(numbers), 200):
            self.peer.say(flow_reach([bytes.fromhex(numbered(n)[1]) for n in numbers[at:at + 200]]))

    def __enter__(self):
        self.peer = peer("127.0.0.2")
        self.send(range(MANY))
        assert until(lambda: len(self.hub.rules()) == MANY, 20), len(self.hub.rules())
        self.follower = follow(self.hub)
        return self

    def __exit__(self, *why):
        self.peer.close()
        self.follower.socket.close()
        self.hub.__exit__(*why)


@tap.case("a session that falls takes its many rules with it, to who follows as one change")
def _():
    with Learnt() as a:
        a.peer.close()
        lines = a.follower.rest(event("commit"))
        assert brackets(lines) == ["begin", "commit"], brackets(lines)
        assert replayed(lines, nlris(range(MANY))) == set()
        assert a.hub.rules() == []


@tap.case("a session that falls and is back at once has what it sends then, and no more")
def _():
    with Learnt() as a:
        a.peer.close()
        begun(a.follower)
        a.peer = peer("127.0.0.2")
        stay = (0, 5, MANY - 1)
        a.send(stay)
        there = nlris(range(MANY))
        while there != nlris(stay):
            there = replayed(a.follower.rest(event("commit")), there)
        time.sleep(0.3)
        assert {r["nlri"] for r in a.hub.rules()} == nlris(stay)


@tap.case("a neighbor that a reload takes away while its rules go leaves none of them")
def _():
    with Learnt() as a:
        a.peer.close()
        begun(a.follower)
        a.hub.reload(neighbor("127.0.0.3"))
        there = nlris(range(MANY))
        while there:
            there = replayed(a.follower.rest(event("commit")), there)
        assert until(lambda: [n["neighbor"] for n in a.hub.ask("show", "neighbors")] == ["127.0.0.3"])
        assert a.hub.rules() == []


@tap.case("a hub that is told to end while rules go ends at once")
def _():
    with AllGo() as a:
        a.say("withdraw all")
        begun(a.follower)
        assert a.hub.end() == 0, a.hub.log()[-2000:]
        assert "withdrew all rules" not in a.hub.log(), "it was done already"
    with Learnt() as a:
        a.peer.close()
        begun(a.follower)
        assert a.hub.end() == 0, a.hub.log()[-2000:]


sys.exit(tap.run())
