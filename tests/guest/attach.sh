#!/bin/sh
# SPDX-License-Identifier: ISC
# What to attach to, on a kernel that has such devices.  attach.sh PROGRAMS IP MODE..., our programs' directory and
# ip(8), which busybox has a smaller one of, and in which modes.  From a to b go, each with a network of its
# own:
#   1  a VLAN device       3  a bond
#   2  one in another      4  a member of a VRF
# A rule drops what is for 192.0.N.2; 192.0.N.3 is for the same machine and passes.
n=0
programs=$1
real_ip=$2
shift 2
modes=$*
socket=/tmp/control

say() {
	n=$((n + 1))
	sentence=$1
	shift
	if "$@" >/tmp/out 2>&1; then
		echo "ok $n - $sentence"
	else
		echo "not ok $n - $sentence"
		sed 's/^/# /' /tmp/out /tmp/log
	fi
}

ip() {
	"$real_ip" "$@"
}

# pair NAME - NAMEa in a, NAMEb in b
pair() {
	ip -n a link add "$1a" type veth peer name "$1b" netns b
}

# addresses DEVICE NETWORK - DEVICEa and DEVICEb, what they stand on is up
addresses() {
	ip -n a addr add "192.0.$2.1/24" dev "$1a"
	ip -n b addr add "192.0.$2.2/24" dev "$1b"
	ip -n b addr add "192.0.$2.3/24" dev "$1b"
	ip -n a link set "$1a" up
	ip -n b link set "$1b" up
}

stage() {
	for i in a b; do ip netns add $i; done
	for p in eth slave vrf; do pair $p; done
	for i in a b; do
		ip -n $i link set eth$i up
		ip -n $i link add link eth$i name vlan$i type vlan id 7
		ip -n $i link add link eth$i name outer$i type vlan proto 802.1ad id 8
		ip -n $i link set outer$i up
		ip -n $i link add link outer$i name inner$i type vlan id 9
		ip -n $i link add bond$i type bond mode active-backup
		ip -n $i link set slave$i master bond$i
	done
	ip -n b link add red type vrf table 10
	ip -n b link set red up
	ip -n b link set vrfb master red
	addresses vlan 1
	addresses inner 2
	addresses bond 3
	addresses vrf 4
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

# answers ADDRESS... - each of them does
answers() {
	pids=
	for address; do
		ip netns exec a ping -c 1 -W 1 "$address" >/dev/null &
		pids="$pids $!"
	done
	all=0
	for p in $pids; do wait "$p" || all=1; done
	return $all
}

# silent ADDRESS... - none does
silent() {
	pids=
	for address; do
		ip netns exec a ping -c 1 -W 1 "$address" >/dev/null &
		pids="$pids $!"
	done
	all=0
	for p in $pids; do ! wait "$p" || all=1; done
	return $all
}

# attached MODE DEVICE... - the enforcer on these of b's
attached() {
	mode=$1
	shift
	printf 'enforce { interface [ %s ]; attach %s; }\n' "$*" "$mode" >/tmp/enforce.conf
	nsenter --net=/run/netns/b "$programs/headgate-enforce" -c /tmp/enforce.conf -s $socket 2>/tmp/log &
	enforcer=$!
	within 60 grep -q 'settled' /tmp/log && [ "$(grep -c ": attached, $mode" /tmp/log)" -eq $# ] &&
		sleep 0.3
}

drops_and_passes() {
	attached "$@" && silent 192.0.1.2 192.0.2.2 192.0.3.2 192.0.4.2 &&
		answers 192.0.1.3 192.0.2.3 192.0.3.3 192.0.4.3
	verdict=$?
	kill "$enforcer" && wait "$enforcer" && return $verdict
}

native() {
	drops_and_passes native ethb bondb vrfb
}

generic() {
	drops_and_passes generic vlanb innerb bondb vrfb
}

tc() {
	drops_and_passes tc vlanb innerb bondb vrfb
}

leaves_nothing() {
	! ip -n b link show | grep -q 'xdp\|qdisc clsact' && [ ! -e /sys/fs/bpf/headgate ] &&
		answers 192.0.1.2 192.0.2.2 192.0.3.2 192.0.4.2
}

stage
cat >/tmp/conf <<END
control { socket $socket; }
END
"$programs/headgated" -c /tmp/conf 2>/tmp/log &
within 10 test -S $socket
for i in 1 2 3 4; do
	"$programs/headgate" -s $socket announce flow route \
		"{ match { destination 192.0.$i.2/32; protocol icmp; } then { discard; } }" >/dev/null
done
say 'without an enforcer all answer' \
	within 10 answers 192.0.1.2 192.0.2.2 192.0.3.2 192.0.4.2 192.0.1.3 192.0.2.3 192.0.3.3 192.0.4.3
for mode in $modes; do
	say "$mode" "$mode"
done
say 'the end leaves nothing' leaves_nothing
echo "1..$n"
