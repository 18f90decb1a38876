# SPDX-License-Identifier: ISC
#
# What the write-up names and does not play: rules that send packets another way (PBR) or mark them (QoS).
# Both are announced at the controller for Bad_Guy's TCP 22 to CE8, beside the rules of its file.
# shellcheck shell=bash

SCRUBBER4=192.0.2.165 SCRUBBER6=2001:db8:1:5c::c
QOS_DSCP=46

# steer announce|withdraw ACTION4 [ACTION6]
steer() {
	local match="protocol tcp; destination-port 22;"
	hg controller "$1" flow route \
		"{ match { source $BAD_GUY4/32; destination $CE8_4/32; $match } then { $2; } }" &&
		hg controller "$1" flow route \
			"{ match { source $BAD_GUY6/128; destination $CE8_6/128; $match } then { ${3:-$2}; } }"
}

# answered_by NAME NODE SOURCE DESTINATION: who accepts TCP 22 there?
answered_by() { tool "$2" connect.py --expect connected --source "$3" --name "$1" "$4" 22; }

nothing_sends() {
	local filters
	filters=$(in_node r2 tc filter show dev r2-inet7 ingress | grep -c headgate || true)
	say "$filters programs at tc"
	[[ $filters = 0 ]]
}

scene_pbr() {
	scene "PBR: Bad_Guy's TCP 22 to CE8 is redirected to a scrubber, which is there for CE8's addresses too"
	steer announce "redirect $SCRUBBER4" "redirect $SCRUBBER6" >/dev/null
	claim "r2: the redirects are enforced beside the file's rules" enforced 4 || return 1
	show "r2# headgate show rules" hg r2 show rules
	show "r2# tc filter show dev r2-inet7 ingress" in_node r2 tc filter show dev r2-inet7 ingress
	claims_together \
		"Bad_Guy's TCP 22 is answered by the scrubber, IPv4|answered_by scrubber bad_guy $BAD_GUY4 $CE8_4" \
		"Bad_Guy's TCP 22 is answered by the scrubber, IPv6|answered_by scrubber bad_guy $BAD_GUY6 $CE8_6" \
		"Good_Guy's TCP 22 is answered by CE8, IPv4|answered_by ce8 good_guy $GOOD_GUY4 $CE8_4" \
		"Good_Guy's TCP 22 is answered by CE8, IPv6|answered_by ce8 good_guy $GOOD_GUY6 $CE8_6" || return 1
	steer withdraw accept >/dev/null
	claim "withdrawn: r2 enforces the file's rules" enforced 2 || return 1
	wait_for 3 nothing_sends >/dev/null || true
	claims_together \
		"Bad_Guy's TCP 22 is answered by CE8 again, IPv4|answered_by ce8 bad_guy $BAD_GUY4 $CE8_4" \
		"Bad_Guy's TCP 22 is answered by CE8 again, IPv6|answered_by ce8 bad_guy $BAD_GUY6 $CE8_6" \
		"r2: nothing is left at tc|nothing_sends"
}

# marked DSCP NODE SOURCE DESTINATION: ten packets to port 22, as they look on the link behind r2.
marked() {
	local file seen
	file=$(mktemp "$STATE/p5/marked.XXXX")
	tool p5 traffic.py count --interface p5-r2 --source "$3" --port 22 --seconds 1 >"$file" &
	wait_for 3 test -s "$file"
	tool "$2" traffic.py send --source "$3" --destination "$4" --port 22 --count 10 >/dev/null
	wait $!
	seen=$(tail -n 1 "$file")
	say "$(field "$seen" packets) packets, DSCP $(field "$seen" dscp)"
	[[ $(field "$seen" packets) = 10 && $(field "$seen" dscp) = "[$1]" ]]
}

scene_qos() {
	scene "QoS: Bad_Guy's TCP 22 to CE8 is marked with DSCP $QOS_DSCP"
	steer announce "mark $QOS_DSCP" >/dev/null
	claim "r2: the marks are enforced beside the file's rules" enforced 4 || return 1
	claims_together \
		"behind r2 Bad_Guy's TCP 22 has DSCP $QOS_DSCP, IPv4|marked $QOS_DSCP bad_guy $BAD_GUY4 $CE8_4" \
		"behind r2 Bad_Guy's TCP 22 has DSCP $QOS_DSCP, IPv6|marked $QOS_DSCP bad_guy $BAD_GUY6 $CE8_6" \
		"Good_Guy's has none, IPv4|marked 0 good_guy $GOOD_GUY4 $CE8_4" \
		"Good_Guy's has none, IPv6|marked 0 good_guy $GOOD_GUY6 $CE8_6" || return 1
	steer withdraw accept >/dev/null
	claim "withdrawn: r2 enforces the file's rules" enforced 2 &&
		claims_together \
			"Bad_Guy's TCP 22 is unmarked again, IPv4|marked 0 bad_guy $BAD_GUY4 $CE8_4" \
			"Bad_Guy's TCP 22 is unmarked again, IPv6|marked 0 bad_guy $BAD_GUY6 $CE8_6"
}
