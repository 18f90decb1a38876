/* SPDX-License-Identifier: ISC */
/* samples.h - headers of packets that the program samples (RFC 8955 7.3, bit 46), into a pcapng
 * file.
 */
#ifndef ENFORCE_SAMPLES_H
#define ENFORCE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ring_buffer;
struct xdp;

enum {
	SAMPLES_FILE_MAX = 64 << 20, /* octets of a regular file; then nothing more is written */
	SAMPLES_INTERFACES = 128     /* of a section; one more begins another section */
};

struct samples {
	struct xdp *xdp; /* borrowed */
	const char *path;
	int file; /* -1: samples are only counted */
	struct ring_buffer *ring;
	uint64_t room;  /* octets that may still be written */
	uint64_t taken; /* read from the program, whether written or not */
	uint64_t written;
	uint64_t offset; /* of the clock on the wall to the program's, ns */
	size_t interface_count;
	unsigned interface[SAMPLES_INTERFACES];
};

/* path NULL: they are counted and thrown away.  A file that is there goes on, if it is one of ours
 * or another pcapng file. */
bool samples_open(struct samples *s, struct xdp *x, const char *path, struct err *e);
/* What has come since; before the rules change, so that each is told by its rule. */
void samples_read(struct samples *s);
void samples_close(struct samples *s);

#endif
