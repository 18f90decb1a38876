#!/bin/sh
# SPDX-License-Identifier: ISC
# Every C file has the layout of .clang-format; and a file that has not is found.
. "$HEADGATE_SRC/tests/tap.sh"
cd "$HEADGATE_SRC" || exit 1

all_formatted() {
	files=$(find src tests fuzz bench -name '*.[ch]' 2>/dev/null)
	[ -n "$files" ] || return 1
	# shellcheck disable=SC2086 # names without blanks
	clang-format --dry-run -Werror $files
}

crooked() {
	printf 'int  f( void ){return 0;}\n' | clang-format --dry-run -Werror --assume-filename=src/a.c
}

plan 2
check 'every C file is laid out as .clang-format says' all_formatted
refuse 'a crooked file is found' crooked
tap_status
