#!/bin/sh
# SPDX-License-Identifier: ISC
# Redirect and copy on another kernel, with what a guest has: who answers a ping?  redirect.sh PROGRAMS IP,
# our programs' directory and ip(8), which busybox has a smaller one of.  Between a and c is the router b; behind b is d, which has c's addresses too.
n=0
programs=$1
real_ip=$2
socket=/tmp/control

say() {
	n=$((n + 1))
	sentence=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		echo "ok $n - $sentence"
	else
		echo "not ok $n - $sentence"
		sed 's/^/# /' /tmp/out
	fi
}

ip() {
	"$real_ip" "$@"
}

link() {
	ip -n "$1" link add "$2" type veth peer name "$6" netns "$5"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$1" addr add "$4" dev "$2" nodad
	ip -n "$5" addr add "$7" dev "$6"
	ip -n "$5" addr add "$8" dev "$6" nodad
	ip -n "$1" link set "$2" up
	ip -n "$5" link set "$6" up
}

stage() {
	for i in a b c d; do
		ip netns add $i
		ip -n $i link set lo up
	done
	link a in0 192.0.2.1/24 2001:db8:1::1/64 b in1 192.0.2.2/24 2001:db8:1::2/64
	link b out0 198.51.100.2/24 2001:db8:2::2/64 c out1 198.51.100.3/24 2001:db8:2::3/64
	link b scr0 203.0.113.2/24 2001:db8:3::2/64 d scr1 203.0.113.3/24 2001:db8:3::3/64
	ip -n a route add default via 192.0.2.2
	ip -n a route add default via 2001:db8:1::2
	ip -n c route add default via 198.51.100.2
	ip -n c route add default via 2001:db8:2::2
	ip -n d route add 192.0.2.0/24 via 203.0.113.2
	ip -n d route add 2001:db8:1::/64 via 2001:db8:3::2
	ip -n d addr add 198.51.100.3/32 dev lo
	ip -n d addr add 2001:db8:2::3/128 dev lo
	ip -n b route add 198.51.100.0/24 via 203.0.113.3 table 9
	ip -n b route add 2001:db8:2::/64 via 2001:db8:3::3 table 9
	ip -n b route add default via 203.0.113.3 dev scr0
	ip -n b route add default via 2001:db8:3::3 dev scr0
	ip netns exec b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	silent 1
}

# silent 0|1 - does c answer?
silent() {
	ip netns exec c sh -c "echo $1 >/proc/sys/net/ipv4/icmp_echo_ignore_all
		echo $1 >/proc/sys/net/ipv6/icmp/echo_ignore_all"
}

within() {
	left=$(($1 * 5))
	shift
	until "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.2
	done
}

answers() {
	ip netns exec a ping -c 1 -W 1 "$1"
}

answered() {
	within 10 answers 198.51.100.3 && within 10 answers 2001:db8:2::3
}

silence() {
	! answers 198.51.100.3 && ! answers 2001:db8:2::3
}

headgate() {
	"$programs/headgate" -s $socket "$@"
}

rules() {
	headgate announce flow route "{ match { protocol icmp; } then { $1; } }" &&
		headgate announce flow route "{ match { destination ::/0; next-header icmpv6; icmp-type =128; } then { $2; } }"
}

to_address() {
	rules 'redirect 203.0.113.3' 'redirect 2001:db8:3::3' && answered
}

to_table() {
	rules discard discard && within 5 silence && rules 'redirect 65000:9' 'redirect 65000:9' && answered &&
		[ "$(ip -n b rule show | grep -c 'fwmark 0x6867')" -eq 2 ]
}

to_interface() {
	rules discard discard && within 5 silence && rules 'redirect 65000:10' 'redirect 65000:10' && answered
}

# The one that is not silent any more, and who has the copy.
twice() {
	ip netns exec a ping -c 2 -W 1 "$1" | grep DUP
}

copied() {
	silent 0
	rules 'copy 203.0.113.3' 'copy 2001:db8:3::3' && within 10 twice 198.51.100.3 && within 10 twice 2001:db8:2::3
}

leaves_nothing() {
	kill "$enforcer"
	wait "$enforcer"
	[ "$(ip -n b rule show | grep -c 'fwmark 0x6867')" -eq 0 ] && ! ip -n b link show in1 | grep -q xdp
}

stage
cat >/tmp/conf <<EOF
control { socket $socket; }
enforce { interface in1; vrf red { import target:65000:9; table 9; }
	vrf scrub { import target:65000:10; redirect interface scr0; } }
EOF
ip netns exec b "$programs/headgated" -c /tmp/conf 2>/tmp/hub.log &
within 10 test -S $socket
within 10 answers 192.0.2.2 >/dev/null
nsenter --net=/run/netns/b "$programs/headgate-enforce" -c /tmp/conf 2>/tmp/log &
enforcer=$!
within 60 grep -q 'connected' /tmp/log || cat /tmp/log

say 'without rules the silent one is asked' silence
say 'redirected to an address' to_address
say 'redirected into a table' to_table
say 'redirected out of an interface' to_interface
say 'copied' copied
say 'the end leaves nothing' leaves_nothing
cat /tmp/log
echo "1..$n"
