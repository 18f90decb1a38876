#!/bin/sh
# SPDX-License-Identifier: ISC
# Rules of a VPN on a router with two VRFs and a global table, which all have the same addresses.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" vrf
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/net/vrf_cases.py" "$namespace"
