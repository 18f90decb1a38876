#!/bin/sh
# SPDX-License-Identifier: ISC
# A rule as JSON is the rule, octet for octet, and one that says anything else is refused at its member.
. "$HEADGATE_SRC/tests/tap.sh"

headgate=$HEADGATE_BUILD/headgate
tmp=$(mktemp -d)
trap 'rm -rf "$tmp" "$tap_out"' EXIT

# Random rules, wide operands among them, of a family; encode is not told the family.
there_and_back() {
	/usr/bin/python3 "$HEADGATE_SRC/tests/cli/rules.py" "$1" 1000 any >"$tmp/hex" &&
		"$headgate" decode -j -f "$1" - <"$tmp/hex" >"$tmp/json" &&
		"$headgate" encode - <"$tmp/json" | cmp - "$tmp/hex" &&
		[ "$(wc -l <"$tmp/json")" -eq 1000 ]
}

# What the RFCs have ignored: padding of a prefix, reserved bits, an AND in front; and 2^64 - 1.
ignored() {
	printf '%s\n' 0b01170a010103890604c119 0309c112 030c8f02 \
		0a04b1ffffffffffffffff >"$tmp/hex"
	"$headgate" decode -j - <"$tmp/hex" >"$tmp/json" && cat "$tmp/json" &&
		grep -q '"padding":1' "$tmp/json" && grep -q '"reserved":12' "$tmp/json" &&
		grep -q '"value":"0xffffffffffffffff"' "$tmp/json" &&
		"$headgate" encode - <"$tmp/json" | cmp - "$tmp/hex"
}

# A rule in words, its object, and the object of that object.
fixed() {
	"$headgate" encode -j "$1" >"$tmp/one" && "$headgate" encode -j - <"$tmp/one" >"$tmp/two" &&
		cat "$tmp/one" && cmp "$tmp/one" "$tmp/two" &&
		[ "$("$headgate" encode "$1")" = "$("$headgate" encode "$(cat "$tmp/one")")" ]
}

encodes() {
	said=$("$headgate" encode "$1") && echo "$said" && [ "$said" = "$2" ]
}

# refused OBJECT WHERE - on one line, at that member
refused() {
	rc=0
	"$headgate" encode "$1" >"$tmp/out" 2>"$tmp/err" || rc=$?
	cat "$tmp/out" "$tmp/err"
	[ "$rc" -eq 1 ] && [ ! -s "$tmp/out" ] && grep -q "^error: offset [0-9]*: $2" "$tmp/err"
}

tcp='"match":[{"type":"protocol","ops":[{"op":"=","value":6}]}]'

plan 33
for family in ipv4-flow ipv6-flow ipv4-flow-vpn ipv6-flow-vpn; do
	check "1000 random rules of $family come back octet for octet" there_and_back "$family"
done
check 'ignored bits come back too' ignored
check 'an object of a rule with all its parts is a fixed point' fixed \
	'flow route "a b" { rd 65000:1; next-hop 192.0.2.9; match { destination 192.0.2.0/24; tcp-flags [ syn&!=ack ]; } scope { interface-set input:1:2; } then { redirect 192.0.2.9; rate-limit 9.5; mark 10; community [ 1:2 3:4 ]; large-community 1:2:3; } }'
check 'so is one with communities of attribute 25' fixed \
	'match { source 2001:db8::/48; } then { redirect [2001:db8::1]:5; redirect-to-nexthop-ietf 2001:db8::2; }'
check 'so is one with an offset' fixed 'match { destination ::1234:5678:9a00:0/104/64; }'
check 'so is one with a next hop of its own' fixed '{ next-hop self; match { protocol 6; } then { redirect-to-nexthop; } }'
check 'the least there is' encodes "{$tcp}" 03038106
check 'the shortest width is taken' encodes '{"match":[{"type":"port","ops":[{"op":"=","value":65536}]}]}' 0604a100010000
check 'a width may be written' encodes '{"match":[{"type":"port","ops":[{"op":"=","value":1,"width":4}]}]}' 0604a100000001
check 'actions follow' encodes "{$tcp,\"then\":[\"discard\"]}" '03038106 8006000000000000'
check 'a family of IPv6 has its words' encodes \
	'{"family":"ipv6-flow","match":[{"type":"next-header","ops":[{"op":"=","value":6}]}]}' 03038106
check 'the octets may stand beside it' encodes "{$tcp,\"nlri\":\"03038106\"}" 03038106
check 'other octets are refused' refused "{$tcp,\"nlri\":\"03038111\"}" nlri:
check 'a rule without a match is refused' refused '{"family":"ipv4-flow"}' match:
check 'an empty match is refused' refused '{"match":[]}' match:
check 'an empty list of operators is refused' refused '{"match":[{"type":"port","ops":[]}]}' 'match\[0\].ops:'
check 'an unknown member is refused' refused "{$tcp,\"them\":[\"discard\"]}" them:
check 'an unknown member of an operator is refused' refused \
	'{"match":[{"type":"port","ops":[{"op":"=","value":1,"not":true}]}]}' 'match\[0\].ops\[0\].not:'
check 'an unknown component is refused' refused '{"match":[{"type":"flow-label","ops":[{"op":"=","value":1}]}]}' 'match\[0\].type:'
check 'a value too large for its width is refused' refused \
	'{"match":[{"type":"port","ops":[{"op":"=","value":256,"width":1}]}]}' 'match\[0\].ops\[0\].width:'
check 'a negative value is refused' refused '{"match":[{"type":"port","ops":[{"op":"=","value":-1}]}]}' 'match\[0\].ops\[0\].value:'
check 'types that do not ascend are refused' refused \
	'{"match":[{"type":"port","ops":[{"op":"=","value":1}]},{"type":"protocol","ops":[{"op":"=","value":1}]}]}' match:
check 'a prefix of the other family is refused' refused '{"match":[{"type":"destination","prefix":"2001:db8::/32"}]}' 'match\[0\].prefix:'
check 'host bits are refused' refused '{"match":[{"type":"destination","prefix":"192.0.2.1/24"}]}' 'match\[0\].prefix:'
check 'padding where there is none is refused' refused \
	'{"match":[{"type":"destination","prefix":"192.0.2.0/24","padding":1}]}' 'match\[0\].padding:'
check 'an action that is two statements is refused' refused "{$tcp,\"then\":[\"mark 1; } match { port 1\"]}" then:
check 'a name that no terminal should see is refused' refused "{$tcp,\"name\":\"a\\u0001b\"}" name:
check 'an unknown action is refused' refused "{$tcp,\"then\":[\"fly\"]}" 'rd, next-hop or then:'
check 'a family that does not go with its rd is refused' refused "{\"family\":\"ipv4-flow-vpn\",$tcp}" family:
check 'what is no JSON is refused at its place' refused '{"match": oh}' 'invalid token'
tap_status
