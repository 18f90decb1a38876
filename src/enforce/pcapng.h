/* SPDX-License-Identifier: ISC */
/* pcapng.h - blocks of a pcapng file (draft-ietf-opsawg-pcapng), as octets.  No I/O.
 *
 * A file is sections, one behind the other; a section is its header, then interfaces and packets,
 * an interface before its packets.
 */
#ifndef ENFORCE_PCAPNG_H
#define ENFORCE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/wire.h"

enum {
	PCAPNG_COMMENT_MAX = 4096, /* octets of a comment that are written */
	PCAPNG_BLOCK_MAX = 8192    /* room for any block, with up to 2,048 octets of a packet */
};

struct pcapng_packet {
	uint32_t interface; /* the how manyth of its section, from 0 */
	uint64_t time;      /* ns since 1970 */
	const uint8_t *octets;
	uint32_t captured, length; /* of the octets there are, of the packet */
	const char *comment;
};

void pcapng_section(struct wr *w, const char *program);
/* An Ethernet interface of whose packets at most so many octets are written. */
void pcapng_interface(struct wr *w, const char *name, uint32_t captured_max);
void pcapng_packet(struct wr *w, const struct pcapng_packet *p);
/* Do these octets begin a section?  There are 4. */
bool pcapng_is_section(const uint8_t *octets);

#endif
