# SPDX-License-Identifier: ISC
#
# The demo: the write-up's story in scenes. A scene prints what it does with the real output and makes
# claims; it returns 1 at the first that does not hold.
# shellcheck shell=bash disable=SC2034 # outage.sh reads what an option says

RATE=100000          # octets a second, where the file says rate-limit
FLOOD=400000         # octets a second offered meanwhile
SYN_LIMIT=20         # SYN packets an interval, from where on the collector calls it an attack

lab_demo() {
	local part=all keep=0
	while [[ $# -gt 0 ]]; do
		case $1 in
			--core | --outage | --vrfs) part=${1#--} ;;
			--keep) keep=1 ;;
			--without-enforcer) LAB_WITHOUT_ENFORCER=1 ;;
			--without-protection) LAB_WITHOUT_PROTECTION=1 ;;
			--backend) BACKEND=${2:-}; shift ;;
			*) usage >&2; exit 2 ;;
		esac
		shift
	done
	[[ $BACKEND =~ ^(xdp|nftables|auto)$ ]] || { usage >&2; exit 2; }
	say "lab $LAB_NAME comes up"
	make_lab
	[[ $keep = 0 ]] || trap - EXIT
	local result=0
	"play_$part" || result=1
	[[ $result = 0 ]] || { heading "Logs"; log_tails; }
	summary
	exit "$result"
}

play_all() {
	scene_sessions || return 1
	CONTROLLER=headgated
	core_until_block && scene_rate_limit && scene_collector && scene_controller_restart && scene_hub_killed &&
		scene_other_backend && scene_vrfs && scene_withdrawal && scene_outage && scene_again || return 1
	CONTROLLER=exabgp
	core_until_block && scene_withdrawal
}

play_core() {
	scene_sessions || return 1
	CONTROLLER=headgated
	core_until_block && scene_withdrawal
}

play_outage() { scene_sessions && scene_outage; }

play_vrfs() {
	scene_sessions || return 1
	CONTROLLER=headgated
	write_controller_file
	start_controller
	wait_for 10 controller_sessions || true
	scene_vrfs
}

core_until_block() {
	scene_before && scene_controller && scene_no_enforcer && scene_block
}

scene_sessions() {
	scene "Sessions are up; the controller is not there yet"
	show "p5# show ip bgp ipv4 unicast summary" view p5 neighbors summary 4
	show "p5# show bgp ipv6 unicast summary" view p5 neighbors summary 6
	claim "p5: its sessions are up, IPv4 and IPv6" p5_sessions &&
		claim "r2: flow sessions with p5 are up" r2_sessions &&
		claims_together \
			"Good_Guy pings CE8, loopback to loopback, IPv4|pings good_guy $GOOD_GUY4 $CE8_4" \
			"Good_Guy pings CE8, loopback to loopback, IPv6|pings good_guy $GOOD_GUY6 $CE8_6"
}

scene_before() {
	scene "Before: everyone's TCP 23 to CE8 connects"
	claims_together \
		"Bad_Guy's TCP 23 connects, IPv4|connects bad_guy $BAD_GUY4 $CE8_4 23" \
		"Bad_Guy's TCP 23 connects, IPv6|connects bad_guy $BAD_GUY6 $CE8_6 23" \
		"Good_Guy's TCP 23 connects, IPv4|connects good_guy $GOOD_GUY4 $CE8_4 23" \
		"Good_Guy's TCP 23 connects, IPv6|connects good_guy $GOOD_GUY6 $CE8_6 23"
}

# The controller works on a copy of the write-up's file, because later scenes edit it.
controller_file() { echo "$STATE/controller/controller.conf"; }
write_controller_file() { cp "$LAB_DIR/controller.conf" "$(controller_file)"; }

start_controller() {
	if [[ $CONTROLLER = exabgp ]]; then
		start_exabgp "$(controller_file)"
	else
		start_hub controller "$(controller_file)"
	fi
}

# SIGUSR1 means "read the file again" to both.
reload_controller() { signal controller "$CONTROLLER" USR1; }

# rules_are COUNT ACTION: at p5 and at r2, within ten seconds.
rules_are() { local node; for node in p5 r2; do ask "$node" rules holds "$1" "$2" || return 1; done; }
wait_rules() { wait_for 10 rules_are "$@" || true; rules_are "$@"; }

scene_controller() {
	scene "The controller starts: $CONTROLLER with the write-up's file"
	write_controller_file
	show "$ cat controller.conf" grep -v '^#' "$(controller_file)"
	start_controller
	claim "the rules of controller.conf arrive at p5 and r2 ($CONTROLLER)" wait_rules 2 discard || return 1
	wait_for 5 controller_sessions || true
	claim "p5: the controller's sessions are up, IPv4 and IPv6" controller_sessions || return 1
	show "p5# show ip bgp ipv4 unicast summary" view p5 neighbors summary 4
	local node
	for node in p5 r2; do
		show "$node# show ip bgp ipv4 flowspec" view "$node" rules flowspec 4
		show "$node# show ip bgp ipv6 flowspec" view "$node" rules flowspec 6
	done
}

scene_no_enforcer() {
	scene "r2 holds the rules and drops nothing: headgate-enforce is not started"
	claim "r2: the rules are there and nothing is enforced" ask r2 rules idle 2 &&
		claims_together \
			"Bad_Guy's TCP 23 still connects, IPv4|connects bad_guy $BAD_GUY4 $CE8_4 23" \
			"Bad_Guy's TCP 23 still connects, IPv6|connects bad_guy $BAD_GUY6 $CE8_6 23"
}

enforced() { wait_for 10 ask r2 rules enforced "$1" || true; ask r2 rules enforced "$1"; }

scene_block() {
	scene "headgate-enforce starts on r2, on the interface towards INET7"
	if [[ ${LAB_WITHOUT_ENFORCER:-} = 1 ]]; then
		say "  (left out: LAB_WITHOUT_ENFORCER)"
	else
		start_enforcer
		claim "r2: the rules are enforced" enforced 2 || return 1
	fi
	claims_together \
		"Bad_Guy's TCP 23 times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 23" \
		"Bad_Guy's TCP 23 times out, IPv6|times_out bad_guy $BAD_GUY6 $CE8_6 23" \
		"Bad_Guy's ping answers, IPv4|pings bad_guy $BAD_GUY4 $CE8_4" \
		"Bad_Guy's ping answers, IPv6|pings bad_guy $BAD_GUY6 $CE8_6" \
		"Bad_Guy's TCP 22 connects, IPv4|connects bad_guy $BAD_GUY4 $CE8_4 22" \
		"Bad_Guy's TCP 22 connects, IPv6|connects bad_guy $BAD_GUY6 $CE8_6 22" \
		"TCP 23 from Bad_Guy's interface address connects, IPv4|connects bad_guy $BAD_GUY_LINK4 $CE8_4 23" \
		"TCP 23 from Bad_Guy's interface address connects, IPv6|connects bad_guy $BAD_GUY_LINK6 $CE8_6 23" \
		"Good_Guy's TCP 23 connects, IPv4|connects good_guy $GOOD_GUY4 $CE8_4 23" \
		"Good_Guy's TCP 23 connects, IPv6|connects good_guy $GOOD_GUY6 $CE8_6 23" || return 1
	wait_for 3 ask r2 rules dropped "ipv6 flow" 1 || true
	show "r2# headgate show rules" hg r2 show rules
	claim "r2's counters show the dropped packets, IPv4" ask r2 rules dropped "ipv4 flow" 1 &&
		claim "r2's counters show the dropped packets, IPv6" ask r2 rules dropped "ipv6 flow" 1 &&
		claim "p5 has the rules and enforces none" ask p5 rules idle 2 &&
		claims_together \
			"packets that the rule matches, sent behind r2, pass p5, IPv4|passes_p5 $BAD_GUY4 $CE8_4" \
			"packets that the rule matches, sent behind r2, pass p5, IPv6|passes_p5 $BAD_GUY6 $CE8_6"
}

# arrivals SOURCE DESTINATION NODE SECONDS SKIP SEND-OPTION...: sends from NODE, prints what reached ce8.
arrivals() {
	local source=$1 destination=$2 node=$3 seconds=$4 skip=$5 file; shift 5
	file=$(mktemp "$STATE/ce8/arrivals.XXXX")
	tool ce8 traffic.py count --interface ce8-r1 --source "$source" --port 23 \
		--seconds "$seconds" --skip "$skip" >"$file" &
	wait_for 3 test -s "$file"
	tool "$node" traffic.py send --source "$source" --destination "$destination" --port 23 "$@" >/dev/null
	wait $!
	tail -n 1 "$file"
}

field() { "$PYTHON" -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"; }

passes_p5() {
	local packets
	packets=$(field "$(arrivals "$1" "$2" r2 1 0 --count 10)" packets)
	say "$packets of 10 arrived at ce8"
	[[ $packets = 10 ]]
}

# limited SOURCE DESTINATION: a flood over the limit, and what of it arrives: the limit, to one part in ten.
limited() {
	local rate
	rate=$(field "$(arrivals "$1" "$2" bad_guy 3 1 --rate $FLOOD --seconds 4)" rate)
	say "$FLOOD octets/s sent, $rate octets/s received"
	((rate > RATE * 9 / 10 && rate < RATE * 11 / 10))
}

scene_rate_limit() {
	scene "rate-limit $RATE instead of discard: the file is edited and reloaded"
	sed -i "s/discard;/rate-limit $RATE;/" "$(controller_file)"
	show "$ grep -n rate-limit controller.conf" grep -n rate-limit "$(controller_file)"
	reload_controller
	claim "the changed rules arrive at p5 and r2" wait_rules 2 "rate-limit $RATE" || return 1
	claim "r2: the changed rules are enforced" enforced 2 || return 1
	claims_together \
		"measured: at CE8 arrives the rate of the rule, IPv4|limited $BAD_GUY4 $CE8_4" \
		"measured: at CE8 arrives the rate of the rule, IPv6|limited $BAD_GUY6 $CE8_6" || return 1
	write_controller_file
	reload_controller
	claim "the file is put back and reloaded: discard again" wait_rules 2 discard &&
		claim "r2: discard is enforced" enforced 2
}

# start_probe NAME PORT EVERY: bad_guy tries to connect over IPv4 and IPv6 until the probe is stopped.
start_probe() {
	local options=(--port "$2" --every "$3")
	start bad_guy "$1-4" "$PYTHON" "$LAB_DIR/lib/probe.py" --source "$BAD_GUY4" --destination "$CE8_4" "${options[@]}"
	start bad_guy "$1-6" "$PYTHON" "$LAB_DIR/lib/probe.py" --source "$BAD_GUY6" --destination "$CE8_6" "${options[@]}"
}

stop_probe() {
	signal bad_guy "$1-4" TERM
	stop bad_guy "$1-6"
	stop bad_guy "$1-4"
}

# probed NAME FAMILY: the probe's own report.
probed() { tail -n 1 "$STATE/bad_guy/$1-$2.log"; }

# The exporter sits on INET7's side of the link: it sees what r2 will drop, so a rule stays while the attack does.
start_collector() {
	mkfifo "$STATE/inet7/records"
	start controller collector env HEADGATE_SOCKET="$STATE/controller/control" \
		bash -c "exec '$LAB_DIR/lib/collector.sh' '$BUILD/headgate' $SYN_LIMIT <'$STATE/inet7/records'"
	start inet7 exporter bash -c "exec '$PYTHON' '$LAB_DIR/lib/traffic.py' flows --interface inet7-r2 >'$STATE/inet7/records'"
}

collector_said() { [[ $(grep -c "^$1" "$STATE/controller/collector.log") = 2 ]]; }

# collector_acts WORD RULES: the collector's two lines, and the rules at p5 and r2 after it.
collector_acts() {
	wait_for 10 collector_said "$1" || { say "the collector has not $1"; return 1; }
	wait_rules "$2" discard
}

scene_collector() {
	scene "A flow collector: a script announces and withdraws rules through headgate"
	start_collector
	say "  bad_guy opens 100 connections a second to CE8's port 22, over IPv4 and over IPv6"
	start_probe flood 22 0.01
	claim "the collector announces a rule for each flow; p5 and r2 have them" collector_acts announced 4 &&
		claim "r2: the collector's rules are enforced" enforced 4 &&
		claims_together \
			"Bad_Guy's TCP 22 times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 22" \
			"Bad_Guy's TCP 22 times out, IPv6|times_out bad_guy $BAD_GUY6 $CE8_6 22" \
			"Good_Guy's TCP 22 connects, IPv4|connects good_guy $GOOD_GUY4 $CE8_4 22" \
			"Good_Guy's TCP 22 connects, IPv6|connects good_guy $GOOD_GUY6 $CE8_6 22" || return 1
	stop_probe flood
	say "  the flood has ended"
	claim "the collector withdraws its rules" collector_acts withdrawn 2 || return 1
	show "controller$ collector" cat "$STATE/controller/collector.log"
	stop inet7 exporter
	stop controller collector
	claims_together \
		"Bad_Guy's TCP 22 connects again, IPv4|connects bad_guy $BAD_GUY4 $CE8_4 22" \
		"Bad_Guy's TCP 22 connects again, IPv6|connects bad_guy $BAD_GUY6 $CE8_6 22" \
		"Bad_Guy's TCP 23 still times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 23"
}

# add_ssh_rule FILE: the write-up's first rule a second time, for port 22.
add_ssh_rule() {
	awk '/route IPV4-TELNET/ { copying = 1 }
		{ print }
		copying { rule = rule $0 "\n" }
		copying && /^    }/ { gsub(/IPV4-TELNET/, "IPV4-SSH", rule); gsub(/port 23;/, "port 22;", rule); printf "%s", rule; copying = 0 }' \
		"$1" >"$1.new"
	mv "$1.new" "$1"
}

# diff says 1 where the files differ, which they shall.
differences() { diff "$@" || [[ $? = 1 ]]; }

gap() {
	local report
	report=$(probed restart "$1")
	say "$(field "$report" connected) of $(field "$report" attempts) attempts connected, within $(field "$report" seconds) s"
	(($(field "$report" attempts) > 0))
}

scene_controller_restart() {
	scene "The file is changed and the controller restarted, as the write-up does it"
	add_ssh_rule "$(controller_file)"
	show "$ diff (before) controller.conf" differences "$LAB_DIR/controller.conf" "$(controller_file)"
	start_probe restart 23 0.005
	stop controller "$CONTROLLER"
	start_controller
	claim "the changed file's three rules arrive at p5 and r2" wait_rules 3 discard || return 1
	claim "r2: they are enforced" enforced 3 || return 1
	claims_together \
		"Bad_Guy's TCP 22 times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 22" \
		"Bad_Guy's TCP 23 times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 23" \
		"Bad_Guy's TCP 23 times out, IPv6|times_out bad_guy $BAD_GUY6 $CE8_6 23" || return 1
	stop_probe restart
	claim "measured: the gap while the controller was away, IPv4" gap 4 &&
		claim "measured: the gap while the controller was away, IPv6" gap 6
}

none_passed() {
	local report
	report=$(probed killed "$1")
	say "$(field "$report" connected) of $(field "$report" attempts) attempts connected"
	(($(field "$report" attempts) > 50 && $(field "$report" connected) == 0))
}

hub_is_back() { r2_sessions && ask r2 rules enforced 3; }

scene_hub_killed() {
	scene "r2's hub is killed, then its enforcer, and both start again; Bad_Guy keeps trying"
	start_probe killed 23 0.02
	sleep 0.5
	stop r2 headgated KILL
	claim "r2: without its hub the rules stay in the kernel" times_out bad_guy "$BAD_GUY4" "$CE8_4" 23 || return 1
	stop r2 headgate-enforce KILL
	claim "r2: without its enforcer too" times_out bad_guy "$BAD_GUY4" "$CE8_4" 23 || return 1
	start_enforcer
	claim "r2: and when the enforcer is back and finds no hub" times_out bad_guy "$BAD_GUY4" "$CE8_4" 23 || return 1
	start_hub r2
	wait_for 15 hub_is_back || true
	claim "r2: the hub is back, sessions and rules" hub_is_back || return 1
	sleep 1
	stop_probe killed
	claim "no packet was let through meanwhile, IPv4" none_passed 4 &&
		claim "no packet was let through meanwhile, IPv6" none_passed 6
}

# What is in force on r2, as the kernel's own tools list it.
show_backend() {
	if [[ $1 = nftables ]]; then
		show "r2# nft list chain netdev headgate ipv4-some" in_node r2 nft list chain netdev headgate ipv4-some
	else
		show "r2# ip link show r2-inet7" in_node r2 ip link show dev r2-inet7
	fi
}

only_backend() {
	local table=0 program=0
	in_node r2 nft list table netdev headgate >/dev/null 2>&1 && table=1
	in_node r2 ip link show dev r2-inet7 | grep -q prog/xdp && program=1
	say "XDP programs $program, tables $table"
	[[ $1 = nftables && $program$table = 01 ]] || [[ $1 != nftables && $program$table = 10 ]]
}

scene_other_backend() {
	local other=nftables
	[[ $BACKEND != nftables ]] || other=xdp
	scene "headgate-enforce is killed on r2 and comes back with backend $other; Bad_Guy keeps trying"
	start_probe killed 23 0.02
	sleep 0.5
	stop r2 headgate-enforce KILL
	start_enforcer $other
	claim "r2: the rules are enforced" enforced 3 || return 1
	wait_for 5 only_backend $other >/dev/null || true
	show_backend $other
	claim "nothing is left of backend $BACKEND" only_backend $other &&
		claims_together \
			"Bad_Guy's TCP 22 times out, IPv4|times_out bad_guy $BAD_GUY4 $CE8_4 22" \
			"Bad_Guy's ping answers, IPv4|pings bad_guy $BAD_GUY4 $CE8_4" \
			"Bad_Guy's ping answers, IPv6|pings bad_guy $BAD_GUY6 $CE8_6" \
			"Good_Guy's TCP 23 connects, IPv4|connects good_guy $GOOD_GUY4 $CE8_4 23" \
			"Good_Guy's TCP 23 connects, IPv6|connects good_guy $GOOD_GUY6 $CE8_6 23" || return 1
	stop_probe killed
	claim "no packet was let through meanwhile, IPv4" none_passed 4 &&
		claim "no packet was let through meanwhile, IPv6" none_passed 6
}

# without_routes FILE: the same file with no route in it.
without_routes() {
	awk '/route IPV/ { inside = 1 } !inside { print } /^    }/ { inside = 0 }' "$1" >"$1.new"
	mv "$1.new" "$1"
}

scene_withdrawal() {
	scene "Withdrawal: the routes are taken out of the file, $CONTROLLER reloads it"
	without_routes "$(controller_file)"
	show "$ cat controller.conf" grep -v '^#' "$(controller_file)"
	reload_controller
	claim "the rules are gone from p5 and r2 ($CONTROLLER)" wait_rules 0 discard &&
		claim "r2: nothing is enforced any more" enforced 0 || return 1
	wait_for 5 connects bad_guy "$BAD_GUY4" "$CE8_4" 23 || true
	claims_together \
		"Bad_Guy's TCP 23 connects again, IPv4|connects bad_guy $BAD_GUY4 $CE8_4 23" \
		"Bad_Guy's TCP 23 connects again, IPv6|connects bad_guy $BAD_GUY6 $CE8_6 23"
}

scene_again() {
	heading "The same again with the real exabgp as the controller, from the same file"
	stop controller headgated
	stop r2 headgate-enforce
	say "  $(exabgp --version 2>/dev/null | head -n 1)"
}
