#!/bin/sh
# SPDX-License-Identifier: ISC
# bootstrap installs what is missing, starts nothing, and leaves the host's policy as it was.
#
# Packages, apt-get, systemctl and root are stand-ins here: `installed` is the package database, and
# an installation asks the policy whether it may start its daemon, as a maintainer script would.
. "$HEADGATE_SRC/tests/tap.sh"

bootstrap=$HEADGATE_SRC/bootstrap
dir=$(mktemp -d)
trap 'rm -rf "$dir" "$tap_out"' EXIT
export BOOTSTRAP_ROOT="$dir/root" STAND_IN="$dir"
policy=$dir/root/usr/sbin/policy-rc.d
real_path=$PATH
mkdir "$dir/bin"

stand_in() {
	cat >"$dir/bin/$1"
	chmod +x "$dir/bin/$1"
}
stand_in dpkg-query <<'END'
#!/bin/sh
if [ "$1" = -L ]; then echo "/lib/systemd/system/$2.service"; exit; fi
for package; do grep -qx "$package" "$STAND_IN/installed" && echo "$package installed"; done
exit 0
END
stand_in apt-get <<'END'
#!/bin/sh
while [ "$1" != update ] && [ "$1" != install ]; do shift; done
echo "$*" >>"$STAND_IN/apt.log"
[ "$1" = install ] || exit "$(cat "$STAND_IN/update-status")"
case "$(cat "$STAND_IN/mood")" in
fail) exit 100 ;;
killed) kill -TERM "$PPID"; sleep 0.2; exit 100 ;;
esac
"$BOOTSTRAP_ROOT/usr/sbin/policy-rc.d" bird start
echo "policy $?" >>"$STAND_IN/apt.log"
for word; do case $word in -*|install) ;; *) echo "$word" >>"$STAND_IN/installed" ;; esac; done
END
stand_in systemctl <<'END'
#!/bin/sh
echo "systemctl $*" >>"$STAND_IN/apt.log"
END
stand_in id <<'END'
#!/bin/sh
cat "$STAND_IN/uid"
END
stand_in sudo <<'END'
#!/bin/sh
[ "$1" = -n ] && shift
[ "$(cat "$STAND_IN/sudo")" = yes ] || exit 1
[ "$1" = true ] && exit
echo 0 >"$STAND_IN/uid"
echo "sudo" >>"$STAND_IN/apt.log"
exec "$@"
END

# machine - a bare host; a test changes what it needs to
machine() {
	rm -rf "$dir/root"
	mkdir -p "$dir/root/usr/sbin" "$dir/root/run"
	: >"$dir/installed"
	: >"$dir/apt.log"
	echo ready >"$dir/mood"
	echo 0 >"$dir/update-status"
	echo 0 >"$dir/uid"
	echo no >"$dir/sudo"
}

run() {
	rc=0
	PATH=$dir/bin:$real_path "$bootstrap" "$@" >"$dir/out" 2>&1 || rc=$?
	cat "$dir/out" "$dir/apt.log"
	return "$rc"
}

logged() {
	grep -q "$1" "$dir/apt.log"
}

installs() {
	machine
	run && logged '^install .*meson' && logged '^install .*bird2' && grep -q 'installing .*exabgp' "$dir/out" &&
		! grep -q libcmocka-dev "$dir/installed"
}

second_run() {
	run demo || return 1
	: >"$dir/apt.log"
	run demo && [ ! -s "$dir/out" ] && [ ! -s "$dir/apt.log" ]
}

real_run() {
	# On this host, where `make check` has just seen to it that all is there.
	start=$(date +%s%N)
	BOOTSTRAP_ROOT='' "$bootstrap" demo check >"$dir/out" 2>&1 || return 1
	took=$((($(date +%s%N) - start) / 1000000))
	cat "$dir/out"
	echo "took $took ms"
	[ ! -s "$dir/out" ] && [ "$took" -lt 1000 ]
}

only_missing() {
	machine
	run demo || return 1
	grep -vx socat "$dir/installed" >"$dir/rest" && mv "$dir/rest" "$dir/installed"
	: >"$dir/apt.log"
	run && logged '^install -y --no-install-recommends socat$'
}

groups() {
	machine
	run check lint && grep -qx gobgpd "$dir/installed" && grep -qx clang-tidy "$dir/installed" &&
		! grep -qx meson "$dir/installed"
}

nothing_started() {
	machine
	run && logged '^policy 101$' && [ ! -e "$policy" ]
}

disabled() {
	machine
	echo exabgp >"$dir/installed"
	run && logged '^systemctl disable bird2.service' && ! logged 'disable exabgp'
}

# with_policy STATUS - a policy that says so is there before, and after
with_policy() {
	printf '#!/bin/sh\n# of the host\nexit %s\n' "$1" >"$policy"
	chmod 750 "$policy"
	before=$(stat -c '%a %i' "$policy")
}

same_policy() {
	[ "$(stat -c '%a %i' "$policy")" = "$before" ] && grep -q '^# of the host' "$policy" &&
		[ ! -e "$policy.before-headgate" ]
}

keeps_refusing_policy() {
	machine
	with_policy 101
	run && logged '^policy 101$' && same_policy
}

sets_allowing_policy_aside() {
	machine
	with_policy 0
	run && logged '^policy 101$' && same_policy
}

# fails MOOD - with an apt-get in that mood it exits other than 0, and leaves the policy
fails() {
	machine
	with_policy 0
	echo "$1" >"$dir/mood"
	! run && same_policy
}

fails_without_policy() {
	machine
	echo fail >"$dir/mood"
	! run && [ ! -e "$policy" ] && grep -q 'missing: .*meson' "$dir/out"
}

after_a_kill() {
	machine
	with_policy 0
	mv "$policy" "$policy.before-headgate"
	printf '#!/bin/sh\n# by headgate\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	run && same_policy
}

stale_lists() {
	machine
	echo 100 >"$dir/update-status"
	run && grep -q 'could not be refreshed' "$dir/out"
}

no_root() {
	machine
	echo 1000 >"$dir/uid"
	run
	rc=$?
	grep -q 'not root; missing: .*meson' "$dir/out" && [ ! -s "$dir/apt.log" ] && return "$rc"
	return 99
}

with_sudo() {
	machine
	echo 1000 >"$dir/uid"
	echo yes >"$dir/sudo"
	run && logged '^sudo' && logged '^install'
}

wrong_word() {
	machine
	run everything
	[ $? -eq 2 ] && [ ! -s "$dir/apt.log" ]
}

plan 17
check 'what is missing is installed, and said' installs
check 'a second run does nothing and says nothing' second_run
check 'on this host too a run with all there is silent and quick' real_run
check 'only what is missing is installed' only_missing
check 'a group is installed by its name' groups
check 'no daemon is started, and no policy is left behind' nothing_started
check 'what was installed is not started at boot; what was there stays' disabled
check 'a policy that refuses is kept' keeps_refusing_policy
check 'a policy that allows is set aside and put back' sets_allowing_policy_aside
check 'it is put back after a failure' fails fail
check 'it is put back after a signal' fails killed
check 'without a policy before there is none after a failure' fails_without_policy
check 'what a killed run left is put right' after_a_kill
check 'lists that cannot be refreshed are not the end' stale_lists
refuse 'without root and sudo it names what is missing' no_root
check 'with sudo it goes on as root' with_sudo
check 'a word it does not know is used wrongly' wrong_word
tap_status
