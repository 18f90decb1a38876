#!/bin/sh
# SPDX-License-Identifier: ISC
# The same with 300 times kill -9 of the enforcer.
exec "$HEADGATE_SRC/tests/net/verify_test.sh" 300
