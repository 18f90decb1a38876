# SPDX-License-Identifier: ISC
"""One real TCP connect: from a given source address or out of a given device, with a time limit.

Prints what happened (connected / timed out / an error) and exits 0 when it is what was expected.
The listener's first line is its node's name; with --name it must be this one."""

import argparse
import socket
import sys
import time


def attempt(args):
    """Returns (what happened, seconds, name of who answered)."""
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    started = time.monotonic()
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(args.timeout)
        if args.device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.device.encode())
        try:
            if args.source:
                sock.bind((args.source, 0))
            sock.connect((args.host, args.port))
            took = time.monotonic() - started
            return "connected", took, sock.makefile().readline().strip()
        except TimeoutError:
            return "timed out", time.monotonic() - started, ""
        except OSError as error:
            return error.strerror, time.monotonic() - started, ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--expect", choices=["connected", "timed out", "Connection refused"], default="connected")
    parser.add_argument("--source")
    parser.add_argument("--device")
    parser.add_argument("--name")
    parser.add_argument("--timeout", type=float, default=2.0)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    args = parser.parse_args()

    result, took, name = attempt(args)
    if result == "connected":
        print(f"connected to {name or 'nobody'} in {took * 1000:.1f} ms")
    else:
        print(f"{result} after {took:.1f} s")
    right_name = not args.name or result != "connected" or name == args.name
    return 0 if result == args.expect and right_name else 1


sys.exit(main())
