#!/bin/sh
# SPDX-License-Identifier: ISC
# Peers that are wrong in every way we could think of; the daemon and its other sessions live on.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" wrong
in_namespace /usr/bin/python3 "$HEADGATE_SRC/tests/net/wrong_input.py"
