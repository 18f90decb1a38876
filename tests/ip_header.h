/* SPDX-License-Identifier: ISC */
/* ip_header.h - what a test reads of an IP header and writes into it. */
#ifndef TESTS_IP_HEADER_H
#define TESTS_IP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void put_u16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* The sum of a header's 16-bit words, 1 to 65535; 65535 when its checksum is right. */
static inline uint32_t header_sum(const uint8_t *ip)
{
	size_t len = (ip[0] & 0x0fu) * 4u;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void put_dscp(uint8_t *ip, uint8_t dscp)
{
	if (ip[0] >> 4 == 4) {
		ip[1] = (uint8_t)((ip[1] & 3) | dscp << 2);
		return;
	}
	ip[0] = (uint8_t)((ip[0] & 0xf0) | dscp >> 2);
	ip[1] = (uint8_t)((ip[1] & 0x3f) | (dscp & 3) << 6);
}

/* Is what came out of a packet what went in, but for this mark?  dscp -1: none.  A checksum that
 * was wrong stays as wrong as it was. */
static inline bool only_marked(const uint8_t *in, const uint8_t *out, size_t len, int dscp)
{
	uint8_t wanted[2048];

	assert_true(len <= sizeof(wanted));
	memcpy(wanted, in, len);
	if (dscp >= 0) {
		put_dscp(wanted, (uint8_t)dscp);
		if (in[0] >> 4 == 4) {
			if (header_sum(out) != header_sum(in))
				return false;
			memcpy(wanted + 10, out + 10, 2);
		}
	}
	return memcmp(out, wanted, len) == 0;
}

#endif
