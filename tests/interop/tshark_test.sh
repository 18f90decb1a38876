#!/bin/sh
# SPDX-License-Identifier: ISC
# tshark reads what the hub sends: no complaint, the same values.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" tshark
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/interop/tshark_cases.py"
