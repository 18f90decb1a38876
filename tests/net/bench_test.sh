#!/bin/sh
# SPDX-License-Identifier: ISC
# The measurements of the data plane run to their end at the smallest size, and what they measure is what
# they say: hits are hits and misses are misses.  No figure of time is looked at.
. "$HEADGATE_SRC/tests/tap.sh"
. "$HEADGATE_SRC/tests/net/in_namespace.sh" bench

work=$(mktemp -d)
cleanup() {
	namespace_end
	rm -rf "$work" "$tap_out"
}
trap cleanup EXIT

# runs NAME [WORD]... - bench/NAME.py; its lines stay in $work/NAME
runs() {
	bench=$1
	shift
	in_namespace /usr/bin/python3 -B "$HEADGATE_SRC/bench/$bench.py" "$@" >"$work/$bench" 2>&1
	rc=$?
	cat "$work/$bench"
	return "$rc"
}

# dropped TRACE FROM TO - plan's shares of the trace, in percent, of both families
dropped() {
	awk -v trace="$1" -v from="$2" -v to="$3" '
		$0 ~ "^ *" trace " .* % dropped" {
			n++
			sub(/ *% dropped.*/, "")
			if ($NF < from || $NF > to) wrong = 1
		}
		END { exit wrong || n != 2 }' "$work/plan" || {
		cat "$work/plan"
		return 1
	}
}

misses_pass() {
	dropped 'miss outside' 0 5 && dropped 'miss inside' 0 5
}

all_in_force() {
	cat "$work/plan"
	[ "$(grep -c '^ *all in .* 100 in force$' "$work/plan")" -eq 2 ]
}

live() {
	BENCH_ROUNDS="1 1" runs live 10
}

# rows N NAME... - live has N rows of each, with three figures
rows() {
	cat "$work/live"
	wanted=$1
	shift
	for name; do
		[ "$(grep -cE "^ +$name +[0-9]+ / [0-9]+ / [0-9]+ ns" "$work/live")" -eq "$wanted" ] || return 1
	done
}

in_and_out() {
	BENCH_RULES=100 runs change && grep -q '^ *one in  *p50' "$work/change" &&
		grep -q '^ *one out  *p50' "$work/change"
}

# A busy machine offers too little, and then there is no error to look at.
rate_is_kept() {
	runs rate 1 '100 Mbit/s' && awk '
		/offered only/ { n++ }
		/passed/ {
			n++
			sub(/.*error */, "")
			if ($1 < -50 || $1 > 10) wrong = 1
		}
		END { exit wrong || n != 1 }' "$work/rate"
}

plan 9
check 'plan runs to its end' runs plan 100
check 'of a hundred rules all are in force' all_in_force
check 'packets that fit a rule are dropped' dropped hit 95 100
check 'packets that fit none pass' misses_pass
check 'live runs to its end' live
check 'it has ours and the rivals of nftables, for both families' rows 2 'bare drop' headgate 'nft empty' \
	'nft dispatch' 'nft linear'
if grep -q '^ *ipset  *refused' "$work/live"; then
	skip 'and ipset' 'this kernel has not what it needs'
else
	check 'and ipset' rows 1 ipset
fi
check 'a changed rule is measured from its announcement to the verdict' in_and_out
check 'a rate limit is measured and kept' rate_is_kept
tap_status
