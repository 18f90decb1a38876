#!/bin/sh
# SPDX-License-Identifier: ISC
# The tree keeps its layers; and a line that does not is found, in whichever form it is written.
. "$HEADGATE_SRC/tests/tap.sh"

layers=$HEADGATE_SRC/tests/tools/layers
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$tap_out"' EXIT

# fresh - a small tree that is in order
fresh() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/src/base" "$tree/src/flow" "$tree/src/bgp" "$tree/src/conf" "$tree/src/ctl" \
		"$tree/src/enforce" "$tree/src/dataplane" "$tree/src/nft" "$tree/tests"
	for header in base/wire flow/flow bgp/bgp conf/conf ctl/ctl ctl/client enforce/enforce dataplane/maps nft/nft; do
		echo '#pragma once' >"$tree/src/$header.h"
	done
	echo '#include "base/wire.h"' >"$tree/src/flow/rule.c"
	printf '%s\n' '#include "flow/flow.h"' '#include "ctl/client.h"' '#include "xdp.skel.h"' \
		'#include <err.h>' >"$tree/src/enforce/xdp.c"
	printf '%s\n' '#include "ctl/ctl.h"' '#include "conf/conf.h"' >"$tree/src/headgated.c"
	printf '%s\n' '#include "bgp/bgp.h"' '#include "tests/play.h"' >"$tree/tests/fsm_test.c"
}

# found FILE LINE WHAT - with the line planted, exactly that place is named
found() {
	fresh
	mkdir -p "$tree/$(dirname "$1")"
	printf '/* one\n * two */\n%s\n' "$2" >"$tree/$1"
	"$layers" "$tree" >"$tree/said"
	status=$?
	cat "$tree/said"
	[ "$status" -eq 1 ] && [ "$(wc -l <"$tree/said")" -eq 1 ] &&
		grep -qF "$1:3: " "$tree/said" && grep -qF "$3" "$tree/said"
}

passed() {
	fresh
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "$2" >"$tree/$1"
	"$layers" "$tree"
}

unknown_layer() {
	fresh
	mkdir "$tree/src/misc"
	echo >"$tree/src/misc/junk.c"
	! "$layers" "$tree" >"$tree/said" && grep -q 'src/misc/junk.c: there is no layer misc' "$tree/said"
}

empty_tree() {
	rm -rf "${tree:?}"/*
	mkdir "$tree/src"
	"$layers" "$tree"
}

in_order() {
	fresh
	"$layers" "$tree"
}

plan 31
check 'the tree itself keeps its layers' "$layers" "$HEADGATE_SRC"
check 'a tree in order passes' in_order
check '"file.h" of the same folder is found' found src/flow/a.c '#include "flow.h"' 'layer/file.h'
check '"file.h" of a main file is found' found src/headgate.c '#include "conf.h"' 'layer/file.h'
check '"../x/y.h" is found' found src/flow/a.c '#include "../base/wire.h"' 'layer/file.h'
check '"x/../y/z.h" is found' found src/flow/a.c '#include "flow/../base/wire.h"' 'layer/file.h'
check '"./y.h" is found' found src/flow/a.c '#include "./flow.h"' 'layer/file.h'
check '"src/x/y.h" is found' found src/flow/a.c '#include "src/base/wire.h"' 'layer/file.h'
check 'a .c file is no header' found src/flow/a.c '#include "base/wire.c"' 'layer/file.h'
check '<layer/file.h> along the arrows is found' found src/flow/a.c '#include <base/wire.h>' 'ours'
check '<layer/file.h> against the arrows is found' found src/flow/a.c '#include <bgp/bgp.h>' 'ours'
check '<../x/y.h> is found' found src/flow/a.c '#include <../base/wire.h>' 'ours'
check 'an include against the arrows is found' found src/flow/a.c '#include "bgp/bgp.h"' \
	'flow may not include bgp'
check 'base sees nothing above itself' found src/base/a.c '#include "flow/flow.h"' \
	'base may not include flow'
check 'a header is held to the arrows too' found src/bgp/a.h '#include "conf/conf.h"' \
	'bgp may not include conf'
check 'the enforcer does not see the configuration' found src/enforce/a.c '#include "conf/conf.h"' \
	'enforce may not include conf'
check 'the enforcer sees the client and not the server' found src/enforce/a.c \
	'#include "ctl/ctl.h"' 'enforce may not include ctl'
check 'the loop sees no backend but through its contract' found src/enforce/a.c '#include "nft/nft.h"' \
	'enforce may not include nft'
check 'what packets meet stands alone' found src/dataplane/a.h '#include "enforce/enforce.h"' \
	'dataplane may not include enforce'
check 'the skeleton belongs to the enforcer' found src/ctl/a.c '#include "xdp.skel.h"' 'layer/file.h'
check 'a space before the word hides nothing' found src/flow/a.c ' #  include  "flow.h"' \
	'layer/file.h'
check 'a comment before the name hides nothing' found src/flow/a.c '#include/**/"flow.h"' \
	'layer/file.h'
check 'a name behind a macro is found' found src/flow/a.c '#include HEADER' 'cannot tell'
check 'a test is held to the form' found tests/a_test.c '#include "../src/base/wire.h"' \
	'layer/file.h'
check 'a folder that is no layer is found by its name' found src/flow/a.c '#include "misc/x.h"' \
	'no layer misc'
check 'a layer that nobody knows is found' unknown_layer
check 'an include inside a comment is none' passed src/flow/a.c '/*
#include "bgp/bgp.h"
*/'
check 'a system header with the name of one of ours is none of ours' passed src/flow/a.c \
	'#include <wire.h>'
check 'a fuzz target may see what the tests share' passed fuzz/a_fuzz.c '#include "tests/play.h"'
check 'a layer may not' found src/flow/a.c '#include "tests/play.h"' 'no layer tests'
refuse 'a tree without C files is not in order' empty_tree
tap_status
