# SPDX-License-Identifier: ISC
#
# Observations: each makes real traffic or asks a running daemon, prints what it saw in one line and
# returns 0 when that is what was expected.
# shellcheck shell=bash

tool() { local node=$1 file=$2; shift 2; visit "$node" "$PYTHON" "$LAB_DIR/lib/$file" "$@"; }

# connects | times_out | refused NODE SOURCE DESTINATION PORT
connects() { tool "$1" connect.py --expect connected --source "$2" "$3" "$4"; }
times_out() { tool "$1" connect.py --expect "timed out" --source "$2" "$3" "$4"; }
refused() { tool "$1" connect.py --expect "Connection refused" --source "$2" "$3" "$4"; }

# pings NODE SOURCE DESTINATION
pings() { visit "$1" ping -n -c 1 -W 2 -I "$2" "$3" | grep 'bytes from'; }

# reaches_through NODE INTERFACE DESTINATION NAME: TCP 22 there, and the listener says who it is.
reaches_through() { tool "$1" connect.py --expect connected --device "$2" --name "$4" "$3" 22; }

# reaches NODE SOURCE DESTINATION PORT NAME: the same from an address.
reaches() { tool "$1" connect.py --expect connected --source "$2" --name "$5" "$3" "$4"; }

# ask NODE VIEW QUESTION...: "headgate show VIEW -j" of the node, judged by ask.py.
ask() {
	local node=$1 view=$2; shift 2
	hg "$node" show "$view" -j | "$PYTHON" "$LAB_DIR/lib/ask.py" "$@"
}

# view NODE VIEW TABLE FAMILY: the same answer in the shape of the write-up's router.
view() { hg "$1" show "$2" -j | "$PYTHON" "$LAB_DIR/lib/view.py" "$3" "$4"; }

P5_SESSIONS="192.0.2.201 192.0.2.202 192.0.2.203 192.0.2.212 192.0.2.213 192.0.2.215 2001:db8:1:51::1
	2001:db8:1:52::2 2001:db8:1:53::3 2001:db8:1:52::12 2001:db8:1::215"
CONTROLLER_SESSIONS="192.0.2.10 2001:db8:2:1:250:1ff:fe00:500"

# shellcheck disable=SC2086 # a list of words
p5_sessions() { ask p5 neighbors established $P5_SESSIONS; }
# shellcheck disable=SC2086
controller_sessions() { ask p5 neighbors established $CONTROLLER_SESSIONS; }
r2_sessions() { ask r2 neighbors established 192.0.2.205 2001:db8:1:52::5; }
r3_sessions() { ask r3 neighbors established 192.0.2.205; }
bird_sessions() {
	birdc -r -s "$STATE/$1/bird.ctl" show protocols |
		awk '$2 == "BGP" { n++; up += $6 == "Established" } END { print up + 0 " of " n + 0 " sessions of BIRD"; exit !(n && up == n) }'
}

all_bird_sessions() {
	local node
	for node in good_guy bad_guy inet7 r2 p5 r1 r3 ce8 ce9 ce10; do
		bird_sessions "$node" || { say "$node: $(bird_sessions "$node")"; return 1; }
	done
}

controller_address() { ip -n "$(ns controller)" -6 address show dev controller-p5 | grep -wo "$CONTROLLER_IPV6"; }

# The write-up's own test: a ping from Good_Guy to CE8 with the loopback as its source.
reachable() {
	pings good_guy "$GOOD_GUY4" "$CE8_4" && pings good_guy "$GOOD_GUY6" "$CE8_6" &&
		pings bad_guy "$BAD_GUY4" "$CE8_4" && pings bad_guy "$BAD_GUY6" "$CE8_6"
}
