# SPDX-License-Identifier: ISC
#
# CE9 and CE10: two customers of r3, with the same addresses at both ends. A rule of a VPN drops telnet, whatever
# its addresses; whose telnet, its route target says.
# shellcheck shell=bash

# vpn_rules announce|withdraw: an IPv6 rule without addresses is told by its words
vpn_rules() {
	local protocol
	for protocol in protocol next-header; do
		hg controller "$1" flow route \
			"{ rd 1:9; match { $protocol tcp; destination-port 23; } then { discard; extended-community target:1:9; } }" ||
			return 1
	done
}

vrf_enforced() { wait_for 10 ask r3 rules enforced "$1" || true; ask r3 rules enforced "$1"; }

# of_site NUMBER WORD COMMAND [NAME]: rows of claims, from the customer's second site to its edge
of_site() {
	say "CE$1: TCP 23 from its other site $2, IPv4|$3 site$1 $SITE4 $OVERLAP4 23 ${4:-}"
	say "CE$1: TCP 23 from its other site $2, IPv6|$3 site$1 $SITE6 $OVERLAP6 23 ${4:-}"
}

# Packets of no VRF: from p5 to r3 itself.
of_p5() {
	say "TCP 23 from p5 to r3 connects, IPv4|reaches p5 192.0.2.205 $R3_4 23 r3"
	say "TCP 23 from p5 to r3 connects, IPv6|reaches p5 2001:db8:1:53::5 $R3_6 23 r3"
}

scene_vrfs() {
	local rows
	scene "CE9 and CE10: a rule in one VRF of r3, where both have the same addresses"
	start_vrf_enforcer
	mapfile -t rows < <(of_site 9 connects reaches ce9; of_site 10 connects reaches ce10; of_p5)
	claims_together "${rows[@]}" || return 1
	show "controller$ headgate announce flow route ..." vpn_rules announce
	claim "r3: the rules for CE9's VRF are enforced" vrf_enforced 2 || return 1
	mapfile -t rows < <(of_site 9 "times out" times_out; of_site 10 connects reaches ce10; of_p5)
	claims_together "${rows[@]}" \
		"CE9: TCP 22 from its other site connects|reaches site9 $SITE4 $OVERLAP4 22 ce9" || return 1
	show "r3# headgate show rules" hg r3 show rules
	vpn_rules withdraw
	claim "the withdrawal arrives" vrf_enforced 0 || return 1
	wait_for 5 connects site9 "$SITE4" "$OVERLAP4" 23 || true
	mapfile -t rows < <(of_site 9 "connects again" reaches ce9)
	claims_together "${rows[@]}" || return 1
	stop r3 headgate-enforce
}
