#!/bin/sh
# SPDX-License-Identifier: ISC
# GoBGP at the other end of a session: rules go there and come back.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" gobgp
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/interop/gobgp_cases.py"
