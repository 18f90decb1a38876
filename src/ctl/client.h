/* SPDX-License-Identifier: ISC */
/* client.h - the other end of the hub's control socket: what every program but the hub uses.
 *
 * A UNIX stream.  A command is one line of text; the answer is any number of JSON lines and one
 * closing line: {"ok":true} or {"ok":false,"error":"...","line":1,"column":7} (line and column
 * only where the fault has a place in the command).  After `subscribe rules` or `monitor` has
 * been answered, events follow for as long as the connection lasts.
 *
 * The feed of `subscribe rules`, for enforcers; nlri is hex with its length octets, ext and ext6
 * the hex of all communities of 8 and of 20 octets, next-hop is left out where there is none:
 *   {"event":"hello","epoch":"5f3a...","settled":false}
 *   {"event":"begin","seq":1,"snapshot":true}
 *   {"event":"rule","seq":1,"op":"add","family":"ipv4-flow","nlri":"...","ext":"...","ext6":"","origin":"192.0.2.1"}
 *   {"event":"commit","seq":1}
 *   {"event":"settled","epoch":"5f3a..."}
 *   {"event":"begin","seq":2,"snapshot":false}
 *   {"event":"rule","seq":2,"op":"remove","family":"ipv4-flow","nlri":"..."}
 *   {"event":"commit","seq":2}
 *   {"event":"verify","id":1,"rules":1204,"digest":"1f0c..."}
 * A snapshot may take its time: of a rule that changes meanwhile there are two lines in it, and the
 * last one counts; it may be a "remove".
 * An epoch is new whenever the hub started anew.  A snapshot holds every rule to enforce; rules
 * that a new epoch's snapshot lacks may be removed only after `settled`.  "op":"add" for an NLRI
 * that is there replaces its actions.  Families: ipv4-flow ipv6-flow ipv4-flow-vpn ipv6-flow-vpn.
 *
 * An enforcer reports on a connection of its own, as often as it likes, any part of its rules:
 *   report {"enforcer":"NAME","rules":[{"family":"ipv4-flow","nlri":"...",
 *     "state":"enforced"|"monitor"|"not-enforced","reason":"...","packets":0,"octets":0}]}
 * and, as a whole and in the place of what it said before, its protected flows:
 *   "protected":[{"name":"ssh","match":"...","default":true,"on":true,"packets":0,"octets":0,
 *     "rules":[{"family":"ipv4-flow","nlri":"...","match":"...","packets":0,"octets":0}]}]
 * and likewise packets that it could not send where their rules redirect or copy them, by reason:
 *   "redirect-failed":{"TTL spent":0,"no route":2}
 * What was asked by `verify` it answers on the same connection, when all that came before is in
 * force; rules is how many rules it was told and digest the sum of ctl_digest of their NLRIs:
 *   verified {"enforcer":"NAME","id":1,"intended":1204,"kernel":1204,"not-enforced":0,
 *     "differences":1,"list":[{"family":"ipv4-flow","nlri":"...","rule":"...","what":"..."}]}
 *   verified {"enforcer":"NAME","id":1,"error":"..."}     it cannot tell
 * The hub forgets the reports of a connection when it closes.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CTL_SOCKET_DEFAULT "/run/headgate/control"
#define CTL_SOCKET_ENV     "HEADGATE_SOCKET"

enum {
	CTL_LINE_MAX = 1024 * 1024 /* octets of a command or of a line of an answer */
};

struct ctl_client;

/* Of an NLRI without its length octets. */
uint64_t ctl_digest(const void *octets, size_t len);

/* path NULL: $HEADGATE_SOCKET, else the default.  NULL with a clear sentence in e when there is
 * no daemon to talk to, or no right to. */
struct ctl_client *ctl_client_open(const char *path, struct err *e);
void ctl_client_free(struct ctl_client *c);
/* For poll(2); ready when ctl_client_line might have something to say. */
int ctl_client_fd(const struct ctl_client *c);
/* Sends one command; line breaks inside are sent as blanks. */
bool ctl_client_send(struct ctl_client *c, const char *command, struct err *e);

enum ctl_got {
	CTL_GOT_LINE,
	CTL_GOT_NOTHING, /* in the time allowed */
	CTL_GOT_CLOSED   /* the hub went away, or e says what else */
};

/* The next line, without its end; borrowed until the next call.  timeout in ms, -1: for ever, 0:
 * only what is there already. */
enum ctl_got ctl_client_line(struct ctl_client *c, int timeout, const char **ret_line,
			     struct err *e);

#endif
