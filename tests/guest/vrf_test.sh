#!/bin/sh
# SPDX-License-Identifier: ISC
# A rule of a VPN on an interface of a VRF device, on the kernels that users run.
. "$HEADGATE_SRC/tests/tap.sh"

out=$(mktemp)
trap 'rm -f "$out" "$tap_out"' EXIT
export GUEST_TIMEOUT=200
export HEADGATE_PROGRAMS="$(realpath "$HEADGATE_BUILD")"

# on PACKAGE - what vrf_device.sh says in a guest of this kernel; 77 when it cannot be had
on() {
	rc=0
	"$HEADGATE_SRC/tests/guest/guest" -k "$1" -m vrf -m veth -f "$(command -v ip)" -f "$HEADGATE_BUILD/headgated" \
		-f "$HEADGATE_BUILD/headgate" -f "$HEADGATE_BUILD/headgate-enforce" \
		-f "$HEADGATE_SRC/tests/guest/vrf_device.sh" \
		"sh $(realpath "$HEADGATE_SRC/tests/guest/vrf_device.sh")" >"$out" 2>&1 || rc=$?
	cat "$out"
	return "$rc"
}

# try SENTENCE PACKAGE - a kernel that cannot be had is skipped
try() {
	tap_rc=0
	on "$2" >"$tap_out" 2>&1 || tap_rc=1
	if [ "$rc" -eq 77 ]; then
		skip "$1" "$(tail -1 "$out")"
	else
		tap_say "$tap_rc" "$1"
	fi
}

plan 2
try 'on Linux 6.1 it is in force in its VRF device and nowhere else' linux-image-cloud-amd64
try 'on Linux 6.12 it is in force in its VRF device and nowhere else' 'linux-image-6.12*-cloud-amd64'
tap_status
