#!/bin/sh
# SPDX-License-Identifier: ISC
# Both backends on the kernels that users run: the XDP program loads there, nftables takes the table,
# and each agrees with the reference; the enforcer makes do with the system calls that it allows itself.
. "$HEADGATE_SRC/tests/tap.sh"

guest=$HEADGATE_SRC/tests/guest/guest
tests=$HEADGATE_BUILD/tests
xdp_tests="$tests/enforce_xdp_test $tests/enforce_xdp_actions_test $tests/enforce_xdp_tables_test
	$tests/enforce_xdp_limits_test"
nft_tests="$tests/enforce_nft_test $tests/enforce_nft_tables_test $tests/enforce_nft_limits_test"
enforcer=$HEADGATE_BUILD/headgate-enforce
syscalls=$tests/enforce_syscalls_test
work=$(mktemp -d)
out=$work/out
trap 'rm -rf "$work" "$tap_out"' EXIT

export HEADGATE_COMPARISONS="${HEADGATE_COMPARISONS:-20000}"
export HEADGATE_SKIP='test_finds_*'
export GUEST_TIMEOUT=240

# each TEST... - runs each, in a guest's words
each() {
	echo "export CMOCKA_MESSAGE_OUTPUT=TAP; rc=0"
	realpath "$@" | sed 's/$/ || rc=1/'
	echo 'exit $rc'
}

# on VERSION PACKAGE - the XDP program's tests in a guest of this kernel, the oracle first
on() {
	"$guest" -k "$2" -m veth -f "$(command -v ip)" $(printf -- '-f %s ' $xdp_tests) \
		-f "$tests/xdp_fault_4.o" "uname -r; $(each $xdp_tests)" >"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$1\." &&
		grep -q "^ok 1 - test_agrees_with_reference" "$out" &&
		grep -q "^ok [0-9]* - test_tc_agrees_with_reference" "$out" &&
		grep -q "^ok [0-9]* - test_limits_are_kept" "$out" && ! grep -q '^not ok' "$out"
}

# nft_on VERSION PACKAGE MODULE... - the same for nftables
nft_on() {
	version=$1 package=$2
	shift 2
	"$guest" -k "$package" $(printf -- '-m %s ' veth nf_tables nft_limit "$@") \
		-f "$(command -v ip)" -f "$(command -v ethtool)" $(printf -- '-f %s ' $nft_tests) \
		"uname -r; $(each $nft_tests)" >"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$version\." &&
		grep -q "^ok 1 - test_agrees_with_reference" "$out" &&
		grep -q "^ok [0-9]* - test_limits_packets" "$out" && ! grep -q '^not ok' "$out"
}

# What a guest is told to do: each backend starts, shows whether a filter is in place, and leaves.
cat >"$work/starts" <<-'END'
	enforcer=$1
	ip link add hgv0 type veth peer name hgv1
	for backend in xdp nftables; do
		echo "enforce { interface hgv0; backend $backend; mode monitor; }" >/tmp/conf
		rm -f /tmp/log # or the last one's would be waited for
		"$enforcer" -c /tmp/conf -s /tmp/none --pin-dir /sys/fs/bpf/headgate 2>/tmp/log &
		pid=$!
		n=0
		while ! grep -qs waiting /tmp/log && [ $((n += 1)) -lt 60 ]; do sleep 1; done
		grep '^Seccomp:' "/proc/$pid/status"
		sleep 3
		kill -TERM "$pid"
		wait "$pid"
		echo "$backend ended $?"
		cat /tmp/log
	done
END

# starts_on VERSION PACKAGE MODULE... - the enforcer with its system calls narrowed down
starts_on() {
	version=$1 package=$2
	shift 2
	"$guest" -k "$package" $(printf -- '-m %s ' veth nf_tables nft_limit "$@") \
		-f "$(command -v ip)" -f "$enforcer" -f "$syscalls" -f "$work/starts" \
		"uname -r; CMOCKA_MESSAGE_OUTPUT=TAP $(realpath "$syscalls"); sh $work/starts $(realpath "$enforcer")" \
		>"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$version\." && ! grep -q '^not ok' "$out" &&
		[ "$(grep -c '^ok' "$out")" -eq 6 ] && [ "$(grep -c '^Seccomp:.*2$' "$out")" -eq 2 ] &&
		grep -q '^xdp ended 0' "$out" && grep -q '^nftables ended 0' "$out" &&
		! grep -q 'kernel' "$out"
}

# try SENTENCE COMMAND... - a kernel that cannot be had is skipped
try() {
	sentence=$1
	shift
	tap_rc=0
	"$@" >"$tap_out" 2>&1 || tap_rc=1
	if [ "$rc" -eq 77 ]; then
		skip "$sentence" "$(tail -1 "$out")"
	else
		tap_say "$tap_rc" "$sentence"
	fi
}

plan 6
try 'on Linux 6.1 the program loads and agrees with the reference' \
	on 6.1 linux-image-cloud-amd64
try 'on Linux 6.12 the program loads and agrees with the reference' \
	on 6.12 'linux-image-6.12*-cloud-amd64'
try 'on Linux 6.1 nftables agrees with the reference' \
	nft_on 6.1 linux-image-cloud-amd64 nft_objref
try 'on Linux 6.12 nftables agrees with the reference' \
	nft_on 6.12 'linux-image-6.12*-cloud-amd64'
try 'on Linux 6.1 the enforcer starts and ends within its system calls, with either backend' \
	starts_on 6.1 linux-image-cloud-amd64 nft_objref
try 'on Linux 6.12 the enforcer starts and ends within its system calls, with either backend' \
	starts_on 6.12 'linux-image-6.12*-cloud-amd64'
tap_status
