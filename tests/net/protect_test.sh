#!/bin/sh
# SPDX-License-Identifier: ISC
# Protected flows from end to end: a router between two hosts, with the hub and the enforcer on it, and
# rules that drop everything; with XDP and with nftables.
. "$HEADGATE_SRC/tests/tap.sh"
. "$HEADGATE_SRC/tests/net/stage.sh"

work=$(mktemp -d)
ns=prt$$
socket=$work/control
hub=
pid=
listeners=
backend=xdp

cleanup() {
	trap - EXIT
	for p in $pid $hub $listeners; do kill -9 "$p"; done
	for n in a b c; do ip netns del "$ns$n"; done
	umount "$work/bpf"
	rm -rf "$work" "$tap_out"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 130' INT TERM

# listen NAMESPACE PORT...
listen() {
	n=$1
	shift
	nsenter --net="/run/netns/$ns$n" /usr/bin/python3 -c '
import socket, select, sys
ls = []
for port in sys.argv[1:]:
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", int(port))); s.listen(64); ls.append(s)
while True:
    for s in select.select(ls, [], [])[0]: s.accept()[0].close()' "$@" &
	listeners="$listeners $!"
}

# a (192.0.2.1) - b (192.0.2.2, 198.51.100.2), the router - c (198.51.100.3)
stage() {
	machines a b c
	join_a_and_b
	ip -n "${ns}b" link add out0 type veth peer name out1 netns "${ns}c"
	ip -n "${ns}b" addr add 198.51.100.2/24 dev out0
	ip -n "${ns}c" addr add 198.51.100.3/24 dev out1
	ip -n "${ns}b" link set out0 up
	ip -n "${ns}c" link set out1 up
	ip -n "${ns}a" route add default via 192.0.2.2
	ip -n "${ns}c" route add default via 198.51.100.2
	in_ b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	listen b 22 23 179
	listen c 22 179 8443
}

# conf LINE... - of the protect section
conf() {
	printf 'control { socket %s; }\nenforce { interface in1; backend %s; }\nprotect {\n' "$socket" \
		"$backend" >"$work/conf"
	printf '\t%s\n' "$@" >>"$work/conf"
	printf '}\n' >>"$work/conf"
}

start() {
	: >"$work/log"
	nsenter --net="/run/netns/${ns}b" "$HEADGATE_BUILD/headgate-enforce" -c "$work/conf" \
		--pin-dir "$work/bpf/pins" 2>"$work/log" &
	pid=$!
	within 10 grep -q 'attached' "$work/log" && within 5 grep -q 'connected' "$work/log" || {
		cat "$work/log"
		return 1
	}
}

stop() {
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

restart() {
	conf "$@"
	stop TERM
	start
}

headgate() {
	"$HEADGATE_BUILD/headgate" -s "$socket" "$@"
}

connects() {
	in_ a /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.settimeout(0.4)
try: s.connect((sys.argv[1], int(sys.argv[2])))
except OSError: sys.exit(1)' "$1" "$2"
}

blocked() {
	! connects "$1" "$2"
}

# entry NAME - its line in show protected -j
entry() {
	headgate -j show protected | grep -F "\"name\":\"$1\"" || return 1
}

# says NAME TEXT - in that line
says() {
	entry "$1" | grep -qF "$2"
}

# saved NAME - it has saved something
saved() {
	entry "$1" >"$work/line" && ! grep -q '"packets":0,"octets":0,"rules":\[\]' "$work/line"
}

# ---- the cases --------------------------------------------------------------------------------

passes_before() {
	within 5 connects 192.0.2.2 23 && within 5 connects 198.51.100.3 22 &&
		connects 192.0.2.2 179 && within 5 connects 2001:db8::2 23 &&
		connects 198.51.100.3 179
}

drop_all() {
	headgate announce flow route '{ match { destination 0.0.0.0/0; } then { discard; } }' &&
		headgate announce flow route '{ match { destination ::/0; } then { discard; } }' &&
		within 5 blocked 192.0.2.2 23
}

ours_live() {
	connects 192.0.2.2 179 && connects 192.0.2.2 22 && connects 2001:db8::2 179 &&
		blocked 2001:db8::2 23
}

transit_is_dropped() {
	blocked 198.51.100.3 179 && blocked 198.51.100.3 22
}

neighbors_are_found() {
	ip -n "${ns}a" neigh flush dev in0
	ip -n "${ns}b" neigh flush dev in1
	connects 2001:db8::2 179
}

shows_what_was_saved() {
	within 5 saved bgp && within 5 saved ssh && within 5 saved neighbor-discovery &&
		! saved ospf
}

shows_from_which_rule() {
	says bgp '"match":"destination 0.0.0.0/0;"' && says bgp '"match":"destination ::/0;"' ||
		return 1
	headgate show protected >"$work/shown"
	cat "$work/shown"
	grep -q 'ssh: TCP to port 22$' "$work/shown" &&
		grep -q '^    [1-9][0-9]* from { destination 0.0.0.0/0; }$' "$work/shown"
}

# The rule has seen them, and dropped fewer.
rule_counts_them() {
	connects 192.0.2.2 179
	sleep 1.5
	headgate -j show rules | /usr/bin/python3 -c '
import json, sys
rules = [json.loads(line) for line in sys.stdin]
e = [r["enforced"][0] for r in rules if "0.0.0.0/0" in r["rule"]][0]
print(e)
sys.exit(not 0 < e["dropped-packets"] < e["packets"])'
}

# address_comes ADDRESS
address_comes() {
	blocked "$1" 179 || return 1
	ip -n "${ns}b" addr add "$1/24" dev in1
	within 5 connects "$1" 179
}

# address_goes ADDRESS OTHER - the other one comes
address_goes() {
	ip -n "${ns}b" addr del "$1/24" dev in1
	ip -n "${ns}b" addr add "$2/32" dev lo
	ip -n "${ns}c" addr add "$1/32" dev out1
	ip -n "${ns}b" route add "$1/32" via 198.51.100.3
	in_ b sh -c 'echo 1 >/proc/sys/net/ipv4/conf/in1/proxy_arp'
	blocked "$1" 179 && connects "$2" 179
}

kill_leaves_protection() {
	stop KILL
	blocked 192.0.2.2 23 && connects 192.0.2.2 179
}

switched_off() {
	conf 'default ssh off;'
	start && within 5 blocked 192.0.2.2 22 && connects 192.0.2.2 179 || return 1
	within 5 says ssh '"on":false'
}

statement_protects_transit() {
	restart 'route lab { match { destination 198.51.100.3/32; destination-port =8443; } }' &&
		within 5 blocked 192.0.2.2 23 || return 1
	connects 198.51.100.3 8443 && blocked 198.51.100.3 179 && within 5 saved lab
}

# The one that is not exact is named.
refuses() {
	conf "route odd { match { destination-port [ $(seq -f =%g -s ' ' 1 2 300) ]; } }"
	in_ b "$HEADGATE_BUILD/headgate-enforce" -n -c "$work/conf" 2>"$work/refused"
	rc=$?
	cat "$work/refused"
	[ "$rc" -eq 1 ] && grep -q 'protect: route odd: ' "$work/refused"
}

nothing_shown() {
	[ -z "$(headgate show protected)" ]
}

forgets_with_the_enforcer() {
	stop TERM
	within 5 nothing_shown
}

stage
conf
nsenter --net="/run/netns/${ns}b" "$HEADGATE_BUILD/headgated" -c "$work/conf" 2>"$work/hub.log" &
hub=$!
within 5 test -S "$socket"

nft_switched_off_and_statement() {
	switched_off && statement_protects_transit
}

nft_table() {
	in_ b nft list table netdev headgate >/dev/null 2>&1 && in_ b nft list chain netdev headgate \
		ipv4-protected | grep -q 'jump ipv4-defaults'
}

nft_starts() {
	backend=nftables
	conf
	start && within 5 blocked 192.0.2.2 23 && nft_table
}

plan 25
start
check 'without rules everything passes' passes_before
check 'a rule for everything is enforced' drop_all
check 'sessions of this machine live, over IPv4 and IPv6' ours_live
check 'neighbors are found' neighbors_are_found
check 'transit is not protected by default' transit_is_dropped
check 'show protected says what was saved' shows_what_was_saved
check 'and from which rule' shows_from_which_rule
check 'the rule counts it as matched and not as dropped' rule_counts_them
check 'an address that comes is protected' address_comes 192.0.2.9
check 'one that went is not' address_goes 192.0.2.9 203.0.113.1
check 'kill -9 leaves the protection' kill_leaves_protection
check 'a default can be switched off' switched_off
check 'a statement protects transit' statement_protects_transit
check 'a match that cannot be had exactly is refused by name' refuses
check 'without the enforcer nothing is shown' forgets_with_the_enforcer
check 'nftables is started in its place' nft_starts
check 'sessions of this machine live with it too' ours_live
check 'neighbors are found with it' neighbors_are_found
check 'transit is not protected by default with it' transit_is_dropped
check 'show protected says what nftables saved' shows_what_was_saved
check 'the rule counts it with nftables as matched and not as dropped' rule_counts_them
check 'nftables protects an address that comes' address_comes 192.0.2.8
check 'and not one that went' address_goes 192.0.2.8 203.0.113.2
check 'kill -9 leaves the protection of nftables' kill_leaves_protection
check 'nftables: a default switched off, a statement for transit' nft_switched_off_and_statement
tap_status
