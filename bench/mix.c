/* SPDX-License-Identifier: ISC */
/* mix.c - see mix.h. */
#include "bench/mix.h"

#include <string.h>

/* ---- Chance ---------------------------------------------------------------------------- */

static uint64_t chance = 88172645463325252;

uint32_t mix_below(uint32_t n)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return (uint32_t)(chance >> 32) % n;
}

bool mix_percent(uint32_t n)
{
	return mix_below(100) < n;
}

/* ---- Rules ------------------------------------------------------------------------------ */

static const uint16_t amplifiers[] = { 19, 53, 123, 161, 389, 1900, 11211, 17, 69, 137, 520, 3702 };
static const uint16_t services[] = { 22, 25, 53, 80, 443, 8080, 3389, 27015, 25565, 3074 };

static uint16_t amplifier(void)
{
	return amplifiers[mix_below(sizeof(amplifiers) / sizeof(amplifiers[0]))];
}

static uint16_t service(void)
{
	return services[mix_below(sizeof(services) / sizeof(services[0]))];
}

void mix_address(uint8_t out[16], bool ipv6, bool inside)
{
	static const uint8_t ipv6_base[4] = { 0x20, 0x01, 0x0d, 0xb8 };

	for (int i = 0; i < 16; i++)
		out[i] = (uint8_t)mix_below(256);
	if (!ipv6) {
		out[0] = inside ? 100 : 200;
		out[1] = inside ? (uint8_t)(64 + mix_below(16)) : out[1];
		return;
	}
	memcpy(out, ipv6_base, 4);
	out[4] = inside ? (uint8_t)(0x10 + mix_below(16)) : (uint8_t)(0x80 | out[4]);
	out[6] = out[7] = 0;
	memset(out + 8, 0, 6);
}

static void draw_rest(struct drawn *d)
{
	uint32_t p = mix_below(100);

	d->protocol = 17;
	if (p < 35) {
		d->source_lo = d->source_hi = amplifier();
	} else if (p < 50) {
		d->destination_lo = d->destination_hi = service();
	} else if (p < 60) {
		d->destination_lo = (uint16_t)mix_below(60000);
		d->destination_hi = (uint16_t)(d->destination_lo + 1 + mix_below(5000));
	} else if (p < 78) {
		d->protocol = 6;
		d->flags = p < 72 ? 2 : 0;
		d->destination_lo = d->destination_hi = service();
	} else if (p < 84) {
		d->source_lo = d->source_hi = amplifier();
		d->length_lo = (uint16_t)(400 + mix_below(800));
		d->length_hi = (uint16_t)(d->length_lo + mix_below(200));
	} else if (p < 88) {
		d->protocol = 1;
		d->icmp = 8;
	} else if (p < 91) {
		d->fragment = true;
	} else if (p < 95) {
		d->protocol = 47;
	} else if (p < 97) {
		d->source_lo = 1024;
		d->destination_lo = d->destination_hi = service();
		d->has_dscp = true;
		d->dscp = (uint8_t)mix_below(64);
	}
}

static void draw_without_destination(struct drawn *d, bool ipv6)
{
	if (mix_percent(10)) {
		mix_address(d->source, ipv6, false);
		d->source_length = ipv6 ? 48 : 24;
		return;
	}
	d->protocol = 17;
	if (mix_percent(10))
		d->destination_lo = d->destination_hi = (uint16_t)mix_below(65536);
	else
		d->source_lo = d->source_hi =
			mix_percent(50) ? amplifier() : (uint16_t)mix_below(65536);
	d->length_lo = (uint16_t)(100 + mix_below(1200));
	d->length_hi = (uint16_t)(d->length_lo + mix_below(200));
}

static void draw_prefixes(struct drawn *d, bool ipv6, uint8_t victims[3][16])
{
	unsigned host = ipv6 ? 128 : 32, net = ipv6 ? 64 : 24;
	uint32_t p = mix_below(95);

	mix_address(d->destination, ipv6, true);
	if (p < 70) {
		uint8_t *victim = victims[mix_below(3)];

		d->destination_length = (uint8_t)host;
		memcpy(mix_percent(50) ? d->destination : victim,
		       mix_percent(50) ? victim : d->destination, 16);
	} else if (p < 88) {
		d->destination_length = (uint8_t)net;
	} else if (p < 90) {
		d->destination_length = (uint8_t)(ipv6 ? 40 + mix_below(88) : 16 + mix_below(16));
	} else {
		d->destination_length = (uint8_t)(mix_percent(50) ? host : net);
		mix_address(d->source, ipv6, false);
		d->source_length = (uint8_t)(mix_percent(66) ? host : ipv6 ? 48 : 24);
	}
}

static void draw_real(struct drawn *d, bool ipv6)
{
	static uint8_t victims[3][16];

	if (mix_percent(5)) {
		draw_without_destination(d, ipv6);
		return;
	}
	draw_prefixes(d, ipv6, victims);
	if (d->source_length == 0 || mix_percent(50))
		draw_rest(d);
	if (ipv6 && d->protocol == 1) {
		d->protocol = 58;
		d->icmp = 128;
	}
}

/* Half of them ask for a source port as well, a third for a length. */
static void draw_one_destination(struct drawn *d, bool ipv6)
{
	static uint8_t victim[2][16];

	if (victim[ipv6][0] == 0)
		mix_address(victim[ipv6], ipv6, true);
	memcpy(d->destination, victim[ipv6], 16);
	d->destination_length = ipv6 ? 128 : 32;
	d->protocol = mix_percent(50) ? 6 : 17;
	d->destination_lo = (uint16_t)mix_below(65000);
	d->destination_hi = (uint16_t)(d->destination_lo + (mix_percent(50) ? mix_below(500) : 0));
	if (mix_percent(50))
		d->source_lo = d->source_hi = (uint16_t)mix_below(65536);
	if (mix_percent(33)) {
		d->length_lo = (uint16_t)(100 + mix_below(1200));
		d->length_hi = (uint16_t)(d->length_lo + mix_below(200));
	}
}

static void draw_source(struct drawn *d, bool ipv6)
{
	mix_address(d->source, ipv6, false);
	d->source_length = mix_percent(75) ? (ipv6 ? 128 : 32) : (ipv6 ? 48 : 24);
}

static void draw_no_destination(struct drawn *d, bool ipv6)
{
	(void)ipv6;
	d->protocol = 17;
	if (mix_percent(87))
		d->source_lo = d->source_hi = (uint16_t)mix_below(65536);
	else
		d->destination_lo = d->destination_hi = (uint16_t)mix_below(65536);
	d->length_lo = (uint16_t)(100 + mix_below(1200));
	d->length_hi = (uint16_t)(d->length_lo + mix_below(200));
}

static void draw_nested(struct drawn *d, bool ipv6)
{
	static uint8_t to[2][16], from[2][16];

	if (to[ipv6][0] == 0) {
		mix_address(to[ipv6], ipv6, true);
		mix_address(from[ipv6], ipv6, false);
	}
	memcpy(d->destination, to[ipv6], 16);
	memcpy(d->source, from[ipv6], 16);
	d->destination_length = (uint8_t)(1 + mix_below(32));
	d->source_length = (uint8_t)(1 + mix_below(32));
	d->protocol = 17;
	d->destination_lo = d->destination_hi = (uint16_t)mix_below(65536);
}

static void (*const draws[MIXES])(struct drawn *d, bool ipv6) = {
	[MIX_REAL] = draw_real,      [MIX_ONE_DESTINATION] = draw_one_destination,
	[MIX_SOURCES] = draw_source, [MIX_NO_DESTINATION] = draw_no_destination,
	[MIX_NESTED] = draw_nested,
};

const char *const mix_names[MIXES] = {
	[MIX_REAL] = "an operator's rules",
	[MIX_ONE_DESTINATION] = "all for one destination",
	[MIX_SOURCES] = "a list of sources",
	[MIX_NO_DESTINATION] = "none with a destination",
	[MIX_NESTED] = "nested prefixes on both sides",
};

void mix_draw(enum mix m, struct drawn *ret, bool ipv6)
{
	memset(ret, 0, sizeof(*ret));
	ret->source_hi = ret->destination_hi = ret->length_hi = 65535;
	draws[m](ret, ipv6);
}
