#!/bin/sh
# SPDX-License-Identifier: ISC
# The enforcer between two namespaces, with a hub that only speaks the feed.
. "$HEADGATE_SRC/tests/tap.sh"
. "$HEADGATE_SRC/tests/net/stage.sh"

enforcer=${HEADGATE_ENFORCE:-$HEADGATE_BUILD/headgate-enforce}
work=$(mktemp -d)
ns=enf$$
socket=$work/control
hub=
pid=

DISCARD=8006000000000000
RATE=8006000049742400       # 1,000,000 octets a second
PACKETS=800c000042c80000    # 100 packets a second
NAN=800600007fc00000
SAMPLE=8007000000000002
MORE=8007000000000001       # later rules are tried too
MARK=800900000000000a
INPUT1=07020000fde84001     # interface-set input:65000:1
INPUT2=07020000fde84002
OUTPUT1=07020000fde88001
# NLRIs: to 192.0.2.2 and 2001:db8::2, TCP to port 23 and 24, UDP to port 9
TCP23=0c0120c0000202038106058117
TCP24=0c0120c0000202038106058118
HOST=060120c0000202
UDP9=0c0120c0000202038111058109
V6TCP23=1901800020010db8000000000000000000000002038106058117

cleanup() {
	trap - EXIT
	exec 7>&-
	[ -z "$pid" ] || kill -9 "$pid"
	[ -z "$hub" ] || kill "$hub"
	[ -z "$listener" ] || kill "$listener"
	for n in a b; do ip netns del "$ns$n"; done
	umount "$work/bpf"
	rm -rf "$work" "$tap_out"
} 2>/dev/null
listener=
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- the stage ------------------------------------------------------------------------------

stage() {
	machines a b
	join_a_and_b
	nsenter --net="/run/netns/${ns}b" /usr/bin/python3 -c '
import socket, select
ls = []
for family, port in [(2, 23), (2, 24), (10, 23), (10, 24)]:
    s = socket.socket(family)
    s.setsockopt(1, 2, 1)
    if family == 10: s.setsockopt(41, 26, 1)
    s.bind(("::" if family == 10 else "0.0.0.0", port)); s.listen(64); ls.append(s)
while True:
    for s in select.select(ls, [], [])[0]: s.accept()[0].close()' &
	listener=$!
}

# a COMMAND... - in namespace a; only the network is another one
a() {
	in_ a "$@"
}

hub_start() {
	[ -p "$work/orders" ] || mkfifo "$work/orders"
	: >"$work/reports"
	exec 7<>"$work/orders"
	"$HEADGATE_SRC/tests/net/enforce_hub.py" "$socket" "$1" "$2" "$work/reports" \
		<"$work/orders" >"$work/hub.log" 2>&1 7>&- &
	hub=$!
	within 5 test -S "$socket"
}

hub_kill() {
	kill -9 "$hub"
	wait "$hub" 2>/dev/null
	hub=
	exec 7>&-
	rm -f "$socket" "$work/orders"
}

order() {
	echo "$*" >&7
}

# conf LINE... - the enforce section
conf() {
	printf 'enforce {\n' >"$work/conf"
	printf '\t%s\n' "$@" >>"$work/conf"
	printf '}\n' >>"$work/conf"
}

# start [OPTION...] - an enforcer
start() {
	: >"$work/log"
	nsenter --net="/run/netns/${ns}b" "$enforcer" -c "$work/conf" -s "$socket" \
		--pin-dir "$work/bpf/pins" "$@" 2>"$work/log" 7>&- &
	pid=$!
	within 10 grep -q 'attached\|waiting' "$work/log" || {
		cat "$work/log"
		return 1
	}
}

# stop SIGNAL - the enforcer's exit status
stop() {
	kill "-$1" "$pid"
	rc=0
	wait "$pid" 2>/dev/null || rc=$?
	pid=
	return "$rc"
}

# once ARGS... - an enforcer that is expected to leave at once
once() {
	timeout 10 nsenter --net="/run/netns/${ns}b" "$enforcer" --pin-dir "$work/bpf/pins" "$@"
}

# ---- what can be seen -------------------------------------------------------------------------

# A SYN that gets no answer in 0.4 s has been dropped, or the machine is busy.
answers() {
	a /usr/bin/python3 -c '
import socket, sys
s = socket.socket(10 if ":" in sys.argv[1] else 2)
s.settimeout(0.4)
try: s.connect((sys.argv[1], int(sys.argv[2])))
except OSError: sys.exit(1)' "$1" "$2"
}

connects() {
	answers "$1" "$2" || answers "$1" "$2" || answers "$1" "$2"
}

blocked() {
	! answers "$1" "$2"
}

# reported NLRI WORD... - the hub was told so about this rule
reported() {
	grep -F "\"nlri\": \"$1\"" "$work/reports" >"$work/line" || return 1
	shift
	for word; do grep -qF "$word" "$work/line" || return 1; done
}

no_pins() {
	[ ! -e "$work/bpf/pins" ]
}

# unprogrammed NAMESPACE INTERFACE
unprogrammed() {
	ip -n "$1" link show dev "$2" >"$work/said" && ! grep -q xdp "$work/said"
}

no_program() {
	! ip -n "${ns}b" link show dev in1 | grep -q 'prog/xdp\|xdp'
}

# ---- the cases --------------------------------------------------------------------------------

passes_without_rules() {
	connects 192.0.2.2 23 && connects 2001:db8::2 23
}

waits_for_hub() {
	grep -q 'there is no headgated' "$work/log" && [ "$(grep -c waiting "$work/log")" -eq 1 ]
}

blocks_v4() {
	order add ipv4-flow "$TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 && connects 192.0.2.2 24 && connects 2001:db8::2 23
}

blocks_v6() {
	order add ipv6-flow "$V6TCP23" "$DISCARD"
	within 5 blocked 2001:db8::2 23 && connects 2001:db8::2 24
}

reports_counters() {
	within 5 reported "$TCP23" '"state": "enforced"' '"reason": ""' &&
		within 5 reported "$V6TCP23" '"state": "enforced"' &&
		within 5 counts "$TCP23"
}

# Its packets and those that were dropped are told by and by.
counts() {
	! reported "$1" '"packets": 0,' && ! reported "$1" '"dropped-packets": 0,'
}

passes_after_removal() {
	order remove ipv4-flow "$TCP23"
	within 5 connects 192.0.2.2 23 && blocked 2001:db8::2 23
}

lists_what_it_cannot() {
	order add ipv4-flow "$TCP24" "$NAN"
	within 5 reported "$TCP24" '"state": "not-enforced"' '"reason": "the rate is not a number"' &&
		connects 192.0.2.2 24
}

hub_end_keeps() {
	order add ipv4-flow "$TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 || return 1
	hub_kill
	sleep 0.5
	blocked 192.0.2.2 23 && kill -0 "$pid"
}

unsettled_keeps() {
	hub_start epoch2 unsettled
	order add ipv4-flow "$TCP24" "$DISCARD"
	within 5 blocked 192.0.2.2 24 && blocked 192.0.2.2 23 && blocked 2001:db8::2 23
}

settled_takes() {
	order settled
	within 5 connects 192.0.2.2 23 && connects 2001:db8::2 23 && blocked 192.0.2.2 24
}

kill_keeps() {
	stop KILL
	blocked 192.0.2.2 24 && connects 192.0.2.2 23
}

return_settles() {
	order remove ipv4-flow "$TCP24"
	order add ipv4-flow "$TCP23" "$DISCARD"
	start && grep -q '1 rules are still in the kernel' "$work/log" &&
		within 5 connects 192.0.2.2 24 && within 5 blocked 192.0.2.2 23
}

counted() {
	reported "$1" '"state": "enforced"' && [ "$(value packets)" -gt 0 ]
}

# A counter that was there when we died is there when we are back.
return_keeps_counters() {
	connects 192.0.2.2 23
	within 5 counted "$TCP23" || return 1
	before=$(value packets)
	stop KILL
	start && sleep 1.5 && within 5 reported "$TCP23" '"state": "enforced"' || return 1
	after=$(value packets)
	echo "before $before, after $after"
	[ "$before" -gt 0 ] && [ "$after" -ge "$before" ]
}

return_to_unsettled_keeps() {
	stop KILL
	hub_kill
	hub_start epoch3 unsettled
	start && sleep 0.7 && blocked 192.0.2.2 23 || return 1
	order settled
	within 5 connects 192.0.2.2 23
}

half_a_change() {
	order add ipv4-flow "$TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 || return 1
	order half ipv4-flow "$TCP24" "$DISCARD"
	sleep 0.4
	connects 192.0.2.2 24 || return 1
	hub_kill
	sleep 0.5
	connects 192.0.2.2 24 && blocked 192.0.2.2 23
}

one_change() {
	hub_start epoch4 settled
	order begin
	order add ipv4-flow "$TCP23" "$DISCARD"
	order add ipv4-flow "$TCP24" "$DISCARD"
	order commit
	within 5 blocked 192.0.2.2 23 && within 1 blocked 192.0.2.2 24
}

# flood SECONDS OCTETS RATE COST [PAUSE] - UDP to port 9; sets sent, and due: what an exact limit of
# RATE, where a packet costs COST of it, lets pass of packets that were sent at these moments.  Its
# burst is what docs/dataplane.md says: 16 ms, and at least 4 packets or 6,000 octets.  doubt: as many may be
# missing or more, because the limit's clock steps by a tick and the sender was away for about a burst.
flood() {
	a nice -n -20 /usr/bin/python3 -c '
import socket, sys, time
seconds, octets, rate, cost, *pause = map(float, sys.argv[1:])
s = socket.socket(2, 2)
s.connect(("192.0.2.2", 9))
data, sent, passed = b"x" * int(octets), 0, 0
level = depth = max(rate * 0.016, 4 if cost == 1 else 6000) + cost
tick, doubt = time.clock_getres(6), 0 # CLOCK_MONOTONIC_COARSE
last = time.monotonic()
end = last + seconds
while last < end:
    try: s.send(data)
    except OSError: pass
    now = time.monotonic()
    level = min(depth, level + (now - last) * rate)
    if now - last > depth / rate - 2 * tick: doubt += tick * rate / cost
    last, sent = now, sent + 1
    if level >= cost: level, passed = level - cost, passed + 1
    if pause: time.sleep(*pause)
print(sent, passed, int(doubt + 1))' "$@" >"$work/flooded"
	read -r sent due doubt <"$work/flooded"
}

value() {
	sed "s/.*\"$1\": \([0-9]*\).*/\1/" "$work/line"
}

# about WHAT VALUE LOW HIGH - a limit never lets too much through; too little may be a sender that
# lost its CPU, so that only less than half is a fault
about() {
	echo "$1: $2, expected $3 to $4"
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ]
}

# What passed, in the packets or octets that the report has.
passed() {
	sleep 1.3
	reported "$UDP9" '"state": "enforced"' || return 1
	passed=$(($(value "$1") - $(value "dropped-$1")))
}

# 100 packets a second for 2 s, about 500 offered a second
limits_packets() {
	order add ipv4-flow "$UDP9" "$PACKETS"
	within 5 reported "$UDP9" '"state": "enforced"' || return 1
	flood 2 100 100 1 0.002
	passed packets && [ "$sent" -gt $((due * 3 / 2)) ] &&
		about packets "$passed" $((due / 2 - doubt)) $((due + due / 50 + 1 + doubt))
}

# A million octets a second for 2 s, offered as fast as it goes
limits_octets() {
	order remove ipv4-flow "$UDP9"
	sleep 0.3
	order add ipv4-flow "$UDP9" "$RATE"
	sleep 0.3
	flood 2 1400 1000000 1428
	due=$((due * 1428)) doubt=$((doubt * 1428))
	passed octets && [ $((sent * 1428)) -gt $((due * 3 / 2)) ] &&
		about octets "$passed" $((due / 2 - doubt)) $((due + due / 50 + 1428 + doubt))
}

two_instances() {
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q 'another headgate-enforce' "$work/said" && blocked 192.0.2.2 23
}

flush_spares_the_living() {
	once --flush >"$work/said" 2>&1
	[ $? -eq 1 ] && grep -q 'another headgate-enforce' "$work/said" && blocked 192.0.2.2 23
}

term_takes_all() {
	stop TERM && connects 192.0.2.2 23 && no_pins && no_program
}

int_takes_all() {
	start && within 5 blocked 192.0.2.2 23 && stop INT && connects 192.0.2.2 23 && no_pins
}

flush_takes_all() {
	start && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	blocked 192.0.2.2 23 || return 1
	once --flush && connects 192.0.2.2 23 && no_pins && no_program
}

flush_of_nothing() {
	once --flush && no_pins
}

other_layout() {
	start && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	# The layout is the first word of the control map.
	bpftool map update pinned "$work/bpf/pins/hg_control" key 0 0 0 0 value 99 0 0 0 \
		$(bpftool -j map lookup pinned "$work/bpf/pins/hg_control" key 0 0 0 0 |
			/usr/bin/python3 -c 'import json, sys; print(*json.load(sys.stdin)["value"][4:])') ||
		return 1
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	[ $? -eq 1 ] && grep -q 'layout 99' "$work/said" && blocked 192.0.2.2 23 && once --flush
}

missing_map() {
	start && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	rm "$work/bpf/pins/hg_actions"
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q 'hg_actions.*--flush' "$work/said" && blocked 192.0.2.2 23 &&
		once --flush && connects 192.0.2.2 23 && no_pins
}

monitors() {
	conf 'interface in1;' 'mode monitor;'
	start || return 1
	sleep 1
	connects 192.0.2.2 23 && within 5 reported "$TCP23" '"state": "monitor"' &&
		sleep 1.2 && reported "$TCP23" '"dropped-packets": 0' && ! reported "$TCP23" '"packets": 0,'
}

monitor_to_enforce() {
	stop KILL
	conf 'interface in1;' 'mode enforce;'
	start && within 5 blocked 192.0.2.2 23 && stop TERM
}

pattern() {
	conf 'interface in*;'
	start && grep -q 'interface in1: attached' "$work/log" && ! grep -q 'interface lo' "$work/log"
}

comes_and_goes() {
	ip -n "${ns}b" link add in7 type veth peer name out7 || return 1
	within 5 grep -q 'interface in7: attached' "$work/log" || return 1
	ip -n "${ns}b" link del in7
	within 5 grep -q 'interface in7: it is gone' "$work/log" && kill -0 "$pid" && stop TERM && no_pins
}

# Packets are looked at under the names of the file and nowhere else.
leaves_by_name() {
	conf 'interface in*;'
	start && ip -n "${ns}b" link add in7 type veth peer name out7 || return 1
	within 5 grep -q 'interface in7: attached' "$work/log" || return 1
	ip -n "${ns}b" link set in7 name was7
	within 5 grep -q 'interface was7: named no more' "$work/log" &&
		within 5 unprogrammed "${ns}b" was7
}

attached_twice() {
	[ "$(grep -c "interface $1: attached" "$work/log")" -eq 2 ]
}

leaves_for_elsewhere() {
	ip -n "${ns}b" link set was7 name in7
	within 5 attached_twice in7 || return 1
	ip -n "${ns}b" link set in7 netns "${ns}a"
	within 5 grep -q 'interface in7: it is gone' "$work/log" && within 5 unprogrammed "${ns}a" in7
	verdict=$?
	ip -n "${ns}b" link del out7
	stop TERM && [ "$verdict" -eq 0 ] && no_pins
}

# An interface that is up takes no other name on older kernels; IPv6 addresses go when it is down.
rename() {
	ip -n "${ns}b" link set "$1" down && ip -n "${ns}b" link set "$1" name "$2" up &&
		ip -n "${ns}b" addr add 2001:db8::2/64 dev "$2" nodad
}

# Another name, another mode, in the link that is there.
follows_name() {
	conf 'interface in1;' 'interface new1 { mode monitor; }'
	ip -n "${ns}b" link add new1 type veth peer name out1
	start && within 5 blocked 192.0.2.2 23 || return 1
	ip -n "${ns}b" link del new1
	rename in1 new1
	within 5 grep -q 'interface new1: rules count there' "$work/log" && connects 192.0.2.2 23
	verdict=$?
	rename new1 in1
	within 5 blocked 192.0.2.2 23 && stop TERM && [ "$verdict" -eq 0 ] && no_pins
}

# refused LINE WHY - this section is an error, and nothing is left behind
refused() {
	conf "$1"
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q "$2" "$work/said" && no_pins && no_program
}

# The driver of veth takes no program when the peer's packets may be as large as this.
generic() {
	ip -n "${ns}a" link set in0 mtu 9000 && ip -n "${ns}b" link set in1 mtu 9000 || return 1
	conf 'interface in1;'
	start && grep -q 'in1: attached, generic' "$work/log" && within 5 blocked 192.0.2.2 23 &&
		connects 2001:db8::2 23 && stop TERM && no_pins
	rc=$?
	ip -n "${ns}a" link set in0 mtu 1500 && ip -n "${ns}b" link set in1 mtu 1500
	return "$rc"
}

other() {
	nsenter --net="/run/netns/${ns}b" bpftool "$@"
}

# A program that passes everything, put there by another tool.
other_program() {
	printf '%s\n' '#include <linux/bpf.h>' '__attribute__((section("xdp"), used))' \
		'int other(struct xdp_md *c) { return XDP_PASS; }' >"$work/other.c"
	clang -O2 -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$work/other.c" \
		-o "$work/other.o" && bpftool prog load "$work/other.o" "$work/bpf/other" type xdp &&
		other net attach xdpgeneric pinned "$work/bpf/other" dev in1 || return 1
	conf 'interface in1;'
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	id=$(ip -n "${ns}b" link show dev in1 | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p')
	[ "$rc" -eq 1 ] && [ -n "$id" ] && grep -q "id $id, mode generic" "$work/said" && no_pins
	rc=$?
	other net detach xdpgeneric dev in1
	rm "$work/bpf/other"
	return "$rc"
}

not_bpf_fs() {
	conf 'interface in1;'
	nsenter --net="/run/netns/${ns}b" "$enforcer" -c "$work/conf" -s "$socket" \
		--pin-dir "$work/nobpf" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q 'not in a BPF file system' "$work/said" && [ ! -e "$work/nobpf" ]
}

# CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF: bits 12, 38, 39
keeps_three() {
	grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs' "/proc/$pid/status" >"$work/said"
	cat "$work/said"
	[ "$(tr -d '\n\t ' <"$work/said")" = "$(printf %s CapInh:0000000000000000 CapPrm:000000c000001000 \
		CapEff:000000c000001000 CapBnd:000000c000001000 CapAmb:0000000000000000 NoNewPrivs:1)" ]
}

# 2: a filter decides
narrowed() {
	grep '^Seccomp:' "/proc/$pid/status" >"$work/said"
	cat "$work/said"
	[ "$(tr -d '\t ' <"$work/said")" = Seccomp:2 ]
}

# without CAPABILITY... - an enforcer that lacks these is told so, and leaves nothing
without() {
	gone=
	for c; do gone=$gone${gone:+,}-$c; done
	name=CAP_$(echo "$1" | tr a-z A-Z)
	nsenter --net="/run/netns/${ns}b" setpriv --bounding-set="$gone" --inh-caps="$gone" "$enforcer" \
		-c "$work/conf" -s "$socket" --pin-dir "$work/bpf/pins" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q "$name is missing: " "$work/said" && no_pins
}

missing_capabilities() {
	conf 'interface in1;'
	without net_admin && without bpf sys_admin && without perfmon sys_admin
}

# Here nothing is lacking.
says_nothing_of_kernel() {
	! grep -q 'this kernel\|the kernel' "$work/log"
}

# The interface that another program has is told once, and in the way of none that comes later.
occupied_and_free() {
	printf '%s\n' '#include <linux/bpf.h>' '__attribute__((section("xdp"), used))' \
		'int other(struct xdp_md *c) { return XDP_PASS; }' >"$work/other.c"
	clang -O2 -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$work/other.c" \
		-o "$work/other.o" && bpftool prog load "$work/other.o" "$work/bpf/other" type xdp || return 1
	conf 'interface in*;'
	start || return 1
	for n in 3 4; do
		ip -n "${ns}b" link add "new$n" type veth peer name "out$n" || return 1
		other net attach xdpgeneric pinned "$work/bpf/other" dev "new$n" || return 1
		ip -n "${ns}b" link set "new$n" name "in$n"
	done
	within 5 grep -q 'interface in3: there is another' "$work/log" || return 1
	ip -n "${ns}b" link add in5 type veth peer name out5
	within 5 grep -q 'interface in5: attached' "$work/log" && sleep 2.5 &&
		[ "$(grep -c 'there is another XDP program' "$work/log")" -eq 2 ]
	verdict=$?
	cat "$work/log"
	for n in 3 4 5; do ip -n "${ns}b" link del "in$n"; done
	rm -f "$work/bpf/other"
	stop TERM && [ "$verdict" -eq 0 ]
}

# A hub that closes each connection at once is told once and tried once a second.
moody_hub() {
	conf 'interface in1;'
	start && within 5 grep -q 'hub: settled' "$work/log" || return 1
	order moody
	sleep 3
	cat "$work/log"
	[ "$(grep -c 'hub: ' "$work/log")" -le 4 ] && kill -0 "$pid"
}

# What has no sense is named and changes nothing; a begin inside a change starts anew.
nonsense() {
	hub_kill
	hub_start epoch6 settled
	order add ipv4-flow "$TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 || return 1
	for line in '{"event":' '{"event":"rule","op":"remove","family":"ipv4-flow","nlri":"'"$TCP23"'"}' \
		'{"event":"commit","seq":9}' '[[[[' '{"event":"begin","seq":9,"snapshot":true}' \
		'{"event":"rule","op":"add","family":"ipv4-flow","nlri":"'"$TCP24"'","ext":"'"$DISCARD"'"}' \
		'{"event":"begin","seq":9,"snapshot":true}' '{"event":"commit","seq":9}'; do
		order say "$line"
		sleep 0.05
	done
	sleep 1.5
	blocked 192.0.2.2 23 && connects 192.0.2.2 24 && grep -q 'a rule outside of a change' "$work/log" &&
		grep -q 'a begin inside a change' "$work/log" || return 1
	order add ipv4-flow "$TCP24" "$DISCARD"
	within 5 blocked 192.0.2.2 24
}

# More lines at once than are read in one go, and nothing behind them.
burst() {
	kill -STOP "$pid"
	order many 2100 "$DISCARD"
	sleep 0.5
	kill -CONT "$pid"
	within 5 reported 060120c6000000 '"state": "enforced"' &&
		within 5 reported 060120c6000833 '"state": "enforced"'
	verdict=$?
	stop TERM
	return "$verdict"
}

named_after_interface() {
	grep -q '"enforcer": "[^"/]*/in1"' "$work/reports"
}

# Destinations of 13 lengths with 5 lengths of sources each, 65 of both; 64 go in.
nested_rules() {
	/usr/bin/python3 -c '
address = bytes([198, 0, 0, 0])
for d in range(20, 33):
    for s in range(28, 33):
        nlri = bytes([1, d]) + address[:(d + 7) // 8] + bytes([2, s]) + address
        print("add ipv4-flow %02x%s" % (len(nlri), nlri.hex()), "'"$DISCARD"'")'
}

LAST=0c0120c60000000220c6000000

table_full() {
	hub_kill
	hub_start epoch5 settled
	nested_rules >&7
	conf 'interface in1;'
	start && within 20 reported "$LAST" '"state": "not-enforced"' 'nested prefixes' &&
		reported 0c0120c6000000021ec6000000 '"state": "enforced"' &&
		[ "$(grep -c 'nested prefixes' "$work/reports")" -eq 1 ]
}

room_again() {
	order remove ipv4-flow 0b0114c60000021cc6000000
	within 5 reported "$LAST" '"state": "enforced"'
}

OTHER=192.0.2.66 # another source

monitors_interface() {
	stop TERM
	hub_kill
	hub_start epoch6 settled
	order add ipv4-flow "$TCP23" "$DISCARD"
	conf 'interface in1 { mode monitor; }'
	start && grep -q 'interface in1: rules count there and drop nothing' "$work/log" || return 1
	sleep 1
	connects 192.0.2.2 23 || return 1
	sleep 1.2
	reported "$TCP23" '"dropped-packets": 0' && ! reported "$TCP23" '"packets": 0,'
}

# It is in the links that are taken over, too.
monitors_interface_no_more() {
	stop KILL
	conf 'interface in1;' 'interface in* { mode monitor; }'
	start && within 5 blocked 192.0.2.2 23
}

monitors_source() {
	stop TERM
	conf 'interface in1;' "source $OTHER { mode monitor; }"
	order add ipv4-flow "$TCP24" "$DISCARD" "$OTHER"
	start && within 5 blocked 192.0.2.2 23 && connects 192.0.2.2 24 &&
		within 5 reported "$TCP24" '"state": "monitor"' || return 1
	sleep 1.2
	reported "$TCP24" '"dropped-packets": 0' && ! reported "$TCP24" '"packets": 0,' &&
		reported "$TCP23" '"state": "enforced"'
}

away_removes_one_source() {
	stop TERM
	conf 'interface in1;' 'hub-away keep;' "source $OTHER { hub-away remove; }"
	start && within 5 blocked 192.0.2.2 24 && within 5 blocked 192.0.2.2 23 || return 1
	hub_kill
	within 3 connects 192.0.2.2 24 && grep -q "1 rules of $OTHER are removed" "$work/log" &&
		sleep 1 && blocked 192.0.2.2 23
}

away_ends() {
	hub_start epoch7 unsettled
	order add ipv4-flow "$TCP24" "$DISCARD" "$OTHER"
	within 5 blocked 192.0.2.2 24 && blocked 192.0.2.2 23
}

away_keeps_seconds() {
	stop TERM
	conf 'interface in1;' 'hub-away keep 3 seconds;'
	start && within 5 blocked 192.0.2.2 24 || return 1
	hub_kill
	sleep 1
	blocked 192.0.2.2 24 && within 5 connects 192.0.2.2 24
}

# The kernel says from which source they are.
away_since_start() {
	hub_start epoch8 settled
	order add ipv4-flow "$TCP23" "$DISCARD"
	order add ipv4-flow "$TCP24" "$DISCARD" "$OTHER"
	within 5 blocked 192.0.2.2 24 && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	hub_kill
	conf 'interface in1;' 'hub-away keep 2 seconds;' "source $OTHER { hub-away keep; }"
	start && blocked 192.0.2.2 23 && within 5 connects 192.0.2.2 23 && sleep 1 &&
		blocked 192.0.2.2 24
}

# A rule behind in order decides only where the one before it says so.
goes_on() {
	stop TERM
	hub_start epoch9 settled
	conf 'interface in1;'
	order add ipv4-flow "$TCP23" "$MARK"
	order add ipv4-flow "$HOST" "$DISCARD"
	start && within 5 blocked 192.0.2.2 24 && connects 192.0.2.2 23 || return 1
	order add ipv4-flow "$TCP23" "$MARK$MORE"
	within 5 blocked 192.0.2.2 23 && within 5 counted "$TCP23" &&
		reported "$TCP23" '"dropped-packets": 0,' && ! reported "$HOST" '"dropped-packets": 0,'
}

goes_on_after_return() {
	stop KILL
	blocked 192.0.2.2 23 && start && blocked 192.0.2.2 23 || return 1
	order add ipv4-flow "$TCP23" "$MARK"
	within 5 connects 192.0.2.2 23 && blocked 192.0.2.2 24
}

# Only where the interface is in the rule's group, which may change over kill -9.
some_interfaces() {
	stop TERM
	conf 'interface in1 { group 65000:2; group 65000:1; }'
	order remove ipv4-flow "$HOST"
	order add ipv4-flow "$TCP23" "$DISCARD$INPUT1"
	order add ipv4-flow "$TCP24" "$DISCARD${INPUT1%1}3"
	start && within 5 blocked 192.0.2.2 23 &&
		within 5 reported "$TCP24" '"state": "not-enforced"' 'no interface here is in its groups' &&
		connects 192.0.2.2 24 || return 1
	order add ipv4-flow "$TCP24" "$DISCARD$OUTPUT1"
	within 5 reported "$TCP24" '"state": "not-enforced"' 'for output alone' || return 1
	order add ipv4-flow "$TCP24" "$DISCARD$INPUT2$OUTPUT1"
	within 5 blocked 192.0.2.2 24
}

other_interfaces() {
	stop KILL
	ip -n "${ns}b" link add in8 type veth peer name out8
	conf 'interface in8 { group 65000:1; }' 'interface in1 { group 65000:2; }'
	start && within 5 connects 192.0.2.2 23 && blocked 192.0.2.2 24 &&
		within 5 reported "$TCP23" '"state": "enforced"' || return 1
	stop KILL
	conf 'interface in8 { group 65000:2; }' 'interface in* { group 65000:1; }'
	start && blocked 192.0.2.2 23 && within 5 connects 192.0.2.2 24 || return 1
	stop TERM
	ip -n "${ns}b" link del in8
	conf 'interface in1;'
	start && within 5 reported "$TCP23" '"state": "not-enforced"' && connects 192.0.2.2 23
}

# samples - of each sample that tshark reads: interface, octets that there are, of the packet, port, rule
samples() {
	tshark -r "$work/samples" -T fields -E separator=/s -e frame.interface_name -e frame.cap_len \
		-e frame.len -e udp.dstport -e frame.comment >"$work/sampled" 2>/dev/null
}

sampled() {
	samples && [ "$(grep -cFx "$1" "$work/sampled")" -ge "$2" ]
}

RULE='flow route { match { destination 192.0.2.2/32; protocol =udp; destination-port =9; } }'

# Those that are dropped too.  A second run goes on with the file.
writes_samples() {
	stop TERM
	conf 'interface in1;' 'sample 1;'
	order add ipv4-flow "$UDP9" "$DISCARD$SAMPLE"
	start --samples "$work/samples" && within 5 reported "$UDP9" '"state": "enforced"' || return 1
	flood 0.3 300 1 1 0.01
	within 5 sampled "in1 128 342 9 $RULE" 10 || return 1
	stop TERM
	before=$(wc -l <"$work/sampled")
	start --samples "$work/samples" && within 5 reported "$UDP9" '"state": "enforced"' || return 1
	flood 0.3 20 1 1 0.01
	within 5 sampled "in1 62 62 9 $RULE" 10 && [ "$(wc -l <"$work/sampled")" -gt "$before" ] &&
		stop TERM && grep -q 'samples, .* of them written; 0 lost' "$work/log"
}

samples_have_a_bound() {
	truncate -s 64M "$work/samples"
	start --samples "$work/samples" && within 5 reported "$UDP9" '"state": "enforced"' || return 1
	flood 0.3 20 1 1 0.01
	within 5 grep -q 'it has reached 64 MiB' "$work/log" && stop TERM &&
		[ "$(wc -c <"$work/samples")" -eq 67108864 ] || return 1
	echo 'this is mine' >"$work/samples"
	once -c "$work/conf" -s "$socket" --samples "$work/samples" 2>"$work/said"
	[ $? -eq 1 ] && grep -q 'no pcapng file; it stays' "$work/said" &&
		[ "$(cat "$work/samples")" = 'this is mine' ] && no_pins
}

# Without a file they are counted.
counts_samples() {
	start && within 5 reported "$UDP9" '"state": "enforced"' || return 1
	flood 0.3 20 1 1 0.01
	stop TERM && grep -q '[1-9][0-9]* samples, 0 of them written; 0 lost' "$work/log"
}

# A disk that is full is no reason to enforce nothing.
samples_without_room() {
	start --samples /dev/full && grep -q 'No space left on device; samples are only counted' "$work/log" &&
		within 5 reported "$UDP9" '"state": "enforced"' && stop TERM
}

# ---- nftables ---------------------------------------------------------------------------------

table() {
	nsenter --net="/run/netns/${ns}b" nft list table netdev headgate >"$work/table" 2>/dev/null
}

no_table() {
	! table
}

nft_blocks() {
	hub_kill
	hub_start epoch7 settled
	conf 'interface in1;' 'backend nftables;'
	start && grep -q 'in1: attached, nftables' "$work/log" && no_pins && no_program || return 1
	order add ipv4-flow "$TCP23" "$DISCARD"
	order add ipv6-flow "$V6TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 && within 5 blocked 2001:db8::2 23 && connects 192.0.2.2 24 &&
		connects 2001:db8::2 24
}

nft_counts() {
	within 5 counted "$TCP23" && ! reported "$TCP23" '"dropped-packets": 0,' &&
		within 5 counted "$V6TCP23"
}

nft_lists_what_it_cannot() {
	order add ipv4-flow "$TCP24" "$DISCARD$MORE"
	within 5 reported "$TCP24" '"state": "not-enforced"' 'going on with later rules' || return 1
	order add ipv4-flow "$TCP24" "$DISCARD$SAMPLE"
	within 5 reported "$TCP24" '"state": "not-enforced"' 'sample is not enforced' || return 1
	order add ipv4-flow "$TCP24" "$DISCARD$INPUT1"
	within 5 reported "$TCP24" '"state": "not-enforced"' 'interface-set is not enforced' || return 1
	order add ipv4-flow "$TCP24" "$RATE$PACKETS"
	within 5 reported "$TCP24" '"state": "not-enforced"' 'octets and packets at once' &&
		connects 192.0.2.2 24
}

nft_second() {
	timeout 10 nsenter --net="/run/netns/${ns}b" "$enforcer" -c "$work/conf" -s "$socket" \
		--pin-dir "$work/bpf/others" >"$work/said" 2>&1
	[ $? -eq 1 ] && grep -q 'another headgate-enforce' "$work/said" && blocked 192.0.2.2 23 || return 1
	once --flush >"$work/said" 2>&1
	[ $? -eq 1 ] && grep -q 'another headgate-enforce' "$work/said" && blocked 192.0.2.2 23
}

nft_kill_keeps() {
	stop KILL
	blocked 192.0.2.2 23 && blocked 2001:db8::2 23 && connects 192.0.2.2 24
}

nft_return_settles() {
	order remove ipv6-flow "$V6TCP23"
	reported "$TCP23" '"state": "enforced"' || return 1
	before=$(value packets)
	start && grep -q '2 rules are still in the kernel' "$work/log" &&
		within 5 connects 2001:db8::2 23 && blocked 192.0.2.2 23 && sleep 1.5 &&
		within 5 reported "$TCP23" '"state": "enforced"' && [ "$(value packets)" -gt "$before" ]
}

nft_unsettled_keeps() {
	hub_kill
	hub_start epoch8 unsettled
	sleep 1.5
	blocked 192.0.2.2 23 || return 1
	stop KILL
	start && sleep 1 && blocked 192.0.2.2 23 || return 1
	order settled
	within 5 connects 192.0.2.2 23
}

nft_comes_and_goes() {
	stop TERM && no_table || return 1
	conf 'interface in*;' 'backend nftables;'
	start && ip -n "${ns}b" link add in7 type veth peer name out7 &&
		within 5 grep -q 'in7: attached, nftables' "$work/log" && table &&
		grep -q 'device "in7"' "$work/table" && ip -n "${ns}b" link del in7 &&
		within 5 grep -q 'interface in7: it is gone' "$work/log" && table &&
		! grep -q 'in7' "$work/table" && kill -0 "$pid"
}

# A hook goes by the name, which another takes the place of.
nft_follows_name() {
	rename in1 in9
	within 5 grep -q 'in9: attached, nftables' "$work/log" && within 5 blocked 192.0.2.2 23
	verdict=$?
	rename in9 in1
	within 5 table_names in1 && within 5 blocked 192.0.2.2 23 && [ "$verdict" -eq 0 ]
}

table_names() {
	table && grep -q "device \"$1\"" "$work/table"
}

# It counts on, by the rule that went on from the table that was left.
nft_monitors_interface() {
	stop TERM
	conf 'interface in1 { mode monitor; }' 'backend nftables;'
	order add ipv4-flow "$TCP23" "$DISCARD"
	start && grep -q 'in1: rules count there and drop nothing' "$work/log" &&
		within 5 reported "$TCP23" '"state": "enforced"' && connects 192.0.2.2 23 &&
		within 5 counted "$TCP23" && reported "$TCP23" '"dropped-packets": 0,' || return 1
	stop KILL
	conf 'interface in1;' 'backend nftables;'
	start && within 5 blocked 192.0.2.2 23 && order remove ipv4-flow "$TCP23" &&
		within 5 connects 192.0.2.2 23
}

nft_flush() {
	order add ipv4-flow "$TCP23" "$DISCARD"
	within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	blocked 192.0.2.2 23 && once --flush && no_table && connects 192.0.2.2 23 && once --flush
}

# What is left of one backend goes when the rules of the other are there.
xdp_to_nft_and_back() {
	conf 'interface in1;'
	start && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	conf 'interface in1;' 'backend nftables;'
	start && within 5 no_program && blocked 192.0.2.2 23 && no_pins && table || return 1
	stop KILL
	conf 'interface in1;' 'backend auto;'
	start && grep -q 'in1: attached, native' "$work/log" && within 5 no_table &&
		blocked 192.0.2.2 23 && stop TERM && no_pins && no_table && connects 192.0.2.2 23
}

auto_falls_back() {
	conf 'interface in1;' 'backend auto;'
	: >"$work/log"
	nsenter --net="/run/netns/${ns}b" "$enforcer" -c "$work/conf" -s "$socket" \
		--pin-dir "$work/nobpf" 2>"$work/log" 7>&- &
	pid=$!
	within 5 blocked 192.0.2.2 23
	verdict=$?
	cat "$work/log"
	stop TERM && [ "$verdict" -eq 0 ] && no_table &&
		grep -q 'XDP cannot be had: .*not in a BPF file system' "$work/log" &&
		grep -q 'nftables is used' "$work/log"
}

if [ "$(id -u)" -ne 0 ]; then
	echo '1..0 # SKIP needs root'
	exit 0
fi

plan 79
stage
check 'without rules everything passes' within 5 passes_without_rules
conf 'interface in1;'
check 'an enforcer without a hub starts' start
check 'and keeps three capabilities, for good' keeps_three
check 'and the system calls that it makes' narrowed
check 'and waits for the hub, saying so once' waits_for_hub
check 'and says nothing of a kernel that has all it needs' says_nothing_of_kernel
hub_start epoch1 settled
check 'a rule over IPv4 blocks what it matches and nothing else' blocks_v4
check 'a rule over IPv6 does the same' blocks_v6
check 'state and counters are reported' reports_counters
check 'a rule removed blocks no more, the other one still does' passes_after_removal
check 'what cannot be enforced is listed with the reason, and passes' lists_what_it_cannot
check 'the end of the hub changes nothing' hub_end_keeps
check 'a new hub that has not settled takes nothing away' unsettled_keeps
check 'once it has settled, what it does not know goes' settled_takes
check 'kill -9 leaves the rules in force' kill_keeps
check 'on return the difference is settled' return_settles
check 'counters survive kill -9' return_keeps_counters
check 'on return to a new hub that has not settled the rules stay' return_to_unsettled_keeps
check 'a change that breaks off is not put in force' half_a_change
check 'a change of several rules is' one_change
check 'a limit in packets holds' limits_packets
check 'a limit in octets holds' limits_octets
check 'a second enforcer says that there is a first, and leaves' two_instances
check '--flush does not touch a living one' flush_spares_the_living
check 'SIGTERM takes everything away' term_takes_all
check 'SIGINT does too' int_takes_all
check '--flush does after kill -9' flush_takes_all
check '--flush where nothing is, is no error' flush_of_nothing
check 'pins of another layout are told, and stay' other_layout
check 'a pinned map that is missing is told, and stays' missing_map
check 'mode monitor counts and drops nothing' monitors
check 'from monitor to enforce over kill -9' monitor_to_enforce
check 'a pattern attaches to what fits it, loopback apart' pattern
check 'interfaces that fit come and go' comes_and_goes
check 'one that gets a name that is not in the file is left alone' leaves_by_name
check 'so is one that goes to another network namespace' leaves_for_elsewhere
check 'one that gets another name of the file is treated by that' follows_name
check 'where the driver cannot, the generic hook does the same' generic
check 'an interface that is missing is told' refused 'interface nope0;' 'no interface nope0'
check 'a pattern that fits none is told' refused 'interface nope*;' 'no interface fits nope'
check 'loopback is refused' refused 'interface lo;' 'not enforced on loopback'
check 'another XDP program is told with id and mode, and stays' other_program
check 'a pin directory elsewhere is told' not_bpf_fs
check 'a missing capability is told, with what it means' missing_capabilities
check 'one interface that another program has hinders no other' occupied_and_free
check 'a hub that closes at once is told once' moody_hub
check 'lines without sense change nothing' nonsense
check 'its reports are named after host and interface' named_after_interface
check 'a burst of lines is put in force to its end' burst
check 'a rule that breaks a bound is listed as not enforced, with the reason' table_full
check 'and is enforced when there is room' room_again
check 'mode monitor of one interface counts and drops nothing' monitors_interface
check 'the first name that fits decides; a link that is taken over follows it' monitors_interface_no_more
check 'mode monitor of one source counts its rules and enforces the others' monitors_source
check 'without a hub the rules of one source go, the others stay' away_removes_one_source
check 'they come back with it' away_ends
check 'rules stay for as many seconds as the file says' away_keeps_seconds
check 'those that were found in the kernel go by their source too' away_since_start
check 'a rule that says to go on has later rules act as well' goes_on
check 'also over kill -9' goes_on_after_return
check 'a rule for some interfaces is in force where one of its groups is' some_interfaces
check 'which follows the file, also over kill -9' other_interfaces
check 'a rule that asks for samples fills a file that tshark reads' writes_samples
check 'which has a bound, and is never one of another kind' samples_have_a_bound
check 'without a file samples are counted' counts_samples
check 'where the file has no room the rules are in force all the same' samples_without_room
stop TERM
check 'nftables blocks what rules match, over IPv4 and IPv6, and nothing else' nft_blocks
check 'state and counters are reported with it too' nft_counts
check 'what nftables cannot do is listed with the reason, and passes' nft_lists_what_it_cannot
check 'one is at work with its table at a time, and --flush spares it' nft_second
check 'kill -9 leaves the table in force' nft_kill_keeps
check 'on return the difference is settled, and counters go on' nft_return_settles
check 'what a hub that has not settled does not know stays there' nft_unsettled_keeps
check 'SIGTERM takes the table away; interfaces come and go' nft_comes_and_goes
order add ipv4-flow "$TCP23" "$DISCARD"
check 'rules stay on an interface that gets another name' nft_follows_name
check 'mode monitor of one interface counts there and drops nothing' nft_monitors_interface
check '--flush takes the table away after kill -9' nft_flush
check 'from XDP to nftables and back nothing is left of the other' xdp_to_nft_and_back
check 'backend auto uses nftables where XDP cannot be had, and says so' auto_falls_back
tap_status
