# SPDX-License-Identifier: ISC
# What the scripts with several machines share:  . "$HEADGATE_SRC/tests/net/stage.sh"  behind tap.sh
# A machine is a namespace, $ns and a letter; the script says ns and work, and removes them in its trap.

# in_ LETTER COMMAND... - only the network is another one
in_() {
	where=$1
	shift
	nsenter --net="/run/netns/$ns$where" "$@"
}

# machines LETTER... - with their loopback up; $work/bpf is a BPF file system for all of them
machines() {
	mkdir "$work/bpf"
	mount -t bpf bpf "$work/bpf" || exit 1
	for letter; do
		ip netns add "$ns$letter"
		ip -n "$ns$letter" link set lo up
	done
}

# a's in0 (192.0.2.1, 2001:db8::1) - b's in1 (192.0.2.2, 2001:db8::2)
join_a_and_b() {
	ip -n "${ns}a" link add in0 type veth peer name in1 netns "${ns}b"
	ip -n "${ns}a" addr add 192.0.2.1/24 dev in0
	ip -n "${ns}b" addr add 192.0.2.2/24 dev in1
	ip -n "${ns}a" addr add 2001:db8::1/64 dev in0 nodad
	ip -n "${ns}b" addr add 2001:db8::2/64 dev in1 nodad
	ip -n "${ns}a" link set in0 up
	ip -n "${ns}b" link set in1 up
}

# within SECONDS COMMAND... - until it succeeds
within() {
	until=$(($(date +%s%N) / 1000000 + $1 * 1000))
	shift
	while ! "$@"; do
		[ $(($(date +%s%N) / 1000000)) -lt "$until" ] || return 1
		sleep 0.05
	done
}
