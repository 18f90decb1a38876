/* SPDX-License-Identifier: ISC */
/* pcapng.c - see pcapng.h.  A section says in which order its octets are; ours are in network
 * order.
 */
#include "enforce/pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a, /* the same in either order */
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6, /* enhanced */
	ORDER = 0x1a2b3c4d,
	LINK_ETHERNET = 1,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_INTERFACE_NAME = 2,
	OPTION_SECTION_PROGRAM = 4,
	OPTION_INTERFACE_RESOLUTION = 9,
	NANOSECONDS = 9
};

struct block {
	size_t start;
	uint8_t *length;
};

static void padded(struct wr *w, const void *data, size_t n)
{
	static const uint8_t zeros[3] = { 0 };

	wr_bytes(w, data, n);
	wr_bytes(w, zeros, -n & 3);
}

static void option(struct wr *w, uint16_t code, const void *data, size_t n)
{
	wr_u16(w, code);
	wr_u16(w, (uint16_t)n);
	padded(w, data, n);
}

static struct block block_open(struct wr *w, uint32_t type)
{
	struct block b = { .start = wr_len(w) };

	wr_u32(w, type);
	b.length = wr_room(w, 4);
	return b;
}

/* Its length stands at both ends. */
static void block_close(struct wr *w, struct block b)
{
	uint32_t length = (uint32_t)(wr_len(w) - b.start) + 4;
	struct wr at;

	wr_u32(w, length);
	if (b.length == NULL)
		return;
	at = wr_over(b.length, 4);
	wr_u32(&at, length);
}

void pcapng_section(struct wr *w, const char *program)
{
	struct block b = block_open(w, BLOCK_SECTION);

	wr_u32(w, ORDER);
	wr_u16(w, 1); /* version 1.0 */
	wr_u16(w, 0);
	wr_uint(w, 8, UINT64_MAX); /* its length: not known yet */
	option(w, OPTION_SECTION_PROGRAM, program, strlen(program));
	wr_u32(w, OPTION_END);
	block_close(w, b);
}

void pcapng_interface(struct wr *w, const char *name, uint32_t captured_max)
{
	static const uint8_t resolution = NANOSECONDS;
	struct block b = block_open(w, BLOCK_INTERFACE);

	wr_u16(w, LINK_ETHERNET);
	wr_u16(w, 0);
	wr_u32(w, captured_max);
	option(w, OPTION_INTERFACE_NAME, name, strlen(name));
	option(w, OPTION_INTERFACE_RESOLUTION, &resolution, 1);
	wr_u32(w, OPTION_END);
	block_close(w, b);
}

void pcapng_packet(struct wr *w, const struct pcapng_packet *p)
{
	struct block b = block_open(w, BLOCK_PACKET);

	wr_u32(w, p->interface);
	wr_uint(w, 8, p->time);
	wr_u32(w, p->captured);
	wr_u32(w, p->length);
	padded(w, p->octets, p->captured);
	option(w, OPTION_COMMENT, p->comment, strnlen(p->comment, PCAPNG_COMMENT_MAX));
	wr_u32(w, OPTION_END);
	block_close(w, b);
}

bool pcapng_is_section(const uint8_t *octets)
{
	struct rd r = rd_over(octets, 4);

	return rd_u32(&r) == BLOCK_SECTION;
}
