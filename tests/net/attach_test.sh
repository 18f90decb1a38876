#!/bin/sh
# SPDX-License-Identifier: ISC
# The enforcer at the ingress of tc, between two namespaces, with a hub that only speaks the feed.
. "$HEADGATE_SRC/tests/tap.sh"
. "$HEADGATE_SRC/tests/net/stage.sh"

enforcer=${HEADGATE_ENFORCE:-$HEADGATE_BUILD/headgate-enforce}
work=$(mktemp -d)
ns=att$$
socket=$work/control
hub=
pid=
listener=

DISCARD=8006000000000000
MARK10=800900000000000a
PACKETS=800c000042c80000 # 100 packets a second
# NLRIs: to 192.0.2.2 and 2001:db8::2, TCP to port 23 and 24, UDP to port 9
TCP23=0c0120c0000202038106058117
TCP24=0c0120c0000202038106058118
UDP9=0c0120c0000202038111058109
LENGTH=0c0120c00002020381060a813c # and of 60 octets
V6TCP23=1901800020010db8000000000000000000000002038106058117
V6TCP25=1901800020010db8000000000000000000000002038106058119

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
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- the stage ------------------------------------------------------------------------------

stage() {
	machines a b
	join_a_and_b
	nsenter --net="/run/netns/${ns}b" /usr/bin/python3 -c '
import socket, select
ls = []
for port in 23, 24:
    s = socket.socket(10)
    s.setsockopt(1, 2, 1)
    s.bind(("::", port)); s.listen(64); ls.append(s)
while True:
    for s in select.select(ls, [], [])[0]: s.accept()[0].close()' &
	listener=$!
	printf '%s\n' '#include <linux/bpf.h>' '__attribute__((section("tc"), used))' \
		"int other(struct __sk_buff *s) { return $1; }" >"$work/other.c"
	clang -O2 -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$work/other.c" \
		-o "$work/other.o" && bpftool prog load "$work/other.o" "$work/bpf/other" type classifier
}

hub_start() {
	mkfifo "$work/orders"
	: >"$work/reports"
	exec 7<>"$work/orders"
	"$HEADGATE_SRC/tests/net/enforce_hub.py" "$socket" epoch1 settled "$work/reports" \
		<"$work/orders" >"$work/hub.log" 2>&1 7>&- &
	hub=$!
	within 5 test -S "$socket"
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

start() {
	: >"$work/log"
	nsenter --net="/run/netns/${ns}b" "$enforcer" -c "$work/conf" -s "$socket" \
		--pin-dir "$work/bpf/pins" 2>"$work/log" 7>&- &
	pid=$!
	within 10 grep -q 'settled' "$work/log" || {
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

# filter VERB WORD... - tc's filters on in1
filter() {
	verb=$1
	shift
	in_ b tc filter "$verb" dev in1 ingress "$@"
}

# ---- what can be seen -------------------------------------------------------------------------

answers() {
	in_ a /usr/bin/python3 -c '
import socket, sys
s = socket.socket(10 if ":" in sys.argv[1] else 2)
s.settimeout(0.4)
try: s.connect((sys.argv[1], int(sys.argv[2])))
except OSError: sys.exit(1)' "$1" "$2"
}

# One that should is asked for more than once: the machine may be busy.
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

# counted NLRI NUMBER - so many packets have matched
counted() {
	reported "$1" "\"packets\": $2,"
}

filters() {
	filter show | grep -c 'direct-action'
}

no_filter() {
	[ "$(filters)" -eq 0 ]
}

no_qdisc() {
	! in_ b tc qdisc show dev in1 | grep -q clsact
}

no_pins() {
	[ ! -e "$work/bpf/pins" ]
}

nothing_left() {
	no_filter && no_qdisc && no_pins
}

# ---- the cases --------------------------------------------------------------------------------

blocks() {
	order add ipv4-flow "$TCP23" "$DISCARD"
	order add ipv6-flow "$V6TCP23" "$DISCARD"
	conf 'interface in1;' 'attach tc;'
	start && grep -q 'in1: attached, tc$' "$work/log" && within 5 blocked 192.0.2.2 23 &&
		within 5 blocked 2001:db8::2 23 && connects 192.0.2.2 24 && connects 2001:db8::2 24
}

counts() {
	within 5 reported "$TCP23" '"state": "enforced"' &&
		within 5 reported "$V6TCP23" '"state": "enforced"' || return 1
	sleep 1.2
	for n in "$TCP23" "$V6TCP23"; do
		reported "$n" && ! reported "$n" '"packets": 0,' && ! reported "$n" '"dropped-packets": 0,' ||
			return 1
	done
}

keeps_three() {
	[ "$(sed -n 's/CapEff:\t//p' "/proc/$pid/status")" = 000000c000001000 ]
}

# frames TEXT - from in0, each line a word for its shape: plain, tagged, twice, thrice
frames() {
	in_ a /usr/bin/python3 -c '
import socket, sys
tags = {"plain": b"", "tagged": b"\x81\0\0\7", "twice": b"\x88\xa8\0\7\x81\0\0\7",
        "thrice": b"\x88\xa8\0\7" + 2 * b"\x81\0\0\7"}
ip = bytes.fromhex("4500002800010000400600 00c0000201c0000202".replace(" ", ""))
tcp = bytes.fromhex("03e8001700000000000000005002ffff00000000")
s = socket.socket(17, 3)
s.bind(("in0", 0))
for word in sys.argv[1:]: s.send(b"\xff" * 6 + b"\2" + b"\0" * 5 + tags[word] + b"\x08\0" + ip + tcp)' "$@"
}

# The kernel takes the outer tag out before tc sees the frame.
tags() {
	order remove ipv4-flow "$TCP23"
	sleep 0.3
	order add ipv4-flow "$TCP23" "$DISCARD"
	sleep 1.5
	reported "$TCP23" '"state": "enforced"' || return 1
	before=$(value packets)
	frames plain tagged twice thrice
	within 5 counted "$TCP23" $((before + 3)) && sleep 1.2 && counted "$TCP23" $((before + 3))
}

value() {
	sed "s/.*\"$1\": \([0-9]*\).*/\1/" "$work/line"
}

# The DSCP behind us, and a checksum that the receiver still takes.
marks() {
	order add ipv4-flow "$TCP24" "$MARK10"
	order remove ipv6-flow "$V6TCP23"
	order add ipv6-flow "$V6TCP23" "$MARK10"
	within 5 reported "$TCP24" '"state": "enforced"' && within 5 connects 2001:db8::2 23 || return 1
	in_ b /usr/bin/python3 -c '
import select, socket, time
four, six = socket.socket(2, 3, 6), socket.socket(10, 3, 6) # raw, TCP
six.setsockopt(41, 66, 1) # IPV6_RECVTCLASS
end = time.monotonic() + 3
while (left := end - time.monotonic()) > 0:
    for s in select.select([four, six], [], [], left)[0]:
        p, told, *_ = s.recvmsg(200, 100)
        dscp = p[1] >> 2 if s is four else told[0][2][0] >> 2
        tcp = p[20:] if s is four else p
        print(4 if s is four else 6, dscp, int.from_bytes(tcp[2:4], "big"), flush=True)
' >"$work/seen" &
	seer=$!
	sleep 0.5
	connects 192.0.2.2 24 && connects 2001:db8::2 23
	verdict=$?
	wait "$seer"
	sort "$work/seen" | uniq -c
	grep -q '^4 10 24$' "$work/seen" && grep -q '^6 10 23$' "$work/seen" || verdict=1
	order remove ipv6-flow "$V6TCP23"
	order add ipv6-flow "$V6TCP23" "$DISCARD"
	order remove ipv4-flow "$TCP24"
	[ "$verdict" -eq 0 ] && within 5 blocked 2001:db8::2 23
}

# What others have put behind ours sees what passes, and nothing else.
others_behind() {
	filter add prio 10 handle 1 bpf da object-pinned "$work/bpf/other" || return 1
	blocked 192.0.2.2 24 && blocked 192.0.2.2 23 && filter del prio 10 && connects 192.0.2.2 24
}

kill_keeps() {
	stop KILL
	blocked 192.0.2.2 23 && blocked 2001:db8::2 23 && connects 192.0.2.2 24
}

return_takes_over() {
	order remove ipv6-flow "$V6TCP23"
	start && grep -q 'in1: still attached' "$work/log" && within 5 connects 2001:db8::2 23 &&
		blocked 192.0.2.2 23 && [ "$(filters)" -eq 1 ] &&
		[ "$(ls "$work/bpf/pins" | grep -c '^program-')" -eq 1 ]
}

put_back() {
	filter del prio 1 && connects 192.0.2.2 23 && within 5 blocked 192.0.2.2 23 &&
		grep -q 'in1: our filter is gone' "$work/log" && in_ b tc qdisc del dev in1 clsact &&
		within 5 blocked 192.0.2.2 23 && [ "$(filters)" -eq 1 ]
}

flush_takes_all() {
	stop KILL
	blocked 192.0.2.2 23 && once --flush && connects 192.0.2.2 23 && nothing_left
}

term_takes_all() {
	start && within 5 blocked 192.0.2.2 23 && stop TERM && connects 192.0.2.2 23 && nothing_left
}

# A qdisc that was there stays, and one of ours that somebody else uses.
qdisc_of_others() {
	in_ b tc qdisc add dev in1 clsact
	start && within 5 blocked 192.0.2.2 23 && stop TERM && no_filter && no_pins && ! no_qdisc || return 1
	in_ b tc qdisc del dev in1 clsact
	start && within 5 blocked 192.0.2.2 23 || return 1
	filter add prio 10 handle 1 bpf da object-pinned "$work/bpf/other"
	stop TERM && no_pins && [ "$(filters)" -eq 1 ]
	verdict=$?
	in_ b tc qdisc del dev in1 clsact
	return "$verdict"
}

# refused WHY
refused() {
	once -c "$work/conf" -s "$socket" >"$work/said" 2>&1
	rc=$?
	cat "$work/said"
	[ "$rc" -eq 1 ] && grep -q "$1" "$work/said" && no_pins
}

other_before() {
	in_ b tc qdisc add dev in1 clsact
	filter add prio 1 handle 1 bpf da object-pinned "$work/bpf/other"
	id=$(filter show | sed -n 's/.* id \([0-9]*\).*/\1/p' | head -1)
	[ -n "$id" ] && refused "interface in1: .*another tc program .*(id $id, mode tc" && [ "$(filters)" -eq 1 ]
	verdict=$?
	in_ b tc qdisc del dev in1 clsact
	return "$verdict"
}

# tcx LINK - a link of the kind that comes before all filters, held open until its input ends
tcx() {
	in_ b /usr/bin/python3 -c '
import ctypes, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attr):
    room = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    fd = libc.syscall(321 if os.uname().machine == "x86_64" else 280, command, room, 128)
    if fd < 0: sys.exit(os.strerror(ctypes.get_errno()))
    return fd
path = ctypes.create_string_buffer(sys.argv[1].encode())
program = bpf(7, struct.pack("QII", ctypes.addressof(path), 0, 0))
link = bpf(28, struct.pack("IIII", program, socket.if_nametoindex("in1"), 46, 0))
print("there", flush=True)
sys.stdin.read()' "$work/bpf/other"
}

tcx_before() {
	mkfifo "$work/held"
	tcx <"$work/held" >"$work/tcx" 2>&1 7>&- &
	holder=$!
	exec 8>"$work/held"
	within 5 test -s "$work/tcx"
	grep -q there "$work/tcx" && refused 'interface in1: .*another tc program .*mode tcx'
	verdict=$?
	cat "$work/tcx"
	exec 8>&-
	wait "$holder"
	rm "$work/held"
	return "$verdict"
}

another_mode() {
	conf 'interface in1 { attach native; }'
	start && grep -q 'in1: attached, native' "$work/log" && within 5 blocked 192.0.2.2 23 || return 1
	stop KILL
	conf 'interface in1 { attach tc; }'
	start && grep -q 'in1: was attached, native' "$work/log" && grep -q 'in1: attached, tc' "$work/log" &&
		blocked 192.0.2.2 23 && ! ip -n "${ns}b" link show dev in1 | grep -q xdp || return 1
	stop KILL
	conf 'interface in1 { attach generic; }'
	start && grep -q 'in1: attached, generic' "$work/log" && blocked 192.0.2.2 23 && no_filter && no_qdisc &&
		stop TERM && nothing_left
}

# veth's driver takes none while packets may be as large as this.
only_as_said() {
	ip -n "${ns}b" link set in1 mtu 9000 && ip -n "${ns}a" link set in0 mtu 9000
	conf 'interface in1;' 'attach native;'
	refused 'interface in1: cannot attach: native: '
	verdict=$?
	ip -n "${ns}a" link set in0 mtu 1500 && ip -n "${ns}b" link set in1 mtu 1500
	return "$verdict"
}

no_ethernet() {
	in_ b ip tuntap add dev tun0 mode tun || return 1
	conf 'interface tun0;'
	refused 'interface tun0: its packets come without Ethernet headers'
	verdict=$?
	in_ b ip link del tun0
	return "$verdict"
}

comes_and_goes() {
	conf 'interface in*;' 'attach tc;'
	start && ip -n "${ns}b" link add in7 type veth peer name out7 &&
		within 5 grep -q 'in7: attached, tc' "$work/log" && ip -n "${ns}b" link del in7 &&
		within 5 grep -q 'interface in7: it is gone' "$work/log" && blocked 192.0.2.2 23 &&
		stop TERM && nothing_left
}

monitors() {
	conf 'interface in1 { mode monitor; attach tc; }'
	start && sleep 1 && connects 192.0.2.2 23 && sleep 1.2 && reported "$TCP23" '"dropped-packets": 0' &&
		! reported "$TCP23" '"packets": 0,' && stop TERM
}

# What a peer elsewhere sends may be of many segments; in the driver it is not.
merged_is_told() {
	order add ipv4-flow "$LENGTH" "$DISCARD"
	order add ipv4-flow "$UDP9" "$PACKETS"
	for mode in tc generic; do
		conf 'interface in1;' "attach $mode;"
		start || return 1
		for n in "$LENGTH" "$UDP9"; do
			within 5 reported "$n" '"state": "not-enforced"' 'in1: its peer in another network' || return 1
		done
		connects 192.0.2.2 24 && blocked 192.0.2.2 23 || return 1
		stop KILL
	done
	conf 'interface in1;' 'attach native;'
	start && within 5 reported "$LENGTH" '"state": "enforced"' && within 5 blocked 192.0.2.2 24
	verdict=$?
	stop KILL
	return "$verdict"
}

# Rules that were in force leave it.
merged_after_return() {
	conf 'interface in1;' 'attach tc;'
	start && within 5 reported "$LENGTH" '"state": "not-enforced"' && within 5 connects 192.0.2.2 24 && stop TERM
}

# syn - on v0, what LENGTH matches
syn() {
	in_ b /usr/bin/python3 -c '
import socket
s = socket.socket(17, 3)
s.bind(("v0", 0))
ip = bytes.fromhex("4500003c00010000400600" + "00c0000201c0000202")
s.send(b"\xff" * 6 + b"\2" + b"\0" * 5 + b"\x08\0" + ip + bytes.fromhex("03e80018") + b"\0" * 36)'
}

# dropped NLRI NUMBER - so many at least
dropped() {
	reported "$1" && [ "$(value dropped-packets)" -ge "$2" ]
}

# Where nothing merges the rule is exact, and it follows what ethtool changes.
whole_is_exact() {
	ip -n "${ns}b" link add v0 type veth peer name v1
	for n in 0 1; do
		in_ b ethtool -K "v$n" gro off gso off tso off tx-udp-segmentation off >/dev/null
		ip -n "${ns}b" link set "v$n" up
	done
	conf 'interface v1;' 'attach tc;'
	start && within 5 reported "$LENGTH" '"state": "enforced"' || return 1
	syn && within 5 dropped "$LENGTH" 1 || return 1
	in_ b ethtool -K v1 gro on
	within 5 reported "$LENGTH" '"state": "not-enforced"' 'v1 merges packets' || return 1
	in_ b ethtool -K v1 gro off
	within 5 reported "$LENGTH" '"state": "enforced"' && syn && within 5 dropped "$LENGTH" 2 || return 1
	in_ b ethtool -K v0 gso on tso on
	within 5 reported "$LENGTH" '"state": "not-enforced"' 'v0 sends packets of many segments' &&
		stop TERM && ip -n "${ns}b" link del v0
}

# stream NUMBER - so many octets from a to b's port 25, in packets as large as the kernel makes them
stream() {
	for n in a/in0 b/in1; do
		ip -n "$ns${n%/*}" link set "${n#*/}" gso_max_size 200000 gro_max_size 200000 || return 1
	done
	in_ b timeout 20 /usr/bin/python3 -c '
import socket, sys
with socket.create_server(("::", 25), family=socket.AF_INET6) as s:
    print("ready", flush=True)
    c, left = s.accept()[0], int(sys.argv[1])
    while left > 0: left -= len(c.recv(1 << 20)) or sys.exit(1)' "$1" >"$work/stream" &
	server=$!
	within 5 grep -q ready "$work/stream" && in_ a timeout 20 /usr/bin/python3 -c '
import socket, sys
s = socket.create_connection(("2001:db8::2", 25))
s.sendall(bytes(int(sys.argv[1])))
s.recv(1)' "$1"
	wait "$server"
}

matched_octets() {
	reported "$1" && [ "$(value octets)" -ge "$2" ]
}

# Of a packet that the kernel merged beyond 65,535 octets the header says no length.
large_are_read() {
	order add ipv6-flow "$V6TCP25" "$MARK10"
	conf 'interface in1;' 'attach tc;'
	start && within 5 reported "$V6TCP25" '"state": "enforced"' && stream 30000000 &&
		within 5 matched_octets "$V6TCP25" 30000000 && stop TERM
}

if [ "$(id -u)" -ne 0 ]; then
	echo '1..0 # SKIP needs root'
	exit 0
fi

plan 23
stage 2 || exit 1
hub_start
check 'a rule at tc blocks what it matches over IPv4 and IPv6, and nothing else' blocks
check 'its capabilities are three there too' keeps_three
check 'state and counters are reported' counts
check 'frames with up to two tags are read' tags
check 'marks' marks
check 'filters behind ours see what passes' others_behind
check 'kill -9 leaves the rules in force' kill_keeps
check 'on return the filter gets the new program, and the old one goes' return_takes_over
check 'a filter or a qdisc that somebody takes off is put back' put_back
check '--flush takes filter, qdisc and pins away after kill -9' flush_takes_all
check 'SIGTERM does too' term_takes_all
check 'a qdisc that others made or use stays' qdisc_of_others
check 'another tc program before ours is told with id and mode, and stays' other_before
check 'one of the kind tcx too' tcx_before
check 'with another mode in the file what was there goes' another_mode
check 'a mode that the file names is the only one that is tried' only_as_said
check 'an interface without Ethernet headers is refused' no_ethernet
check 'interfaces that fit come and go' comes_and_goes
check 'rules that have to see each packet are not enforced where they come merged' merged_is_told
check 'nor are they when they were found in force' merged_after_return
check 'they are where nothing is merged, and follow what ethtool changes' whole_is_exact
check 'packets of more than 65,535 octets are read' large_are_read
check 'mode monitor of an interface counts and drops nothing' monitors
tap_status
