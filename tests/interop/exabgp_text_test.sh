#!/bin/sh
# SPDX-License-Identifier: ISC
# ExaBGP's parser is the oracle for its own language: the same text gives the same octets, or the
# difference stands in docs/exabgp.md.  No session and no network: its modules in one process.
. "$HEADGATE_SRC/tests/tap.sh"

here=$HEADGATE_SRC/tests/interop
if ! /usr/bin/python3 -c 'import exabgp' 2>/dev/null; then
	plan 1
	skip 'ExaBGP reads our rules alike' 'no exabgp'
	tap_status
	exit
fi
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/exabgp_text.py" "$HEADGATE_BUILD/headgate" \
	"$here/exabgp_text.rules" "$HEADGATE_SRC/docs/exabgp.md"
rc=$?
rm -f "$tap_out"
exit "$rc"
