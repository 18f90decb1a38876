#!/bin/sh
# SPDX-License-Identifier: ISC
# headgate overlap, covers, explain, lint: what they answer, and their exit status.
. "$HEADGATE_SRC/tests/tap.sh"

headgate=$HEADGATE_BUILD/headgate
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# prints EXPECTED STATUS ARG...: standard output and exit status are these; input is $input.
prints() {
	expected=$1
	status=$2
	shift 2
	got=$(printf '%b' "$input" | "$headgate" "$@" 2>"$tmp/err")
	rc=$?
	printf 'headgate %s: status %d, printed\n%s\n' "$*" "$rc" "$got"
	cat "$tmp/err"
	[ "$rc" -eq "$status" ] && [ "$got" = "$(printf '%b' "$expected")" ]
}

# usage ARG...: exit status 2, nothing on standard output and a usage line on standard error.
usage() {
	prints '' 2 "$@" && grep -q '^usage: headgate' "$tmp/err"
}

# witness VERB WORD STATUS RULE RULE: the first word is WORD, the second line a witness in hex.
witness() {
	"$headgate" "$1" "$4" "$5" >"$tmp/out" 2>"$tmp/err"
	rc=$?
	cat "$tmp/out" "$tmp/err"
	hex=$(sed -n '2s/^witness \([0-9a-f]*\)$/\1/p' "$tmp/out")
	[ "$rc" -eq "$3" ] && [ "$(head -n 1 "$tmp/out")" = "$2" ] && [ -n "$hex" ] &&
		[ "$(wc -l <"$tmp/out")" -eq 3 ]
}

# Both rules match the witness, says `headgate match`.
meets() {
	witness overlap yes 0 "$1" "$2" && "$headgate" match "$1" "$hex" &&
		"$headgate" match "$2" "$hex"
}

# The witness matches the second rule and not the first.
escapes() {
	witness covers no 1 "$1" "$2" && "$headgate" match "$2" "$hex" &&
		! "$headgate" match "$1" "$hex"
}

wrong_rule() {
	prints '' 2 overlap 'match { protocol tcp; }' 'match { protocol frob; }' &&
		grep -q '^error: rule 2, offset [0-9]*: ' "$tmp/err"
}

help_names() {
	for verb in overlap covers explain lint; do
		"$headgate" --help | grep -q "^  $verb " || return 1
	done
}

web='match { destination 192.0.2.0/24; protocol tcp; destination-port 80; }'
none='No packet that can exist matches both rules.'
all='Every packet that the second rule matches, the first matches too.'
input=

plan 27
check 'overlap says yes with a packet that both match' meets "$web" 'match { source 10.0.0.0/8; port >=80&<=90; }'
check 'overlap says yes for IPv6' meets 'match { destination 2001:db8::/32; }' 'match { next-header tcp; tcp-flags syn; }'
check 'overlap says no' prints "no\n$none" 1 overlap "$web" 'match { protocol udp; }'
check 'a first fragment is no later one' prints "no\n$none" 1 overlap \
	'match { fragment first-fragment; }' 'match { fragment is-fragment; }'
check 'families are apart' prints "no\n$none" 1 overlap \
	'match { destination 0.0.0.0/0; }' 'match { destination ::/0; }'
check 'a rule without a family takes the other one' meets 'match { port 80; }' 'match { destination 2001:db8::/32; }'
check 'overlap -j is an object' prints "{\"overlap\":false,\"why\":\"$none\"}" 1 \
	overlap -j "$web" 'match { protocol udp; }'
check 'covers says yes' prints "yes\n$all" 0 covers 'match { port 80; }' "$web"
check 'covers says no with a packet that escapes' escapes "$web" 'match { port 80; }'
check 'covers says no with a tiny packet that escapes' escapes 'match { port >=0; }' \
	'match { protocol tcp; fragment !is-fragment; }'
check 'covers -j is an object' prints "{\"covers\":true,\"why\":\"$all\"}" 0 covers -j 'match { port 80; }' "$web"
check 'a rule that is wrong exits 2 and says which and where' wrong_rule
check 'a wrong rule with -j is an object' prints \
	'{"error":"not a value of this component: '"'frob'"'","rule":2,"offset":17}' 2 \
	overlap -j 'match { protocol tcp; }' 'match { protocol frob; }'
check 'overlap takes two rules' usage overlap "$web"
check 'covers takes no third rule' usage covers "$web" "$web" "$web"
check 'explain says what a rule does' prints \
	'drops TCP from 203.0.113.201 to 198.51.100.0/24 port 23, not later fragments' 0 explain \
	'match { source 203.0.113.201/32; destination 198.51.100.0/24; protocol tcp; destination-port 23; } then { discard; }'
check 'explain takes a rule in several words' prints 'matches UDP' 0 explain match '{' protocol 'udp;' '}'
check 'explain says what is odd' prints \
	'drops IPv4 packets of length 0 to 19\nodd: a length no packet can have: IPv4 packets have 20 to 65535 octets\nodd: never matches: no packet can exist that has all of this' \
	0 explain 'match { packet-length <20; } then { discard; }'
check 'explain -j is an object' prints \
	'{"explain":"drops IPv4 packets","odd":["matches every IPv4 packet"]}' 0 explain -j \
	'match { destination 0.0.0.0/0; } then { discard; }'
check 'explain exits 2 for a rule that is wrong' prints '' 2 explain 'match { protocol frob; }'
input='# ours\nmatch { destination 192.0.2.0/24; protocol tcp; } then { discard; }\nmatch { protocol udp; } then { discard; }\n'
check 'lint finds nothing in a file that is in order' prints '' 0 lint -
input='match { protocol tcp; } then { discard; }\nfrob\n\nmatch { destination-port 80; protocol tcp; } then { discard; }\nmatch { protocol >5&<7; } then { discard; }\nmatch { protocol 6; dscp 1; dscp 2; } then { rate-limit 100; }\nmatch { packet-length <20; }\n'
printf '%b' "$input" >"$tmp/rules"
check 'lint names place, kind and reason' prints \
	"$tmp/rules:2:1: wrong: unknown word in a route: 'frob'
$tmp/rules:4:1: shadowed: never reached: line 5, which is tried before it, matches all of its packets
$tmp/rules:5:1: duplicate: the same packets and actions as line 1
$tmp/rules:6:1: shadowed: never reached: line 5, which is tried before it, matches all of its packets
$tmp/rules:7:1: odd: a length no packet can have: IPv4 packets have 20 to 65535 octets
$tmp/rules:7:1: odd: never matches: no packet can exist that has all of this" 1 lint "$tmp/rules"
input='match { protocol tcp; } then { discard; }\nmatch { protocol =6; } then { rate-limit 9600; }\n'
check 'lint -j is an object a line' prints \
	'{"file":"-","line":2,"column":1,"kind":"conflict","reason":"the same packets as line 1, with other actions; line 1 is tried first","other-line":1}' \
	1 lint -j -
input='match { protocol tcp; } then { mark 10; action terminal; }\nmatch { destination 192.0.2.0/24; protocol tcp; } then { mark 20; action terminal; }\nmatch { dscp 5; } then { mark 30; }\n'
check 'lint finds marks that meet where a rule goes on' prints \
	'-:1:1: conflict: line 2 goes on with later rules, and together with it there are: two different marks
-:3:1: conflict: line 2 goes on with later rules, and together with it there are: two different marks
-:3:1: conflict: line 1 goes on with later rules, and together with it there are: two different marks' 1 lint -
input='neighbor 192.0.2.1 {\n\tlocal-address 192.0.2.2;\n\tlocal-as 65000;\n\tpeer-as 65000;\n\tfamily { ipv4 flow; }\n\tflow {\n\t\troute a { match { destination 192.0.2.0/24; } then { discard; } }\n\t\troute b { match { destination 0.0.0.0/0; } then { discard; } }\n\t}\n}\n'
check 'lint reads a configuration' prints '-:8:3: odd: matches every IPv4 packet' 1 lint -
input=
check 'lint says that a file cannot be read' prints '' 1 lint "$tmp/none"
check '--help names the verbs' help_names
tap_status
