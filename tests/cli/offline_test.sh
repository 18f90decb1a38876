#!/bin/sh
# SPDX-License-Identifier: ISC
# headgate's verbs that need no daemon: what they answer, and their exit status.
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

# complains EXPECTED STATUS ARG...: nothing on standard output, this on standard error.
complains() {
	complaint=$1
	shift
	prints '' "$@" && [ "$(cat "$tmp/err")" = "$complaint" ]
}

# usage ARG...: exit status 2, nothing on standard output and a usage line on standard error.
usage() {
	prints '' 2 "$@" && grep -q '^usage: headgate' "$tmp/err"
}

# Random rules come back octet for octet, and those with wide operands with the same text.
there_and_back() {
	/usr/bin/python3 "$HEADGATE_SRC/tests/cli/rules.py" "$1" 500 shortest >"$tmp/hex" &&
		"$headgate" decode -f "$1" - <"$tmp/hex" >"$tmp/rules" &&
		"$headgate" encode -f "$1" - <"$tmp/rules" | cmp "$tmp/hex" - &&
		/usr/bin/python3 "$HEADGATE_SRC/tests/cli/rules.py" "$1" 500 any >"$tmp/hex" &&
		"$headgate" decode -f "$1" - <"$tmp/hex" >"$tmp/rules" &&
		"$headgate" encode -f "$1" - <"$tmp/rules" >"$tmp/hex2" &&
		"$headgate" decode -f "$1" - <"$tmp/hex2" | cmp "$tmp/rules" - &&
		[ "$(wc -l <"$tmp/rules")" -eq 500 ]
}

decodes_update() {
	"$headgate" decode --message "$update" >"$tmp/lines" && cat "$tmp/lines" &&
		[ "$(head -n 1 "$tmp/lines")" = 'UPDATE, 68 octets' ] &&
		grep -q 'LOCAL_PREF: 100$' "$tmp/lines" && grep -q ' discard$' "$tmp/lines" &&
		grep -q 'destination 192.0.2.0/24; protocol =tcp; destination-port =23;$' "$tmp/lines"
}

help_names() {
	for verb in decode encode order match; do
		"$headgate" --help | grep -q "^  $verb " || return 1
	done
}

rfc=0b0118c00002038106048119
rfc_rule='flow route { match { destination 192.0.2.0/24; protocol =tcp; port =25; } }'
rfc_match='"match":[{"type":"destination","prefix":"192.0.2.0/24"},{"type":"protocol","ops":[{"op":"=","and":false,"value":6,"width":1}]},{"type":"port","ops":[{"op":"=","and":false,"value":25,"width":1}]}]'
rfc6=12012000200100bb026840123456789a038106
rfc6_rule='flow route { match { destination 2001:bb::/32; source ::1234:5678:9a00:0/104/64; next-header =tcp; } }'
syn=45000028000100004006'0000cb007105c0000201c0000050000000000000000050020000ffff0000'
syn6=6000000000140640'200102010000000000000000000002012001000800000000000000000000000100000000000000000000000000000000'
marker=ffffffffffffffffffffffffffffffff
update=${marker}0044020000002d4001010040020040050400000064c010088006000000000000800e1100018500000b0118c00002038106058117
input=

plan 45

check 'decode prints RFC 8955 4.3.1 as a rule' prints "$rfc_rule" 0 decode "$rfc"
check 'decode takes upper case' prints "$rfc_rule" 0 decode "$(echo "$rfc" | tr a-f A-F)"
check 'decode -f ipv6-flow prints RFC 8956 3.8.1' prints "$rfc6_rule" 0 decode -f ipv6-flow "$rfc6"
check 'decode -j is an object, wherever -j stands' prints \
	"{\"family\":\"ipv4-flow\",$rfc_match,\"nlri\":\"$rfc\",\"rule\":\"$rfc_rule\"}" 0 decode "$rfc" -j
check 'decode says where an NLRI is malformed' complains \
	'error: offset 2: destination of length 33' 1 decode 070121c000020100
check 'decode refuses octets behind the NLRI' complains \
	'error: offset 4: 1 octets behind the NLRI' 1 decode 0303810600
check 'decode refuses half an octet' complains 'error: offset 1: half an octet' 1 decode 033
check 'decode refuses what is not hex' complains \
	'error: offset 1: not a hexadecimal digit' 1 decode 03x38106
check 'decode refuses an NLRI of no octets' prints '' 1 decode 00
input="03038106\nzz\n03038111\n"
check 'decode - answers a line for a line and exits 1 when one was malformed' prints \
	'flow route { match { protocol =tcp; } }\nerror: offset 0: not a hexadecimal digit\nflow route { match { protocol =udp; } }' \
	1 decode -
check 'decode - -j answers errors as objects' prints \
	'{"family":"ipv4-flow","match":[{"type":"protocol","ops":[{"op":"=","and":false,"value":6,"width":1}]}],"nlri":"03038106","rule":"flow route { match { protocol =tcp; } }"}\n{"error":"not a hexadecimal digit","offset":0}\n{"family":"ipv4-flow","match":[{"type":"protocol","ops":[{"op":"=","and":false,"value":17,"width":1}]}],"nlri":"03038111","rule":"flow route { match { protocol =udp; } }"}' \
	1 decode - -j
input="03038106\n03038111"
check 'decode - exits 0 when all were good, the last line without its end' prints \
	'flow route { match { protocol =tcp; } }\nflow route { match { protocol =udp; } }' 0 decode -
input=
check 'decode --message prints a KEEPALIVE' prints 'KEEPALIVE, 19 octets' 0 decode --message "${marker}001304"
check 'decode --message prints an UPDATE with its rule and action' decodes_update
check 'decode --message says where a message is cut short' prints '' 1 decode --message "${update%17}"
input="${marker}001304\nffff\n"
check 'decode --message - -j answers objects' prints \
	"{\"message\":\"${marker}001304\",\"lines\":[\"KEEPALIVE, 19 octets\"]}\n{\"error\":\"message is cut short\",\"offset\":2}" \
	1 decode --message -j -
input=
check 'decode takes --message or -f' usage decode --message -f ipv4-flow "${marker}001304"

check 'encode takes a rule as one argument' prints "$rfc" 0 encode "$rfc_rule"
# shellcheck disable=SC2086 # as several words
check 'encode takes a rule as several arguments' prints "$rfc" 0 encode $rfc_rule
check 'encode prints the actions behind a space' prints "$rfc 8006000000000000" 0 \
	encode 'match { destination 192.0.2.0/24; protocol tcp; port =25; } then { discard; }'
check 'encode prints nothing behind a rule that accepts' prints 03038106 0 \
	encode 'match { protocol tcp; } then { accept; }'
check 'encode prints communities of attribute 25 as a third word' prints \
	'03038106 - 000c20010db80000000000000000000000010000' 0 \
	encode 'match { protocol tcp; } then { redirect-to-nexthop-ietf 2001:db8::1; }'
check 'a prefix names the family' prints 0401030000 0 encode 'match { destination ::/3; }'
check 'encode -f names the family of a rule without prefix' prints \
	'{"family":"ipv6-flow","match":[{"type":"packet-length","ops":[{"op":"=","and":false,"value":40,"width":1}]}],"nlri":"030a8128","extended-communities":[],"ipv6-extended-communities":[],"rule":"flow route { match { packet-length =40; } }"}' \
	0 encode -f ipv6-flow -j 'match { packet-length 40; }'
check 'encode knows a route distinguisher' prints 0b0000fde800000001038106 0 \
	encode '{ rd 65000:1; match { protocol tcp; } }'
check 'encode -f ipv4-flow-vpn wants a route distinguisher' complains \
	'error: offset 0: ipv4-flow-vpn needs a route distinguisher (rd)' 1 \
	encode -f ipv4-flow-vpn 'match { protocol tcp; }'
check 'encode refuses host bits' prints '' 1 encode 'match { destination 192.0.2.1/24; }'
check 'encode refuses a missing semicolon' prints '' 1 encode 'match { protocol tcp }'
check 'encode refuses an empty match' prints '' 1 encode 'match { }'
input='match { protocol tcp; }\nmatch { protocoll tcp; }\nmatch { protocol udp; }\n'
check 'encode - answers a line for a line' prints \
	"03038106\nerror: offset 8: unknown word in match: 'protocoll'\n03038111" 1 encode -
input=

for family in ipv4-flow ipv6-flow ipv4-flow-vpn ipv6-flow-vpn; do
	check "encode -f $family takes back what decode prints" there_and_back "$family"
done

input='# by hand\nmatch { protocol tcp; }\nmatch {   destination 192.0.2.0/24; }\n\nmatch { destination 192.0.2.1/32; }\n'
check 'order sorts as RFC 8955 5.1 and prints lines as they were' prints \
	'match { destination 192.0.2.1/32; }\nmatch {   destination 192.0.2.0/24; }\nmatch { protocol tcp; }' 0 order -
input=
printf 'match { protocol tcp; }\nmatch { protocol 256; }\n' >"$tmp/rules"
check 'order says where a file is wrong and prints nothing' prints '' 1 order "$tmp/rules"
check 'order names file, line and column' grep -q "^error: $tmp/rules:2:[0-9]*: " "$tmp/err"

check 'order says that a directory cannot be read' prints '' 1 order "$tmp"

check 'match says match' prints match 0 match 'match { destination-port 80; }' "$syn"
check 'match says no match and exits 1' prints 'no match' 1 match 'match { destination-port 81; }' "$syn"
check 'match takes the family of the packet' prints match 0 match match '{' next-header '6;' '}' "$syn6"
check 'match -j is an object' prints '{"match":true}' 0 match -j 'match { protocol tcp; }' "$syn"

check 'wrong usage exits 2' usage decode
check 'an unknown verb exits 2' usage frobnicate
check '--help names the verbs' help_names
tap_status
