/* SPDX-License-Identifier: ISC */
/* mix.h - rules and packets of the kinds that networks have, and of kinds that attackers would like
 * them to have; drawn by chance, the same each time.
 */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include <stdbool.h>
#include <stdint.h>

struct rule;

/* A rule as it was drawn, so that a packet can be made to fit. */
struct drawn {
	struct rule *rule;
	uint8_t destination[16], source[16];
	uint8_t destination_length, source_length; /* 0: none */
	uint8_t protocol, flags, icmp, dscp;
	bool fragment, has_dscp;
	uint16_t source_lo, source_hi, destination_lo, destination_hi; /* 0..65535: any */
	uint16_t length_lo, length_hi;
};

enum mix {
	MIX_REAL,            /* an operator's: attacked hosts and networks, amplifiers */
	MIX_ONE_DESTINATION, /* all for one host */
	MIX_SOURCES,         /* a list of sources, and nothing else asked */
	MIX_NO_DESTINATION,  /* ports and lengths, for everyone */
	MIX_NESTED,          /* lengths 1 to 32 of one destination times those of one source */
	MIXES
};

extern const char *const mix_names[MIXES];

/* A number below n, and with this likelihood true. */
uint32_t mix_below(uint32_t n);
bool mix_percent(uint32_t n);
/* A host in one of 16 networks; inside: one of the operator's. */
void mix_address(uint8_t out[16], bool ipv6, bool inside);
void mix_draw(enum mix m, struct drawn *ret, bool ipv6);

#endif
