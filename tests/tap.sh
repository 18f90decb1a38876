# SPDX-License-Identifier: ISC
# TAP for test scripts:  . "$HEADGATE_SRC/tests/tap.sh"
#
#   plan 3                                  first; a script that dies early then counts as failed
#   check 'a sentence' COMMAND [ARG]...     ok when the command succeeds, else its output is shown
#   refuse 'a sentence' COMMAND [ARG]...    ok when the command exits 1 (no other status will do)
#   skip 'a sentence' 'why'                 could not be tried on this machine
#
# A command runs in this shell, so it may be a function of the script and may set variables.
# tap_status at the end is the exit status: 1 when a case has failed.

# A test that takes too long is ended by SIGTERM and half a second later by SIGKILL; with these its
# trap on EXIT still cleans up.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

tap_cases=0
tap_failed=0
tap_out=$(mktemp)

plan() {
	echo "1..$1"
}

# tap_say OK SENTENCE
tap_say() {
	tap_cases=$((tap_cases + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_cases - $2"
	else
		tap_failed=1
		echo "not ok $tap_cases - $2"
		sed 's/^/# /' "$tap_out"
	fi
}

check() {
	tap_sentence=$1
	shift
	tap_rc=0
	"$@" >"$tap_out" 2>&1 || tap_rc=1
	tap_say "$tap_rc" "$tap_sentence"
}

refuse() {
	tap_sentence=$1
	shift
	tap_rc=0
	"$@" >"$tap_out" 2>&1 || tap_rc=$?
	echo "exit status $tap_rc, not 1" >>"$tap_out"
	[ "$tap_rc" -eq 1 ]
	tap_say $? "$tap_sentence"
}

skip() {
	tap_cases=$((tap_cases + 1))
	echo "ok $tap_cases - $1 # SKIP $2"
}

tap_status() {
	rm -f "$tap_out"
	return "$tap_failed"
}
