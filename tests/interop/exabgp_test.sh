#!/bin/sh
# SPDX-License-Identifier: ISC
# ExaBGP at the other end of a session: rules go there and come back.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" exabgp
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/interop/exabgp_cases.py"
