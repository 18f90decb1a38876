#!/bin/sh
# SPDX-License-Identifier: ISC
# libflowspec as it is installed: the examples build against it and say what they should, it exports
# what its headers declare, and has neither state nor a way to the world outside.
. "$HEADGATE_SRC/tests/tap.sh"

dest=$(mktemp -d)
trap 'rm -rf "$dest" "$tap_out"' EXIT

staged() {
	DESTDIR=$dest meson install -C "$HEADGATE_BUILD" --no-rebuild
	pc=$(find "$dest" -name flowspec.pc)
	libdir=${pc%/pkgconfig/*}
	PKG_CONFIG_PATH=${pc%/*}
	PKG_CONFIG_SYSROOT_DIR=$dest
	export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
	cflags=$(pkg-config --cflags flowspec) && libs=$(pkg-config --libs flowspec)
	include=$(find "$dest" -path '*/include/flowspec')
	[ -f "$libdir/libflowspec.a" ] && [ -f "$include/flow.h" ] &&
		[ -n "$(find "$dest" -path '*/man3/libflowspec.3')" ]
}

# built COMPILER SUFFIX LIBS - every example of that form of the library
built() {
	for example in decode encode match; do
		# shellcheck disable=SC2086 # flags are words
		$1 -Wall -Wextra -Werror $cflags "$HEADGATE_SRC/examples/$example.c" $3 \
			-o "$dest/$example-$2" || return
	done
}

# says STATUS TEXT COMMAND [ARG]... - exactly this
says() {
	status=$1
	text=$2
	shift 2
	rc=0
	said=$("$@" 2>&1) || rc=$?
	echo "exit $rc: $said"
	[ "$rc" -eq "$status" ] && [ "$said" = "$text" ]
}

# RFC 8955 4.3.1: all packets to 192.0.2.0/24 and TCP port 25; then one of an unknown type.
decodes() {
	says 1 "destination 192.0.2.0/24; protocol =tcp; port =25;
malformed: offset 13: unknown component type 99
protocol =udp;" "$dest/decode-$1" 0b0118c0000203810604811902630003038111
}

encodes() {
	says 0 "nlri 080118c00002038106
extended-community 8006000000000000" "$dest/encode-$1" \
		'match { destination 192.0.2.0/24; protocol tcp; } then { discard; }' &&
		says 1 "argument:1:31: a prefix length of 33" \
			"$dest/encode-$1" 'match { destination 192.0.2.0/33; }'
}

matches() {
	packet=450000140000000040060000cb007101c000020a
	says 0 "rule 2: match { destination 192.0.2.0/24; }" "$dest/match-$1" "$packet" \
		'match { protocol tcp; }' 'match { destination 192.0.2.0/24; }' &&
		says 1 "no match" "$dest/match-$1" "$packet" 'match { protocol udp; }'
}

shared() {
	readelf -d "$dest/decode-so" | grep -q 'NEEDED.*\[libflowspec\.so\.0\]' &&
		readelf -d "$libdir/libflowspec.so" | grep 'SONAME.*\[libflowspec\.so\.0\]' &&
		export LD_LIBRARY_PATH="$libdir" && decodes so && encodes so && matches so
}

static() {
	! readelf -d "$dest/decode-a" | grep flowspec && decodes a && encodes a && matches a
}

# A C++ program sees the same functions by the same names.
plus_plus() {
	cat >"$dest/user.cc" <<-'END'
		#include <flowspec/flow.h>
		int main()
		{
			char text[ADDR_TEXT_MAX];
			struct addr a;
			return addr_parse("192.0.2.1", 9, &a) && addr_print(&a, text)[0] == '1' ? 0 : 1;
		}
	END
	# shellcheck disable=SC2086
	c++ -Wall -Wextra -Werror $cflags "$dest/user.cc" $libs -o "$dest/user" &&
		LD_LIBRARY_PATH=$libdir "$dest/user"
}

# Each header can be the first one that is included.
alone() {
	(cd "$include" && find . -name '*.h') | while read -r header; do
		printf '#include <flowspec/%s>\nint main(void)\n{\n\treturn 0;\n}\n' "${header#./}" >"$dest/one.c"
		# shellcheck disable=SC2086
		cc -std=c11 -Wall -Wextra -Werror $cflags "$dest/one.c" -o "$dest/one" || exit 1
	done
}

# The names that are declared, one a line.
declared() {
	cat "$include/flow.h" "$include"/base/*.h | sed -e 's,/\*.*\*/,,' -e '/^static/d' |
		grep -oE '^[a-z][a-z0-9_ ]*[ *][a-z0-9_]+\(' | grep -oE '[a-z0-9_]+\($' | tr -d '(' |
		sed -E '/^flow_/!s/^/flowspec_/' | sort -u
}

exported() {
	nm -D --defined-only "$libdir/libflowspec.so" | awk '$2 != "A" { print $3 }'
}

exports() {
	exported | grep -v '@@FLOWSPEC_[0-9.]*$' && return 1
	exported | sed 's/@.*//' | sort -u >"$dest/exported"
	declared >"$dest/declared"
	[ "$(wc -l <"$dest/declared")" -gt 40 ] && diff "$dest/declared" "$dest/exported"
}

# Nothing that can be written to, not even by a thread for itself.
stateless() {
	readelf -SW "$libdir/libflowspec.a" |
		grep -E '\.(data|bss|tdata|tbss)[. ]' | grep -vE '\.data\.rel\.ro' >"$dest/sections"
	[ "$(readelf -SW "$libdir/libflowspec.a" | grep -c '\.text')" -gt 10 ] &&
		[ "$(wc -l <"$dest/sections")" -gt 10 ] &&
		awk '{ sub(/^.*\] /, ""); if ($5 != "000000") { print "not empty:", $0; bad = 1 } }
			END { exit bad }' "$dest/sections" &&
		! nm "$libdir/libflowspec.a" | grep ' C '
}

# Memory and text, sorting in place, and what hardening adds; no heap, file, socket, clock or locale.
imports() {
	nm -D --undefined-only "$libdir/libflowspec.so" | awk '$1 == "U" { print $2 }' | sed 's/@.*//' |
		grep -vE '^(__)?(mem(chr|cmp|cpy|move|set)|str(chr|cmp|len|ncmp|pbrk|spn|cspn|tof)|v?snprintf)(_chk)?$' |
		grep -vE '^(qsort|inet_pton|__stack_chk_fail)$' && return 1
	return 0
}

plan 10
check 'the library, its headers and its page are installed' staged
check 'each header can be the first' alone
check 'the examples build against the shared library' built cc so "$libs"
check 'they decode, encode and match with it' shared
check 'the examples build against the static library' built cc a "$libdir/libflowspec.a"
check 'they decode, encode and match with it alone' static
if command -v c++ >/dev/null; then
	check 'a C++ program links it' plus_plus
else
	skip 'a C++ program links it' 'no C++ compiler'
fi
check 'it exports what its headers declare and nothing else' exports
check 'it has no state' stateless
check 'it calls nothing that allocates, prints or waits' imports
tap_status
