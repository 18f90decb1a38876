#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A script in the role of the write-up's flow collector. It reads flow records, "SOURCE DESTINATION PORT
# PACKETS" a line and "end" after each interval; a flow of more than LIMIT packets in one interval is
# announced as a rule through headgate, and the rule is withdrawn when an interval goes by without it.
#
# usage: collector.sh HEADGATE LIMIT   (the hub's socket stands in HEADGATE_SOCKET)

set -eu
headgate=$1 limit=$2

declare -A announced=() seen=()

rule() {
	local source destination port length=32
	read -r source destination port <<<"$1"
	[[ $source != *:* ]] || length=128
	echo "match { source $source/$length; destination $destination/$length; protocol tcp; destination-port $port; }"
}

announce() {
	"$headgate" announce flow route "{ $(rule "$1") then { discard; } }" || return 0
	announced[$1]=1
	echo "announced $(rule "$1")"
}

withdraw() {
	"$headgate" withdraw flow route "{ $(rule "$1") }" || return 0
	unset "announced[$1]"
	echo "withdrawn $(rule "$1")"
}

end_of_interval() {
	local flow
	for flow in "${!announced[@]}"; do
		[[ -n ${seen[$flow]:-} ]] || withdraw "$flow"
	done
	seen=()
}

while read -r source destination port packets; do
	case $source in
		end) end_of_interval ;;
		*[!0-9a-f.:]*) ;; # not a record
		*)
			((packets > limit)) || continue
			flow="$source $destination $port"
			seen[$flow]=1
			[[ -n ${announced[$flow]:-} ]] || announce "$flow"
			;;
	esac
done
