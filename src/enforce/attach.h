/* SPDX-License-Identifier: ISC */
/* attach.h - the program on the interfaces. */
#ifndef ENFORCE_ATTACH_H
#define ENFORCE_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "enforce/enforce.h"
#include "enforce/pins.h"

struct xdp;

struct attached {
	unsigned ifindex;
	char name[16];
	enum enforce_attach mode; /* never auto */
	int link;                 /* -1 at tc */
};

enum {
	REFUSALS_MAX = 64 /* remembered; of more, some are told again */
};

/* Interfaces that could not be had when they were last looked at. */
struct refusals {
	size_t count;
	unsigned ifindex[REFUSALS_MAX];
};

struct attach {
	const struct enforce_options *options; /* borrowed */
	const struct pins *pins;               /* borrowed */
	struct xdp *xdp;                       /* borrowed */
	const struct groups *groups;           /* borrowed */
	const uint8_t *vrf;                    /* by VRF of the options, its number; borrowed */
	int program;
	size_t count;
	struct attached at[ENFORCE_INTERFACES_MAX];
	struct refusals refused;
	char said[160]; /* what failed last about senders */
};

/* Takes over the links that are pinned and the filters that are there, drops those on interfaces
 * that are not named any more or where another mode is asked for, and attaches to what is missing.
 * A name or pattern that fits no interface is an error here.  On failure what was attached newly is
 * undone; what was there before stays as it is. */
bool attach_start(struct attach *a, struct err *e);
/* Looks again: interfaces that went away are forgotten, new ones that fit are attached to. */
void attach_refresh(struct attach *a);
/* The program that sends on all of them, or on none.  What cannot be had is in attach's log, and
 * the XDP program drops there what it would send. */
void attach_senders(struct attach *a, bool wanted);
/* Looks where the program is and what the kernel's maps say of each interface that we are attached
 * to, and calls differs with what is not so, in words. */
void attach_verify(const struct attach *a, void (*differs)(void *ctx, const char *what), void *ctx);
/* Closes what was opened; the pins keep the program where it is. */
void attach_done(struct attach *a);

#endif
