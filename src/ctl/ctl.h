/* SPDX-License-Identifier: ISC */
/* ctl.h - the hub: what headgated is once its file is read, and its control socket.
 *
 *   hub.c      neighbors and rules from the file into speaker and RIB; reload; settled
 *   server.c   the socket: lines in, lines out, who is on the other end
 *   verbs.c    the verb table: what may be said, and what it does
 *   show.c     neighbors, rules and routes as JSON
 *   feed.c     subscribers: snapshots, changes, epochs
 *   prune.c    what goes in slices: a withdrawal of all rules, those of a session that fell
 *   reports.c  what enforcers say of their rules
 *   client.h   the other end, for every other program; the language of the socket is described
 * there online.c   the CLI's verbs that need a daemon; offline.c those that do not
 *
 * The hub logs; everything below it is silent.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

struct uv_loop_s;
struct hub;

enum {
	HUB_LISTEN_MAX = 16,
	/* How long a hub that starts waits for its neighbors' End-of-RIB before it says `settled`
	 * (RFC 4724 4.1, the deferral timer), in seconds. */
	HUB_DEFERRAL = 120
};

struct hub_options {
	const char *file;   /* the configuration */
	const char *socket; /* NULL: the file's, else the default */
	uint16_t bgp_port;
	struct addr listen[HUB_LISTEN_MAX]; /* besides what passive neighbors ask for */
	unsigned listen_count;
};

/* Reads the file, opens the control socket, starts the sessions.  NULL, with e filled and
 * everything undone, when the file is wrong or the socket is not to be had. */
struct hub *hub_new(struct uv_loop_s *loop, const struct hub_options *o, struct err *e);
/* Reads the file again and goes the fewest steps from the running configuration to the new one; on
 * false nothing has changed. */
bool hub_reload(struct hub *h, struct err *e);
/* Tells all neighbors (Cease/administrative shutdown), closes the socket; then the loop runs empty.
 */
void hub_stop(struct hub *h);
/* After the loop has run empty. */
void hub_free(struct hub *h);

#endif
