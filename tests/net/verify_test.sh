#!/bin/sh
# SPDX-License-Identifier: ISC
# `headgate verify`: the rules in the kernel against the hub's, whole, damaged, and after kill -9.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" verify
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/net/verify_cases.py" "$@"
