/* SPDX-License-Identifier: ISC */
/* interfere.c - actions of one rule that get into each other's way: RFC 8955 7.7.
 *
 * Two communities of a kind interfere when they differ in what they ask for: the same one twice
 * does not.  A rate of 0 leaves nothing to redirect, mark or limit.  Which of them counts here is
 * said beside struct flow_actions.
 */
#include "flow/flow.h"

enum kind {
	RATE_BYTES,
	RATE_PACKETS,
	REDIRECT,
	MARK,
	ACTION,
	KINDS
};

/* What of a community's octets says what it asks for: a rate's AS number, reserved bits and the
 * unused bits of the traffic action do not. */
static const struct {
	uint16_t code;
	uint8_t octets, kind;
	uint8_t from; /* the first octet that counts */
	uint8_t last; /* mask of the last octet */
} rows[] = {
	{ 0x8006, 8, RATE_BYTES, 4, 0xff }, { 0x800c, 8, RATE_PACKETS, 4, 0xff },
	{ 0x8007, 8, ACTION, 7, 0x03 },     { 0x8008, 8, REDIRECT, 0, 0xff },
	{ 0x8108, 8, REDIRECT, 0, 0xff },   { 0x8208, 8, REDIRECT, 0, 0xff },
	{ 0x000d, 20, REDIRECT, 0, 0xff },  { 0x8009, 8, MARK, 7, 0x3f },
	{ 0x0800, 8, REDIRECT, 0, 0xff },   { 0x010c, 8, REDIRECT, 0, 0xff },
	{ 0x000c, 20, REDIRECT, 0, 0xff },
};

struct seen {
	size_t len; /* 0: none yet */
	uint8_t octets[20];
};

static const unsigned differ[KINDS] = {
	[RATE_BYTES] = FLOW_RATES_BYTES, [RATE_PACKETS] = FLOW_RATES_PACKETS,
	[REDIRECT] = FLOW_REDIRECTS,     [MARK] = FLOW_MARKS,
	[ACTION] = FLOW_ACTION_BITS,
};

/* Negative rates and minus zero are zero (7.1). */
static bool is_zero_rate(const uint8_t octets[4])
{
	static const uint8_t zero[4] = { 0 };
	bool nan = (octets[0] & 0x7f) == 0x7f && octets[1] > 0x80;

	return memcmp(octets, zero, 4) == 0 || (octets[0] & 0x80 && !nan);
}

static unsigned see(struct seen seen[KINDS], bool rates[2], const uint8_t *octets, size_t len)
{
	unsigned code = (unsigned)octets[0] << 8 | octets[1];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen now = { .len = len };

		if (rows[i].code != code || rows[i].octets != len)
			continue;
		struct seen *s = &seen[rows[i].kind];

		memcpy(now.octets + rows[i].from, octets + rows[i].from, len - rows[i].from);
		now.octets[len - 1] &= rows[i].last;
		if (rows[i].kind <= RATE_PACKETS) {
			bool zero = is_zero_rate(octets + 4);

			rates[zero] = true;
			if (zero)
				memset(now.octets, 0, sizeof(now.octets));
		}
		if (s->len == 0)
			*s = now;
		return s->len != now.len || memcmp(s->octets, now.octets, sizeof(now.octets)) != 0
			       ? differ[rows[i].kind]
			       : 0;
	}
	return 0;
}

unsigned flow_interferences(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6)
{
	struct seen seen[KINDS];
	bool rates[2] = { false, false }; /* one that lets something through, one that does not */
	unsigned ret = 0;

	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < n; i++)
		ret |= see(seen, rates, ext + 8 * i, 8);
	for (size_t i = 0; i < n6; i++)
		ret |= see(seen, rates, ext6 + 20 * i, 20);
	if (rates[1] && (rates[0] || seen[REDIRECT].len > 0 || seen[MARK].len > 0))
		ret |= FLOW_DROP_AND_MORE;
	return ret;
}

const char *flow_interference_text(unsigned which)
{
	static const char *const texts[FLOW_INTERFERENCES] = {
		"two different rates in octets", "two different rates in packets",
		"redirects to different places", "two different marks",
		"two different traffic actions", "a drop beside another action on the same packets",
	};

	for (unsigned i = 0; i < FLOW_INTERFERENCES; i++)
		if (which >> i & 1)
			return texts[i];
	return "";
}
