#!/bin/sh
# SPDX-License-Identifier: ISC
# BIRD at the other end of a session: rules go there and come back.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" bird
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/interop/bird_cases.py"
