#!/bin/sh
# SPDX-License-Identifier: ISC
# The count of test cases can be trusted: whatever goes wrong in a test is a failed case.
#
# A small meson project stands for each: its one test is a script given here.
. "$HEADGATE_SRC/tests/tap.sh"

count=$HEADGATE_SRC/tests/tools/count
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$tap_out"' EXIT
# The project below is another meson and must not see the options of the one that runs this.
unset MESON_TESTTHREADS MESON_TEST_ITERATION

# counted RC SUMMARY SCRIPT - the last line and the exit status for a test that does SCRIPT
counted() {
	printf '#!/bin/sh\n%s\n' "$3" >"$tree/src/test.sh"
	chmod +x "$tree/src/test.sh"
	rm -f "$tree"/build/meson-logs/check.*
	meson test -C "$tree/build" --logbase check >/dev/null 2>&1
	judged "$1" "$2" "$tree/build:unit"
}

# judged RC SUMMARY ARG... - what count says of it
judged() {
	want_rc=$1
	want=$2
	shift 2
	"$count" --summary "$tree/summary" "$@" >"$tree/said" 2>&1
	rc=$?
	cat "$tree/said"
	[ "$rc" -eq "$want_rc" ] && [ "$(tail -n 1 "$tree/said")" = "$want" ] &&
		[ "$(cat "$tree/summary")" = "$want" ]
}

did_not_run() {
	rm -f "$tree"/build/meson-logs/check.*
	judged 1 '0 passed, 1 failed, 0 skipped' "$tree/build:unit"
}

output_shown() {
	counted 1 '0 passed, 1 failed, 0 skipped' 'echo 1..1; echo "the reason"; echo "not ok 1 - x"; exit 1' &&
		grep -q 'the reason' "$tree/said"
}

mkdir "$tree/src"
cat >"$tree/src/meson.build" <<'END'
project('trial')
test('it', files('test.sh'), suite: 'unit', protocol: 'tap', timeout: 1)
END
printf '#!/bin/sh\n' >"$tree/src/test.sh"
chmod +x "$tree/src/test.sh"
meson setup "$tree/build" "$tree/src" >/dev/null || exit 1

plan 20
check 'cases that pass are counted, not programs' counted 0 '2 passed, 0 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "ok 2 - b"'
check 'a plan may stand at the end' counted 0 '1 passed, 0 failed, 0 skipped' \
	'echo "ok 1 - a"; echo 1..1'
check 'a skipped case is counted apart' counted 0 '1 passed, 0 failed, 1 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "ok 2 - b # SKIP no root"'
check 'a case that cmocka skips is no failure' counted 0 '1 passed, 0 failed, 1 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "not ok 2 # SKIP b"'
check 'a test skipped as a whole is one case, and not enough' counted 1 \
	'0 passed, 0 failed, 1 skipped' 'echo "1..0 # SKIP no root"'
check 'a failed case fails' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"; exit 1'
check 'a failed case fails whatever the exit status' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "not ok 2 - b"'
check 'what a failed test said is shown' output_shown
check 'a crash with the plan met is a failure' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..1; echo "ok 1 - a"; kill -SEGV $$'
check 'a crash in the middle breaks the plan too' counted 1 '1 passed, 2 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"; kill -ABRT $$'
check 'an exit status that no case explains is a failure' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..1; echo "ok 1 - a"; exit 3'
check 'a sanitizer report after the last case is a failure' counted 1 \
	'1 passed, 1 failed, 0 skipped' \
	'echo 1..1; echo "ok 1 - a"; echo "ERROR: LeakSanitizer" >&2; exit 23'
check 'a timeout is a failure' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..1; echo "ok 1 - a"; sleep 5'
check 'too few cases are a failure' counted 1 '1 passed, 1 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"'
check 'too many cases are a failure' counted 1 '2 passed, 1 failed, 0 skipped' \
	'echo 1..1; echo "ok 1 - a"; echo "ok 2 - b"'
check 'no plan is a failure' counted 1 '1 passed, 1 failed, 0 skipped' 'echo "ok 1 - a"'
check 'silence is a failure' counted 1 '0 passed, 1 failed, 0 skipped' 'true'
check 'a case out of order is a failure' counted 1 '2 passed, 1 failed, 0 skipped' \
	'echo 1..2; echo "ok 1 - a"; echo "ok 3 - b"'
check 'a test that did not run is a failure' did_not_run
check 'a suite without tests is not a success' judged 1 '0 passed, 0 failed, 0 skipped' \
	"$tree/build:net"
tap_status
