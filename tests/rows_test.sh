#!/bin/sh
# SPDX-License-Identifier: ISC
# A file that no build file names is neither compiled nor run, and nothing else would say so.
. "$HEADGATE_SRC/tests/tap.sh"
cd "$HEADGATE_SRC" || exit 1

# named BUILD-FILE SUFFIX FILE... - does the file without its suffix stand there, in quotes?
named() {
	build=$1
	suffix=$2
	shift 2
	rc=0
	for file; do
		[ -e "$file" ] || continue
		row=${file#"${build%/*}/"}
		grep -qF "'${row%"$suffix"}'" "$build" && continue
		echo "$build has no row for $file"
		rc=1
	done
	return "$rc"
}

layers() {
	rc=0
	for layer in src/*/; do
		named "${layer}meson.build" '' "$layer"*.c || rc=1
	done
	return "$rc"
}

corpora() {
	rc=0
	for target in fuzz/*_fuzz.c; do
		[ -e "$target" ] || continue
		name=${target#fuzz/}
		seeds=fuzz/corpus/${name%_fuzz.c}
		[ -n "$(ls "$seeds" 2>/dev/null)" ] || {
			echo "$seeds has no seed"
			rc=1
		}
	done
	return "$rc"
}

# A name in back quotes on the map stands for its .c and .h.
on_the_map() {
	rc=0
	for file in src/*/*.[ch]; do
		name=${file##*/}
		grep -qF "\`${name%.[ch]}\`" src/README.md || {
			echo "src/README.md has no line for $file"
			rc=1
		}
	done
	return "$rc"
}

executable() {
	rc=0
	for script in tests/*_test.sh tests/*/*_test.sh tests/tools/*; do
		[ ! -f "$script" ] || [ -x "$script" ] || {
			echo "$script is not executable"
			rc=1
		}
	done
	return "$rc"
}

plan 7
check 'every source file of a layer is built' layers
check 'every unit test is run' named tests/meson.build _test.c tests/*_test.c
check 'every test script is run' named tests/meson.build _test.sh tests/*_test.sh tests/*/*_test.sh
check 'every fuzz target is built' named fuzz/meson.build _fuzz.c fuzz/*_fuzz.c
check 'every fuzz target has seeds' corpora
check 'every file of a layer is on the map' on_the_map
check 'every script can be executed' executable
tap_status
