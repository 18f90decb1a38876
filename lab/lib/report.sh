# SPDX-License-Identifier: ISC
#
# What the lab says: scenes, commands with their output, claims, and the summary.
# A claim is noted with the observation that it rests on; the first one that fails ends the demo. The summary
# has a line a scene, and the figures that were measured (claims that begin with "measured:").
# shellcheck shell=bash

SCENES=()
COUNTS=()
FIGURES=()
FAILED=""

say() { printf '%s\n' "$*"; }
warn() { printf 'lab: %s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }
heading() { printf '\n== %s\n' "$*"; }

# scene TITLE: claims that follow belong to it.
scene() {
	heading "$* ($SECONDS s)"
	SCENES+=("$*")
	COUNTS+=(0)
}

indent() { sed 's/^/    /'; }

# show TITLE COMMAND...: prints the title as a command line and the command's real output below it.
show() {
	printf '  %s\n' "$1"; shift
	{ "$@" 2>&1 || say "(exit $?)"; } | indent
}

# note RESULT TEXT FILE: a claim and the last line of what was observed.
note() {
	local word=ok seen
	seen=$(tail -n 1 "$3")
	[[ $1 = 0 ]] || { word=FAILED; FAILED="$2: $seen"; }
	printf '  %-7s %-62s %s\n' "$word" "$2" "$seen"
	COUNTS[-1]=$((COUNTS[-1] + 1))
	[[ $2 != measured:* ]] || FIGURES+=("${2#measured: }: $seen")
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
	local i all=0 last=$((${#SCENES[@]} - 1)) word
	heading "Summary of lab $LAB_NAME, after $SECONDS s"
	for i in "${!SCENES[@]}"; do
		word=ok
		[[ -z $FAILED || $i != "$last" ]] || word=FAILED
		printf '  %-7s %2d claims  %s\n' "$word" "${COUNTS[i]}" "${SCENES[i]}"
		all=$((all + COUNTS[i]))
	done
	[[ ${#FIGURES[@]} = 0 ]] || printf '  %s\n' "${FIGURES[@]}"
	if [[ -n $FAILED ]]; then say "failed: $FAILED"; else say "all $all claims hold"; fi
}
