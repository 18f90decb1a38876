# SPDX-License-Identifier: ISC
#
# The lab's network: nodes, addresses, links, and how they are made and taken away.
#
# A node is a network namespace NAME-NODE, a link a veth pair whose ends lie in two nodes; an end is
# named NODE-PEER. Nothing is made outside these namespaces and the lab's state directory, so two labs
# with different names do not meet although they use the same addresses.
# shellcheck shell=bash disable=SC2034 # other parts read these

NODES="good_guy bad_guy inet7 r2 p5 r1 r3 ce8 ce9 ce10 site9 site10 controller foreign"
HOSTS="site9 site10 controller foreign" # without BIRD

# node peer | IPv4 of both ends | IPv6 of both ends. Each family's addresses have the link's prefix length.
LINKS="
good_guy inet7   203.0.113.17/30 203.0.113.18/30 2001:db8:7:200::200/64 2001:db8:7:200::7/64
bad_guy  inet7   203.0.113.21/30 203.0.113.22/30 2001:db8:7:201::201/64 2001:db8:7:201::7/64
inet7    r2      192.0.2.145/30  192.0.2.146/30  2001:db8:1:27::7/64    2001:db8:1:27::2/64
r2       p5      192.0.2.129/30  192.0.2.130/30  2001:db8:1:52::2/64    2001:db8:1:52::5/64
r1       p5      192.0.2.133/30  192.0.2.134/30  2001:db8:1:51::1/64    2001:db8:1:51::5/64
r3       p5      192.0.2.137/30  192.0.2.138/30  2001:db8:1:53::3/64    2001:db8:1:53::5/64
ce8      r1      192.0.2.149/30  192.0.2.150/30  2001:db8:1:18::8/64    2001:db8:1:18::1/64
ce9      r3      192.0.2.153/30  192.0.2.154/30  2001:db8:1:39::9/64    2001:db8:1:39::3/64
foreign  p5      192.0.2.161/30  192.0.2.162/30  2001:db8:1:5f::f/64    2001:db8:1:5f::5/64
ce10     r3      192.0.2.157/30  192.0.2.158/30  2001:db8:1:310::10/64  2001:db8:1:310::3/64
site9    r3      203.0.113.193/30 203.0.113.194/30 2001:db8:9:1::1/64   2001:db8:9:1::3/64
site10   r3      203.0.113.193/30 203.0.113.194/30 2001:db8:9:1::1/64   2001:db8:9:1::3/64
"

# Loopback addresses, on lo. p5, r2 and r3 have a second set: BIRD and headgated are two speakers there.
LOOPBACKS="
good_guy 203.0.113.200/32 2001:200::200/128
bad_guy  203.0.113.201/32 2001:201::201/128
inet7    203.0.113.7/32   2001:db8:7::7/128
r2       192.0.2.202/32   192.0.2.212/32
p5       192.0.2.205/32   192.0.2.215/32 2001:db8:1::205/128 2001:db8:1::215/128
r1       192.0.2.201/32
r3       192.0.2.203/32   192.0.2.213/32
ce8      198.51.100.8/32  198.51.100.88/32 2001:8::8/128 2001:8::88/128
ce9      203.0.113.129/32 2001:db8:9::129/128
ce10     203.0.113.129/32 2001:db8:9::129/128
"

# A VRF is a routing table and the interfaces whose packets are looked up in it: node, table, interfaces.
VRFS="
r3 9  r3-ce9  r3-site9
r3 10 r3-ce10 r3-site10
"

R2_SECOND_IPV6=2001:db8:1:52::12/64      # headgated's interface address on r2's link to p5
CONTROLLER_MAC=00:50:01:00:05:00
CONTROLLER_IPV4=192.0.2.10/27
CONTROLLER_IPV6=2001:db8:2:1:250:1ff:fe00:500
P5_LAN_IPV4=192.0.2.1/27
P5_LAN_IPV6=2001:db8:2:1::1/64

# Addresses that checks and scenes speak of.
BAD_GUY4=203.0.113.201 BAD_GUY6=2001:201::201
BAD_GUY_LINK4=203.0.113.21 BAD_GUY_LINK6=2001:db8:7:201::201
GOOD_GUY4=203.0.113.200 GOOD_GUY6=2001:200::200
CE8_4=198.51.100.8 CE8_6=2001:8::8
OVERLAP4=203.0.113.129 OVERLAP6=2001:db8:9::129
SITE4=203.0.113.193 SITE6=2001:db8:9:1::1 SITE_ROUTER4=203.0.113.194 SITE_ROUTER6=2001:db8:9:1::3
R3_4=192.0.2.203 R3_6=2001:db8:1:53::3

ns() { echo "$LAB_NAME-$1"; }

# in_node NODE COMMAND...: runs a command there; the process keeps its id through the exec.
in_node() { local node=$1; shift; ip netns exec "$(ns "$node")" "$@"; }

is_node() { [[ " $NODES " == *" $1 "* ]]; }

node_settings() {
	in_node "$1" sysctl -qw \
		net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0 \
		net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1 \
		net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0
}

# The controller is a host: it takes its IPv6 address from p5's router advertisements.
controller_settings() {
	in_node controller sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 \
		net.ipv6.conf.default.forwarding=0 net.ipv6.conf.default.accept_ra=1 \
		net.ipv6.conf.default.router_solicitation_delay=0 net.ipv6.conf.default.addr_gen_mode=0
}

add_node() {
	ip netns add "$(ns "$1")"
	node_settings "$1"
	[[ $1 != controller ]] || controller_settings
	ip -n "$(ns "$1")" link set lo up
}

add_veth() {
	ip link add "$1-$2" netns "$(ns "$1")" type veth peer name "$2-$1" netns "$(ns "$2")"
}

# A sender that leaves checksums to hardware that does not exist would hand unfinished ones to XDP.
end_up() {
	in_node "$1" ethtool -K "$2" tx off >/dev/null
	ip -n "$(ns "$1")" link set "$2" up
}

add_address() { ip -n "$(ns "$1")" address add "$3" dev "$2"; }

add_link() {
	local node=$1 peer=$2 node4=$3 peer4=$4 node6=$5 peer6=$6 address
	add_veth "$node" "$peer"
	for address in "$node4" "$node6"; do add_address "$node" "$node-$peer" "$address"; done
	for address in "$peer4" "$peer6"; do add_address "$peer" "$peer-$node" "$address"; done
	end_up "$node" "$node-$peer"
	end_up "$peer" "$peer-$node"
}

add_controller_lan() {
	add_veth controller p5
	ip -n "$(ns controller)" link set controller-p5 address "$CONTROLLER_MAC"
	add_address controller controller-p5 "$CONTROLLER_IPV4"
	add_address p5 p5-controller "$P5_LAN_IPV4"
	add_address p5 p5-controller "$P5_LAN_IPV6"
	end_up p5 p5-controller
	end_up controller controller-p5
	ip -n "$(ns controller)" route add default via "${P5_LAN_IPV4%/*}"
}

# What the table does not know must not fall through to the main table: a VRF ends in "unreachable".
add_vrf() {
	local node=$1 table=$2 family interface way; shift 2
	for family in -4 -6; do
		for interface; do
			for way in iif oif; do
				ip "$family" -n "$(ns "$node")" rule add "$way" "$interface" lookup "$table" priority 100
			done
		done
		ip "$family" -n "$(ns "$node")" route add unreachable default metric 4096 table "$table"
	done
}

# A customer's second site, behind the same provider edge: a host.
add_site() {
	ip -n "$(ns "$1")" route add default via "$SITE_ROUTER4"
	ip -n "$(ns "$1")" -6 route add default via "$SITE_ROUTER6"
}

# for_rows TABLE FUNCTION: calls FUNCTION with the words of each row.
for_rows() {
	local row words
	while read -r row; do
		[[ -n $row ]] || continue
		read -ra words <<<"$row"
		"$2" "${words[@]}"
	done <<<"$1"
}

add_loopbacks() {
	local node=$1 address; shift
	for address; do add_address "$node" lo "$address"; done
}

topology_up() {
	local node
	for node in $NODES; do add_node "$node"; done
	for_rows "$LINKS" add_link
	for_rows "$LOOPBACKS" add_loopbacks
	for_rows "$VRFS" add_vrf
	add_site site9
	add_site site10
	add_address r2 r2-p5 "$R2_SECOND_IPV6"
	add_controller_lan
}

# The veth pairs go with their namespaces.
topology_down() {
	local node
	for node in $NODES; do
		if [[ -e /run/netns/$(ns "$node") ]]; then ip netns del "$(ns "$node")"; fi
	done
}

link_names() { for_rows "$LINKS" print_link; print_link controller p5; }
print_link() { echo "$1-$2"; }
