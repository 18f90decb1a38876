# SPDX-License-Identifier: ISC
# A network of the test's own:  . "$HEADGATE_SRC/tests/net/in_namespace.sh" NAME; in_namespace COMMAND...
# One namespace with its loopback up: any address of 127.0.0.0/8, and fd00::1 to fd00::4, can be a neighbor's.
namespace=hgt-$1-$$
namespace_end() { ip netns delete "$namespace" 2>/dev/null; }
trap namespace_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ip netns add "$namespace" || exit 1
ip -n "$namespace" link set lo up
for n in 1 2 3 4; do ip -n "$namespace" address add "fd00::$n/128" dev lo nodad; done
in_namespace() { ip netns exec "$namespace" "$@"; }
