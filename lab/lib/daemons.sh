# SPDX-License-Identifier: ISC
#
# The lab's processes: each is started in a node, writes a log, and its id is kept in the lab's state
# directory. Only a process whose id is kept there, and which still lives in that node, is ever signalled.
# shellcheck shell=bash

# start NODE NAME COMMAND...: in a session of its own, so that Ctrl-C at the terminal reaches only the lab.
start() {
	local node=$1 name=$2; shift 2
	setsid ip netns exec "$(ns "$node")" "$@" </dev/null >>"$STATE/$node/$name.log" 2>&1 &
	echo $! >"$STATE/$node/$name.pid"
	disown # or the shell would say that it was killed, where a scene kills it
}

# The namespace tells our process from a stranger's that got its id later.
alive() {
	local pid
	pid=$(cat "$STATE/$1/$2.pid" 2>/dev/null) || return 1
	[[ /proc/$pid/ns/net -ef /run/netns/$(ns "$1") ]]
}

gone() { ! alive "$1" "$2"; }

# signal NODE NAME SIGNAL: nothing when the process has ended by itself.
signal() {
	if alive "$1" "$2"; then kill -s "$3" "$(cat "$STATE/$1/$2.pid")" 2>/dev/null || true; fi
}

# stop NODE NAME [SIGNAL]: waits until it is gone.
stop() {
	signal "$1" "$2" "${3:-TERM}"
	wait_for 5 gone "$1" "$2" || { signal "$1" "$2" KILL; wait_for 5 gone "$1" "$2" || true; }
	rm -f "$STATE/$1/$2.pid"
}

# wait_for SECONDS COMMAND...: until the command succeeds, tried ten times a second.
wait_for() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)); shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/[.,]/} < end)) || return 1
		sleep 0.1
	done
}

# visit NODE COMMAND...: runs a command to its end; its id is kept too, for an end of the lab before its own.
visit() {
	local node=$1; shift
	(
		echo "$node" >"$STATE/visitors/$BASHPID"
		exec ip netns exec "$(ns "$node")" "$@"
	)
}

visitors_down() {
	local file pid
	for file in "$STATE"/visitors/*; do
		pid=${file##*/}
		[[ /proc/$pid/ns/net -ef /run/netns/$(ns "$(cat "$file" 2>/dev/null)") ]] || continue
		kill -KILL "$pid" 2>/dev/null || true
	done
}

program() {
	local path=$BUILD/$1
	[[ -x $path ]] || die "$path is not there: run make first, or name the build directory in HEADGATE_BUILD"
	echo "$path"
}

start_bird() { start "$1" bird bird -f -c "$LAB_DIR/nodes/$1.bird.conf" -s "$STATE/$1/bird.ctl"; }

# node_file NODE: a copy of its file, because a scene may change it.
node_file() {
	local file=$STATE/$1/headgate.conf
	[[ -e $file ]] || cp "$LAB_DIR/nodes/$1.headgate.conf" "$file"
	echo "$file"
}

# start_hub NODE [FILE]
start_hub() {
	start "$1" headgated "$BUILD/headgated" -c "${2:-$(node_file "$1")}" -s "$STATE/$1/control"
}

# start_enforcer [BACKEND]
start_enforcer() {
	local backend=${1:-$BACKEND} file=$STATE/r2/enforce.conf
	sed "s/^enforce {/&\n\tbackend $backend;/" "$(node_file r2)" >"$file"
	start r2 headgate-enforce "$BUILD/headgate-enforce" -c "$file" \
		-s "$STATE/r2/control" --pin-dir "$STATE/r2/bpf/headgate"
}

# Rules of a VPN are for XDP alone.
start_vrf_enforcer() {
	start r3 headgate-enforce "$BUILD/headgate-enforce" -c "$(node_file r3)" -s "$STATE/r3/control" \
		--pin-dir "$STATE/r3/bpf/headgate"
}

# exabgp keeps its defaults but for what a lab needs: to stay root, and no command pipes.
start_exabgp() {
	start controller exabgp env exabgp.daemon.user=root exabgp.api.cli=false exabgp.log.level=INFO \
		exabgp "$1"
}

start_listener() { start "$1" listen "$PYTHON" "$LAB_DIR/lib/listen.py" "$1" 22 23; }

# hg NODE VERB...: headgate at that node's hub.
hg() { local node=$1; shift; "$BUILD/headgate" -s "$STATE/$node/control" "$@"; }

daemons_up() {
	local node
	for node in $NODES; do
		[[ " $HOSTS " == *" $node "* ]] || start_bird "$node"
	done
	for node in r3 ce8 ce9 ce10; do start_listener "$node"; done
	start_hub p5
	start_hub r2
	start_hub r3
}

# XDP and its pins outlive processes and even namespaces, so the nodes' BPF file systems are the lab's own.
ENFORCERS="r2 r3"

bpffs_up() {
	local node
	for node in $ENFORCERS; do
		mkdir "$STATE/$node/bpf"
		mount -t bpf bpf "$STATE/$node/bpf"
	done
}

bpffs_down() {
	local node bpf
	for node in $ENFORCERS; do
		bpf=$STATE/$node/bpf
		mountpoint -q "$bpf" || continue
		rm -rf "$bpf/headgate"
		umount "$bpf" 2>/dev/null || umount -l "$bpf"
	done
}

daemons_down() {
	local file node name
	for file in "$STATE"/*/*.pid; do
		[[ -e $file ]] || continue
		node=${file%/*} name=${file##*/}
		signal "${node##*/}" "${name%.pid}" TERM
	done
	for file in "$STATE"/*/*.pid; do
		[[ -e $file ]] || continue
		node=${file%/*} name=${file##*/}
		stop "${node##*/}" "${name%.pid}" KILL
	done
}

# log_tails: the last lines of every log, for a start that failed.
log_tails() {
	local file
	for file in "$STATE"/*/*.log; do
		[[ -s $file ]] || continue
		say "  ${file#"$STATE"/}:"
		tail -n 4 "$file" | indent
	done
}
