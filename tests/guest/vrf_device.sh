# SPDX-License-Identifier: ISC
# In a guest: three interfaces with the same addresses, one in VRF device red, one in blue, one in neither.
# A rule that VRF red imports drops pings there.
ip=$(PATH=/usr/sbin:/sbin:/usr/bin:/bin which ip)

# member NAME [VRF] - an interface, and a namespace of the same name behind it
member() {
	"$ip" netns add "$1" && "$ip" link add "$1" type veth peer name net0 netns "$1" || exit 1
	[ -z "$2" ] || "$ip" link set "$1" master "$2"
	"$ip" address add 192.0.2.1/24 dev "$1"
	"$ip" link set "$1" up
	"$ip" -n "$1" address add 192.0.2.2/24 dev net0
	"$ip" -n "$1" link set net0 up
}

device() {
	"$ip" link add "$1" type vrf table "$2" && "$ip" link set "$1" up || exit 1
}

# pinged - the namespaces whose ping is answered
pinged() {
	for n in in-red in-blue in-none; do
		! "$ip" netns exec "$n" ping -c 1 -W 2 192.0.2.1 >/dev/null || printf '%s ' "$n"
	done
}

# expect WORD... - so within 60 seconds: a guest is slow
expect() {
	for i in $(seq 30); do
		seen=$(pinged)
		[ "$seen" != "$*${*:+ }" ] || return 0
		sleep 1
	done
	echo "pings from $seen, expected $*"
	"$HEADGATE_PROGRAMS/headgate" -s control show rules
	cat enforcer.log hub.log
	exit 1
}

uname -r
device red 9
device blue 10
member in-red red
member in-blue blue
member in-none ''
cat >conf <<'END'
enforce {
	interface in-none;
	vrf red { import target:65000:9; interface in-red; }
	vrf blue { import target:65000:10; interface in-blue; }
}
END
expect in-red in-blue in-none
"$HEADGATE_PROGRAMS/headgated" -c conf -s control 2>hub.log &
until [ -S control ]; do sleep 1; done
"$HEADGATE_PROGRAMS/headgate-enforce" -c conf -s control 2>enforcer.log &
rule='{ rd 65000:1; match { protocol icmp; icmp-type =8; } then { discard; extended-community target:65000:9; } }'
until "$HEADGATE_PROGRAMS/headgate" -s control announce flow route "$rule"; do sleep 1; done
expect in-blue in-none
"$HEADGATE_PROGRAMS/headgate" -s control show rules
"$HEADGATE_PROGRAMS/headgate" -s control withdraw flow route "$rule"
expect in-red in-blue in-none
