# SPDX-License-Identifier: ISC
#
# The lab's life: up, down, and what people do with one that is up.
# shellcheck shell=bash

NEEDS="ip bird birdc ping ethtool sysctl mount umount setsid"

check_machine() {
	local need
	[[ $(id -u) = 0 ]] || die "network namespaces need root"
	for need in $NEEDS "$PYTHON"; do
		command -v "$need" >/dev/null || die "$need is not there: ./bootstrap installs what the lab needs"
	done
	for need in headgated headgate headgate-enforce; do program "$need" >/dev/null; done
}

# The state directory is also the lock: who made it owns the name.
claim_name() {
	take_away_on_exit
	mkdir -p "${STATE%/*}"
	mkdir "$STATE" 2>/dev/null || die "lab $LAB_NAME is there already (lab -n $LAB_NAME down takes it away)"
	echo "$BASHPID" >"$STATE/owner"
	local node
	for node in $NODES visitors; do mkdir "$STATE/$node"; done
}

# Goes on whatever fails, so that one step that cannot be done leaves no others undone.
take_away() {
	trap '' INT TERM HUP
	set +e
	visitors_down
	daemons_down
	bpffs_down
	topology_down
	rm -rf "$STATE"
	rmdir "${STATE%/*}" 2>/dev/null || true
}

# take_away_on_exit: whatever ends this shell, a failed step and Ctrl-C among them.
take_away_on_exit() {
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap take_away_ours EXIT
}

# Not what another lab of this name has made since somebody took ours away.
take_away_ours() {
	[[ $(cat "$STATE/owner" 2>/dev/null) != "$BASHPID" ]] || take_away
}

make_lab() {
	check_machine
	claim_name
	topology_up
	bpffs_up
	daemons_up
	wait_until_up || { log_tails; die "the lab did not come up"; }
}

wait_until_up() {
	wait_step "p5's sessions" p5_sessions && wait_step "r2's flow sessions" r2_sessions &&
		wait_step "r3's flow session" r3_sessions &&
		wait_step "BIRD's sessions" all_bird_sessions && wait_step "pings to ce8" reachable &&
		wait_step "the controller's SLAAC address" controller_address
}

wait_step() {
	local what=$1; shift
	wait_for 40 "$@" || { warn "still waiting for $what: $("$@" 2>&1 | tail -n 1)"; return 1; }
}

lab_up() {
	make_lab
	trap - EXIT
	lab_status
}

lab_down() {
	[[ -d $STATE ]] || { say "lab $LAB_NAME is not there"; return 0; }
	take_away
}

is_up() { [[ -d $STATE ]] || die "lab $LAB_NAME is not there (lab up makes it)"; }

# vrf_reachable: one address behind r3 belongs to two customers; the interface decides who answers.
vrf_reachable() {
	local address
	for address in "$OVERLAP4" "$OVERLAP6"; do
		reaches_through r3 r3-ce9 "$address" ce9 && reaches_through r3 r3-ce10 "$address" ce10 || return 1
	done
}

lab_status() {
	is_up
	show "p5: show ip bgp ipv4 unicast summary" view p5 neighbors summary 4
	show "p5: show bgp ipv6 unicast summary" view p5 neighbors summary 6
	show "r2: headgate show neighbors" hg r2 show neighbors
	show "r2: headgate show rules" hg r2 show rules
	local node
	for node in good_guy bad_guy inet7 r2 p5 r1 r3 ce8 ce9 ce10; do
		printf '  %-10s %s\n' "$node" "$(bird_sessions "$node" || true)"
	done
	show "pings from good_guy and bad_guy to ce8, loopback to loopback" reachable
	show "$OVERLAP4 and $OVERLAP6 in each of r3's VRFs" vrf_reachable
}

lab_shell() {
	is_up
	local node=${1:-}
	is_node "$node" || die "no such node: ${node:-(none)}; there are $NODES"
	shift
	[[ $# -gt 0 ]] || set -- env PS1="$(ns "$node")# " bash --norc
	HEADGATE_SOCKET=$STATE/$node/control exec ip netns exec "$(ns "$node")" "$@"
}

lab_capture() {
	is_up
	local link=${1:-} node=${1%%-*}
	if ! is_node "$node" || ! ip -n "$(ns "$node")" link show dev "$link" >/dev/null 2>&1; then
		die "no such link: ${link:-(none)}; there are $(link_names | tr '\n' ' ')"
	fi
	shift
	exec ip netns exec "$(ns "$node")" tcpdump -n -i "$link" "$@"
}
