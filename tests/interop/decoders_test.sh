#!/bin/sh
# SPDX-License-Identifier: ISC
# Thousands of our rules through the decoders of ExaBGP, GoBGP, tshark and BIRD.
. "$HEADGATE_SRC/tests/net/in_namespace.sh" decoders
in_namespace /usr/bin/python3 -B "$HEADGATE_SRC/tests/interop/decoders.py"
