#!/bin/sh
# SPDX-License-Identifier: ISC
# The XDP program on the kernels that users run: it loads there, and agrees with the reference.
. "$HEADGATE_SRC/tests/tap.sh"

guest=$HEADGATE_SRC/tests/guest/guest
tests=$HEADGATE_BUILD/tests
oracle=$tests/enforce_xdp_test
out=$(mktemp)
trap 'rm -f "$out" "$tap_out"' EXIT

export HEADGATE_COMPARISONS="${HEADGATE_COMPARISONS:-20000}"
export GUEST_TIMEOUT=240

# on VERSION PACKAGE - the oracle in a guest of this kernel
on() {
	"$guest" -k "$2" -f "$oracle" -f "$tests/xdp_fault_1.o" -f "$tests/xdp_fault_2.o" \
		-f "$tests/xdp_fault_3.o" -f "$tests/xdp_fault_4.o" \
		-f "$tests/xdp_fault_5.o" \
		"uname -r; CMOCKA_MESSAGE_OUTPUT=TAP $(realpath "$oracle")" >"$out" 2>&1
	rc=$?
	cat "$out"
	[ "$rc" -eq 0 ] && head -1 "$out" | grep -q "^$1\." &&
		grep -q "^ok 1 - test_agrees_with_reference" "$out" && ! grep -q '^not ok' "$out"
}

# try VERSION PACKAGE - a kernel that cannot be had is skipped
try() {
	sentence="on Linux $1 the program loads and agrees with the reference, faults are found"
	tap_rc=0
	on "$@" >"$tap_out" 2>&1 || tap_rc=1
	if [ "$rc" -eq 77 ]; then
		skip "$sentence" "$(tail -1 "$out")"
	else
		tap_say "$tap_rc" "$sentence"
	fi
}

plan 2
try 6.1 linux-image-cloud-amd64
try 6.12 'linux-image-6.12*-cloud-amd64'
tap_status
