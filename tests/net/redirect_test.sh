#!/bin/sh
# SPDX-License-Identifier: ISC
# Redirect and copy from end to end: a router with the hub and the enforcer on it, whose rules send packets
# elsewhere; what comes out where is seen on the links behind it.
. "$HEADGATE_SRC/tests/tap.sh"
. "$HEADGATE_SRC/tests/net/stage.sh"

work=$(mktemp -d)
ns=red$$
socket=$work/control
frames=$HEADGATE_SRC/tests/net/frames.py
hub=
pid=
others=

cleanup() {
	trap - EXIT
	for p in $pid $hub $others; do kill -9 "$p"; done
	for n in a b c d; do ip netns del "$ns$n"; done
	umount "$work/bpf"
	rm -rf "$work" "$tap_out"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 130' INT TERM

# background NAMESPACE COMMAND... - and its process is $!
background() {
	n=$1
	shift
	exec nsenter --net="/run/netns/$ns$n" "$@"
}

b() {
	ip -n "${ns}b" "$@"
}

# link A INTERFACE ADDRESS4 ADDRESS6 B INTERFACE ADDRESS4 ADDRESS6
link() {
	ip -n "$ns$1" link add "$2" type veth peer name "$6" netns "$ns$5"
	ip -n "$ns$1" addr add "$3" dev "$2"
	ip -n "$ns$1" addr add "$4" dev "$2" nodad
	ip -n "$ns$5" addr add "$7" dev "$6"
	ip -n "$ns$5" addr add "$8" dev "$6" nodad
	ip -n "$ns$1" link set "$2" up
	ip -n "$ns$5" link set "$6" up
}

# a - in1 b out0 - c, the way that packets for c's addresses have; b scr0 - d, where rules send them.
# Behind d is 10.9.9.9, and d answers for c's second address too.
stage() {
	machines a b c d
	link a in0 192.0.2.1/24 2001:db8:1::1/64 b in1 192.0.2.2/24 2001:db8:1::2/64
	link b out0 198.51.100.2/24 2001:db8:2::2/64 c out1 198.51.100.3/24 2001:db8:2::3/64
	link b scr0 203.0.113.2/24 2001:db8:3::2/64 d scr1 203.0.113.3/24 2001:db8:3::3/64
	ip -n "${ns}a" route add default via 192.0.2.2
	ip -n "${ns}a" route add default via 2001:db8:1::2
	ip -n "${ns}d" route add 192.0.2.0/24 via 203.0.113.2
	ip -n "${ns}d" addr add 198.51.100.4/32 dev lo
	b route add 10.9.9.9/32 via 203.0.113.3
	b route add 2001:db8:9::9/128 via 2001:db8:3::3
	b route add 198.51.100.0/24 via 203.0.113.3 table 9
	b route add 2001:db8:2::/64 via 2001:db8:3::3 table 9
	in_ b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	for n in c d; do
		: >"$work/at_$n"
		background $n "$frames" see "$([ $n = c ] && echo out1 || echo scr1)" >"$work/at_$n" &
		others="$others $!"
	done
}

# retry SECONDS COMMAND... - the same, of a command that waits itself
retry() {
	again=$(($(date +%s%N) / 1000000 + $1 * 1000))
	shift
	while ! "$@"; do
		[ $(($(date +%s%N) / 1000000)) -lt "$again" ] || return 1
	done
}

# conf [MODE] - of attaching
conf() {
	cat >"$work/conf" <<-END
		control { socket $socket; }
		enforce {
			interface in1;
			attach ${1:-auto};
			vrf red { import [ target:65000:8 target:65000:9 ]; table 9; }
			vrf scrub { import target:65000:10; redirect interface scr0; }
			vrf idle { import target:65000:11; }
		}
	END
}

start() {
	: >"$work/log"
	background b "$HEADGATE_BUILD/headgate-enforce" -c "$work/conf" --pin-dir "$work/bpf/pins" 2>"$work/log" &
	pid=$!
	if ! within 10 grep -q 'attached' "$work/log" || ! within 5 grep -q 'connected' "$work/log"; then
		cat "$work/log"
		return 1
	fi
}

stop() {
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
	pid=
}

headgate() {
	"$HEADGATE_BUILD/headgate" -s "$socket" "$@"
}

# rule OP ACTION - for datagrams to port 9 of whatever family, in its place
rule() {
	headgate "$1" flow route "{ match { protocol udp; destination-port =9; } then { $2; } }"
}

rule6() {
	headgate "$1" flow route "{ match { destination ::/0; next-header udp; destination-port =9; } then { $2; } }"
}

enforced() {
	headgate -j show rules | grep -F "$1" | grep -q "\"state\":\"${2:-enforced}\""
}

# count REASON - what the metrics say of it
count() {
	headgate metrics | sed -n "s/^headgate_enforcer_redirect_failed_total{.*reason=\"$1\"} //p"
}

# counted REASON NUMBER
counted() {
	[ "$(count "$1")" = "$2" ]
}

tags=0
# probe [OPTION]... ADDRESS - a new tag
probe() {
	tags=$((tags + 1))
	tag=tag$tags-
	eval "last=\${$#}"
	in_ a "$frames" send "$@" 9 "$tag"
}

# came NAMESPACE TEXT - the last probe came out there, looking so
came() {
	grep -q "^$tag $2" "$work/at_$1"
}

# What was sent before it has come to c, or never will.
settled() {
	case $last in *:*) to=2001:db8:2::3 ;; *) to=198.51.100.3 ;; esac
	in_ a "$frames" send $to 7 "end$tags-"
	within 3 grep -q "^end$tags-" "$work/at_c"
}

# only NAMESPACE TEXT - there and nowhere else
only() {
	if ! within 3 came "$1" "$2" || ! settled; then
		tail -n 3 "$work/at_c" "$work/at_d"
		return 1
	fi
	for n in c d; do
		[ $n = "$1" ] || ! came $n '' || return 1
	done
}

nowhere() {
	settled && ! came c '' && ! came d ''
}

hooked() {
	in_ b tc filter show dev in1 ingress | grep -q headgate_send
}

no_hook() {
	! in_ b tc qdisc show dev in1 | grep -q clsact
}

our_rules() {
	b rule show | grep -c 'proto 104'
}

# ---- the cases --------------------------------------------------------------------------------

passes_before() {
	probe 198.51.100.3 && only c '63 ' && probe 2001:db8:2::3 && only c '63 '
}

no_hook_before() {
	no_hook
}

to_an_address() {
	rule announce 'redirect 10.9.9.9' && within 5 enforced 10.9.9.9 && hooked || return 1
	ip -n "${ns}b" neigh flush dev scr0
	probe 198.51.100.3 && only d '63 ' && probe 198.51.100.3 && only d '63 '
}

to_an_address6() {
	rule6 announce 'redirect 2001:db8:9::9' && within 5 enforced 2001:db8:9::9 || return 1
	ip -n "${ns}b" neigh flush dev scr0
	probe 2001:db8:2::3 && only d '63 ' && probe 2001:db8:2::3 && only d '63 '
}

# Its socket shares every packet with the kernel.
beside_a_capture() {
	background b "$frames" see in1 >"$work/at_b" &
	capture=$!
	others="$others $capture"
	within 5 capture_sees && probe 198.51.100.3 && only d '63 ' && within 3 came b '64 '
}

capture_sees() {
	in_ a "$frames" send 198.51.100.3 7 capture-
	sleep 0.1
	grep -q '^capture-' "$work/at_b"
}

out_of_a_tagged_frame() {
	mac=$(b -j link show dev in1 | sed 's/.*"address":"\([^"]*\)".*/\1/')
	probe -v in0 "$mac" 198.51.100.3 && only d '63 [0-9]* 0$'
}

ttl_spent() {
	before=$(count 'TTL spent')
	probe -t 1 198.51.100.3 && nowhere && within 4 counted 'TTL spent' $((before + 1)) &&
		probe -t 1 2001:db8:2::3 && nowhere && within 4 counted 'TTL spent' $((before + 2)) &&
		probe -t 2 198.51.100.3 && only d '1 '
}

too_long() {
	b link set scr0 mtu 1280
	before=$(count 'too long')
	probe -n 1400 198.51.100.3 && nowhere && probe -n 1400 2001:db8:2::3 && nowhere &&
		probe -n 1280 198.51.100.3 && only d '63 1280' || return 1
	b link set scr0 mtu 1500
	within 4 counted 'too long' $((before + 2))
}

no_route() {
	before=$(count 'no route')
	b route del 10.9.9.9/32
	probe 198.51.100.3 && nowhere || return 1
	b route add blackhole 10.9.9.9/32
	probe 198.51.100.3 && nowhere || return 1
	b route del 10.9.9.9/32
	b route add 10.9.9.9/32 via 203.0.113.3
	within 4 counted 'no route' $((before + 2)) && probe 198.51.100.3 && only d '63 '
}

# The kernel asks for it, keeps the packet, and gives up.
no_neighbor() {
	before=$(count 'neighbor not resolved')
	b route replace 10.9.9.9/32 via 203.0.113.77
	probe 198.51.100.3 && nowhere || return 1
	b route replace 10.9.9.9/32 via 203.0.113.3
	within 4 counted 'neighbor not resolved' $((before + 1))
}

counts_for_the_rule() {
	headgate -j show rules | /usr/bin/python3 -c '
import json, sys
rules = [json.loads(line) for line in sys.stdin]
e = [r["enforced"][0] for r in rules if "10.9.9.9" in r["action"]][0]
print(e)
sys.exit(not int(sys.argv[1]) <= e["dropped-packets"] < e["packets"])' "${1:-1}"
}

four_by_six() {
	rule announce 'redirect-to-nexthop-ietf 2001:db8:9::9' && within 5 enforced 2001:db8:9::9 &&
		retry 5 probe_moves d
}

# probe_moves NAMESPACE - the rule has come to the kernel
probe_moves() {
	probe 198.51.100.3 && only "$1" '63 '
}

six_by_four() {
	rule6 announce 'redirect 10.9.9.9' && within 5 enforced 'IPv6 packets cannot' not-enforced &&
		probe 2001:db8:2::3 && only c '63 '
}

# Through segmentation offload on both sides, acknowledged by d, which has the address too.
stream() {
	headgate announce flow route '{ match { destination 198.51.100.4/32; protocol tcp; } then { redirect 10.9.9.9; } }' &&
		within 5 enforced 198.51.100.4 || return 1
	background d /usr/bin/python3 -c '
import hashlib, socket
s = socket.socket(); s.bind(("198.51.100.4", 9)); s.listen()
c, _ = s.accept(); h = hashlib.sha256()
while (octets := c.recv(1 << 16)): h.update(octets)
print(h.hexdigest())' >"$work/digest" &
	others="$others $!"
	within 5 listens
	in_ a timeout 20 /usr/bin/python3 -c '
import hashlib, random, socket
octets = random.randbytes(8 << 20)
s = socket.create_connection(("198.51.100.4", 9), 5); s.sendall(octets); s.close()
print(hashlib.sha256(octets).hexdigest())' >"$work/sent" &&
		within 5 cmp -s "$work/sent" "$work/digest"
}

listens() {
	in_ d ss -ltn | grep -q '198.51.100.4:9 '
}

to_a_table() {
	rule announce 'redirect 65000:9' && rule6 announce 'redirect 65000:9' && within 5 enforced 65000:9 &&
		retry 3 probe_moves d && probe 2001:db8:2::3 && only d '63 ' || return 1
	b rule show
	[ "$(our_rules)" -eq 2 ]
}

# The kernel has the actions that the rules ask for.
verified() {
	headgate verify >"$work/verified"
	cat "$work/verified"
	grep -q equal "$work/verified"
}

# Nothing but the table is asked.
to_an_empty_table() {
	b route del 198.51.100.0/24 table 9
	probe 198.51.100.3 && nowhere || return 1
	b route add 198.51.100.0/24 via 203.0.113.3 table 9
	probe 198.51.100.3 && only d '63 '
}

not_into_us() {
	before=$(count 'for this machine')
	probe 192.0.2.2 && last=198.51.100.3 && nowhere && within 4 counted 'for this machine' $((before + 1))
}

# They belong to the kernel as long as we do.
rules_come_back() {
	b rule del pref 1
	b rule del pref 2
	within 4 two_rules && probe 198.51.100.3 && only d '63 '
}

two_rules() {
	[ "$(our_rules)" -eq 2 ]
}

out_of_an_interface() {
	rule announce 'redirect 65000:10' && rule6 announce 'redirect 65000:10' && within 5 enforced 65000:10 ||
		return 1
	before=$(count 'no route')
	sleep 0.2
	probe 198.51.100.3 && nowhere && within 4 counted 'no route' $((before + 1)) || return 1
	b route add default via 203.0.113.3 dev scr0 metric 9999
	b route add default via 2001:db8:3::3 dev scr0 metric 9999
	sleep 1.2
	probe 198.51.100.3 && only d '63 ' && probe 2001:db8:2::3 && only d '63 ' || return 1
	b route del default dev scr0
	b -6 route del default dev scr0
	sleep 1.2
	probe 198.51.100.3 && nowhere && probe 2001:db8:2::3 && nowhere || return 1
	b route add default via 203.0.113.3 dev scr0 metric 9999
}

# Under another number.
interface_comes_back() {
	before=$(count 'no such interface')
	b link set scr0 name gone0
	within 4 grep -q 'interface scr0 is gone' "$work/log" && probe 198.51.100.3 && nowhere &&
		within 4 counted 'no such interface' $((before + 1)) || return 1
	b link set gone0 name scr0
	within 4 grep -q 'interface scr0 is there' "$work/log" && probe 198.51.100.3 && only d '63 ' || return 1
	b route del default dev scr0
}

no_such_vrf() {
	rule announce 'redirect 65000:77' && within 5 enforced 'no VRF here imports' not-enforced &&
		probe 198.51.100.3 && only c '63 '
}

nowhere_to_go() {
	rule announce 'redirect 65000:11' && within 5 enforced 'neither table nor interface' not-enforced
}

marks_too() {
	rule announce 'redirect 10.9.9.9; mark 46' && within 5 enforced 'mark 46' && sleep 0.2 &&
		probe 198.51.100.3 && only d '63 64 46'
}

# The longer prefix is first, and says to go on.
sent_by_a_later_rule() {
	first='{ match { destination 198.51.100.3/32; protocol udp; destination-port =9; } then { mark 10; action terminal; } }'
	headgate announce flow route "$first" && rule announce 'redirect 10.9.9.9' || return 1
	within 5 enforced 198.51.100.3/32 && within 5 enforced 'redirect 10.9.9.9' || return 1
	probe 198.51.100.3 && only d '63 64 10' && headgate withdraw flow route "$first"
}

# both - the last probe came out in both places
both() {
	within 1 came c '63 ' && within 1 came d '63 '
}

copies() {
	ip -n "${ns}b" neigh flush dev scr0
	rule announce 'copy 10.9.9.9' && rule6 announce 'copy 2001:db8:9::9' && within 5 enforced 'copy 10.9.9.9' ||
		return 1
	retry 5 copied 198.51.100.3 && retry 5 copied 2001:db8:2::3 && return
	tail -n 3 "$work/at_c" "$work/at_d"
	headgate metrics | grep redirect
	headgate show rules
	b neigh show
	return 1
}

copied() {
	probe "$1" && settled && both
}

# The packet itself keeps its tag and is for nobody here.
copies_out_of_a_tagged_frame() {
	probe -v in0 "$mac" 198.51.100.3 && within 3 came d '63 [0-9]* 0$'
}

goes_on_uncopied() {
	before=$(count 'no route')
	b route del 10.9.9.9/32
	probe 198.51.100.3 && only c '63 ' || return 1
	b route add 10.9.9.9/32 via 203.0.113.3
	within 4 counted 'no route' $((before + 1))
}

withdrawn() {
	rule withdraw accept && rule6 withdraw accept &&
		headgate withdraw flow route '{ match { destination 198.51.100.4/32; protocol tcp; } }' &&
		within 5 no_hook && probe 198.51.100.3 && only c '63 ' && probe 2001:db8:2::3 && only c '63 '
}

# What others have there stays.
beside_others() {
	in_ b tc qdisc add dev in1 clsact
	in_ b tc filter add dev in1 egress pref 5 protocol ip matchall action ok ||
		in_ b tc filter add dev in1 egress pref 5 protocol ip u32 match u32 0 0 || return 1
	rule announce 'redirect 10.9.9.9' && within 5 hooked && probe 198.51.100.3 && only d '63 ' &&
		rule withdraw accept && within 5 unhooked && probe 198.51.100.3 && only c '63 ' || return 1
	in_ b tc filter show dev in1 egress | grep -q 'pref 5' || return 1
	in_ b tc qdisc del dev in1 clsact
}

unhooked() {
	! hooked
}

kill_changes_nothing() {
	rule announce 'redirect 65000:9' && within 5 enforced 65000:9 && within 5 hooked && sleep 0.2 || return 1
	stop KILL
	probe 198.51.100.3 && only d '63 '
}

restart_changes_nothing() {
	start && probe 198.51.100.3 && only d '63 ' && hooked && two_rules
}

flush_takes_all() {
	stop KILL
	in_ b "$HEADGATE_BUILD/headgate-enforce" --flush --pin-dir "$work/bpf/pins" && no_hook && [ "$(our_rules)" = 0 ] &&
		[ ! -e "$work/bpf/pins" ] && probe 198.51.100.3 && only c '63 '
}

# attached MODE - everything goes its way
attached() {
	conf "$1"
	rule announce 'redirect 65000:9'
	start && grep -q "attached, $1" "$work/log" && within 5 enforced 65000:9 && retry 3 probe_moves d &&
		rule announce 'redirect 10.9.9.9' && within 5 enforced 10.9.9.9 && retry 3 probe_moves d &&
		rule announce 'copy 10.9.9.9' && within 5 enforced 'copy 10.9.9.9' && retry 5 copied 198.51.100.3
}

at_tc() {
	stop TERM
	attached tc && before=$(count 'TTL spent') && rule announce 'redirect 10.9.9.9' &&
		within 5 enforced 'redirect 10.9.9.9' && retry 3 probe_moves d && probe -t 1 198.51.100.3 && nowhere &&
		within 4 counted 'TTL spent' $((before + 1)) && counts_for_the_rule
}

end_takes_all() {
	stop TERM
	no_hook && [ "$(our_rules)" = 0 ] && [ ! -e "$work/bpf/pins" ]
}

stage
conf
background b "$HEADGATE_BUILD/headgated" -c "$work/conf" 2>"$work/hub.log" &
hub=$!
within 5 test -S "$socket"

plan 37
start
check 'without rules packets take their way' passes_before
check 'nothing hangs at tc then' no_hook_before
check 'to an address behind a router, whose neighbor is not known at first' to_an_address
check 'IPv6 likewise' to_an_address6
check 'with a capture on the interface' beside_a_capture
check 'a VLAN tag stays behind' out_of_a_tagged_frame
check 'TTL spent: dropped and counted' ttl_spent
check 'too long for the way there: dropped and counted' too_long
check 'no route: dropped and counted' no_route
check 'no neighbor: never sent the old way' no_neighbor
check 'failures are drops of the rule' counts_for_the_rule 4
check 'IPv4 to a neighbor with an IPv6 address' four_by_six
check 'IPv6 to an IPv4 address is not enforced' six_by_four
check 'a TCP stream arrives whole' stream
check 'to a VRF: into its table' to_a_table
check 'headgate verify finds them as they should be' verified
check 'what the table does not know is not looked up elsewhere' to_an_empty_table
check 'what is for this machine is not delivered' not_into_us
check 'the rules of the kernel are put back' rules_come_back
check 'to a VRF: out of its interface' out_of_an_interface
check 'an interface goes and comes' interface_comes_back
check 'a route target that nobody imports is not enforced' no_such_vrf
check 'nor is a VRF with nowhere to go' nowhere_to_go
check 'a mark goes along' marks_too
check 'of several rules that match the first that sends sends' sent_by_a_later_rule
check 'copies arrive, and the packets too' copies
check 'copies of tagged frames arrive untagged' copies_out_of_a_tagged_frame
check 'without a way for the copy the packet goes on' goes_on_uncopied
check 'withdrawn: the old way, and nothing hangs at tc' withdrawn
check 'what others have at tc stays' beside_others
check 'kill -9 changes nothing' kill_changes_nothing
check 'nor does the restart' restart_changes_nothing
check '--flush takes all of it away' flush_takes_all
check 'generic XDP sends as well' attached generic
check 'and so does the program at tc' at_tc
check 'the end takes all of it away' end_takes_all
check 'the hub is there at the end' kill -0 "$hub"
tap_status
