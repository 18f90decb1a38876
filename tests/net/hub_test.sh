#!/bin/sh
# SPDX-License-Identifier: ISC
# The hub with scripted neighbors: announce, replace, withdraw, reload, reflect, leave.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" hub
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/net/hub_cases.py"
