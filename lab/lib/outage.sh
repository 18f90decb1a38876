# SPDX-License-Identifier: ISC
#
# The outage of 30 August 2020 once more: a rule that drops the BGP sessions over which its own withdrawal has
# to come. r2 enforces on its link to p5 as well, and its flow sessions have a short hold time.
# shellcheck shell=bash

OUTAGE_HOLD=6        # seconds, of r2's flow sessions with p5
OUTAGE_FLAPS=2       # so often the rule has to come back, without protection

# everywhere announce|withdraw MATCH: for every destination, over IPv4 and IPv6
everywhere() {
	hg foreign "$1" flow route "{ match { destination 0.0.0.0/0; $2 } then { discard; } }" &&
		hg foreign "$1" flow route "{ match { destination ::/0; $2 } then { discard; } }"
}

unprotected_section() {
	local name
	echo "protect {"
	for name in bgp ospf ldp bfd vrrp packet-too-big neighbor-discovery fragmentation-needed ssh; do
		echo "	default $name off;"
	done
	echo "}"
}

# The same files as before, with what this scene has more.
outage_files() {
	local r2=$STATE/r2/headgate.conf
	node_file p5 >/dev/null
	node_file r2 >/dev/null
	cat "$LAB_DIR/nodes/p5-foreign.headgate.conf" >>"$STATE/p5/headgate.conf"
	sed -i -e "s/^	peer-as 1;/&\n	hold-time $OUTAGE_HOLD;/" -e "s/interface r2-inet7;/&\n	interface r2-p5;/" "$r2"
	[[ ${LAB_WITHOUT_PROTECTION:-} != 1 ]] || unprotected_section >>"$r2"
}

foreign_session() { ask p5 neighbors established 192.0.2.161; }

# sessions_stay SECONDS: all of r2's, looked at every second.
sessions_stay() {
	local end=$((SECONDS + $1))
	while ((SECONDS < end)); do
		if ! r2_sessions >/dev/null || ! bird_sessions r2 >/dev/null; then
			say "$(r2_sessions || true); $(bird_sessions r2 || true)"
			return 1
		fi
		sleep 1
	done
	say "$(r2_sessions), $(bird_sessions r2), for $1 s"
}

# monitored PATTERN: how many lines of r2's monitor have it.
monitored() { grep -c -- "$1" "$STATE/r2/monitor.log" || true; }

no_session_fell() {
	local fell
	fell=$(monitored '^neighbor .*: idle, down:')
	say "$fell sessions fell"
	[[ $fell = 0 ]]
}

# protected_saved NAME MATCH: what that entry saved from a rule with this match. nftables names no rules.
protected_saved() {
	hg r2 show protected -j | "$PYTHON" -c '
import json, sys
entries = [json.loads(line) for line in sys.stdin]
entries = [entry for entry in entries if entry["name"] == sys.argv[1]]
saved = [rule["packets"] for entry in entries for rule in entry["rules"] if rule["match"] == sys.argv[2]]
if sys.argv[3] == "nftables":
    saved = [entry["packets"] for entry in entries]
print(f"{sum(saved)} packets")
sys.exit(not sum(saved))' "$1" "$2" "$BACKEND"
}

scene_outage() {
	if [[ ${LAB_WITHOUT_PROTECTION:-} = 1 ]]; then
		scene "The outage of 2020: another controller drops TCP port 179, and r2 protects nothing"
	else
		scene "The outage of 2020: another controller drops TCP port 179, then everything"
	fi
	stop r2 headgate-enforce
	outage_files
	signal p5 headgated USR1
	signal r2 headgated USR1
	start_hub foreign "$LAB_DIR/nodes/foreign.headgate.conf"
	wait_for 30 foreign_session || true
	claim "p5: the foreign controller's session is up" foreign_session || return 1
	wait_for 30 r2_sessions || true
	claim "r2: its flow sessions are up, with a hold time of $OUTAGE_HOLD s" r2_sessions || return 1
	start r2 monitor "$BUILD/headgate" -s "$STATE/r2/control" monitor
	start_enforcer
	local result=0
	if [[ ${LAB_WITHOUT_PROTECTION:-} = 1 ]]; then outage_flaps || result=1; else outage_harmless || result=1; fi
	outage_over
	return $result
}

outage_harmless() {
	claim "TCP 179 through r2 reaches ce8, where nobody listens" \
		refused good_guy "$GOOD_GUY4" "$CE8_4" 179 || return 1
	show "foreign$ headgate announce flow route ..." everywhere announce "protocol =tcp; port =179;"
	claim "r2: \"drop TCP port 179\" is enforced" enforced 2 &&
		claim "r2's sessions stay up" sessions_stay $((OUTAGE_HOLD * 2)) &&
		claim "the rule holds for the rest: TCP 179 through r2 times out" \
			times_out good_guy "$GOOD_GUY4" "$CE8_4" 179 || return 1
	show "foreign$ headgate announce flow route ..." everywhere announce ""
	claim "r2: \"drop everything\" is enforced" enforced 4 &&
		claim "r2's sessions stay up" sessions_stay $((OUTAGE_HOLD * 2)) &&
		claims_together \
			"the rule holds for the rest: Good_Guy's TCP 22 times out, IPv4|times_out good_guy $GOOD_GUY4 $CE8_4 22" \
			"the rule holds for the rest: Good_Guy's TCP 22 times out, IPv6|times_out good_guy $GOOD_GUY6 $CE8_6 22" ||
		return 1
	claim "r2 tells what was saved: BGP from \"drop TCP port 179\"" \
		protected_saved bgp "destination 0.0.0.0/0; protocol =tcp; port =179;" &&
		claim "r2 tells what was saved: OSPF from \"drop everything\"" \
			protected_saved ospf "destination 0.0.0.0/0;" || return 1
	show "r2# headgate show protected" hg r2 show protected
	everywhere withdraw "" && everywhere withdraw "protocol =tcp; port =179;"
	claim "the withdrawal arrives" wait_rules 0 discard &&
		claim "no session of r2's fell" no_session_fell || return 1
	wait_for 5 connects good_guy "$GOOD_GUY4" "$CE8_4" 22 || true
	claims_together \
		"Good_Guy's TCP 22 connects again, IPv4|connects good_guy $GOOD_GUY4 $CE8_4 22" \
		"Good_Guy's TCP 22 connects again, IPv6|connects good_guy $GOOD_GUY6 $CE8_6 22"
}

# The session falls, the rule goes with it, the session returns, the rule is learnt again.
flapped() {
	local fell learnt gone
	fell=$(monitored '^neighbor 192.0.2.205: idle, down:')
	learnt=$(monitored '^+ .*destination 0.0.0.0/0;.*port =179;')
	gone=$(monitored '^- .*destination 0.0.0.0/0;.*port =179;')
	say "the session fell $fell times, the rule was learnt $learnt times and went $gone times"
	((fell >= OUTAGE_FLAPS && gone >= OUTAGE_FLAPS && learnt > OUTAGE_FLAPS))
}

outage_flaps() {
	show "foreign$ headgate announce flow route ..." everywhere announce "protocol =tcp; port =179;"
	wait_for $((OUTAGE_HOLD * 20)) flapped || true
	show "r2# headgate monitor" grep '^neighbor 192.0.2.205\|^[-+] .*0.0.0.0/0' "$STATE/r2/monitor.log"
	claim "r2: the session falls, the rule goes and is learnt again, and again" flapped
}

# Everything as it was before the scene.
outage_over() {
	stop r2 monitor
	stop r2 headgate-enforce
	stop foreign headgated
	rm -f "$STATE/p5/headgate.conf" "$STATE/r2/headgate.conf"
	node_file p5 >/dev/null
	node_file r2 >/dev/null
	signal p5 headgated USR1
	signal r2 headgated USR1
	wait_for 30 r2_sessions || true
}
