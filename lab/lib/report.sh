# SPDX-License-Identifier: ISC
#
# What the lab says: headings, commands with their output, claims, and the summary of claims.
# A claim is noted with the observation that it rests on; the first one that fails ends the demo.
# shellcheck shell=bash

CLAIMS=()
FAILED=""

say() { printf '%s\n' "$*"; }
warn() { printf 'lab: %s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }
heading() { printf '\n== %s\n' "$*"; }
indent() { sed 's/^/    /'; }

# show TITLE COMMAND...: prints the title as a command line and the command's real output below it.
show() {
	printf '  %s\n' "$1"; shift
	{ "$@" 2>&1 || say "(exit $?)"; } | indent
}

# note RESULT TEXT FILE: a claim and the last line of what was observed.
note() {
	local line word=ok seen
	seen=$(tail -n 1 "$3")
	[[ $1 = 0 ]] || { word=FAILED; FAILED="$2: $seen"; }
	printf -v line '  %-7s %-62s %s' "$word" "$2" "$seen"
	say "$line"
	CLAIMS+=("$line")
	return "$1"
}

# claim TEXT COMMAND...: the command observes; it returns 0 where the claim holds and says what it saw.
claim() {
	local text=$1 result=0; shift
	"$@" >"$STATE/observed" 2>&1 || result=$?
	note "$result" "$text" "$STATE/observed"
}

# claims_together ROW...: rows "TEXT|COMMAND" are observed at the same time and reported in order.
claims_together() {
	local rows=("$@") i result failed=0 jobs=()
	for i in "${!rows[@]}"; do
		# shellcheck disable=SC2086 # the command's words are the row's words
		${rows[i]#*|} >"$STATE/observed.$i" 2>&1 &
		jobs+=($!)
	done
	for i in "${!rows[@]}"; do
		result=0
		wait "${jobs[i]}" || result=$?
		note "$result" "${rows[i]%%|*}" "$STATE/observed.$i" || failed=1
	done
	return "$failed"
}

summary() {
	heading "Summary of lab $LAB_NAME, after $SECONDS s"
	printf '%s\n' "${CLAIMS[@]}"
	if [[ -n $FAILED ]]; then
		say "failed: $FAILED"
	else
		say "all ${#CLAIMS[@]} claims hold"
	fi
}
