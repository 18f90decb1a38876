/* SPDX-License-Identifier: ISC */
/* aspath.c - AS paths as kept: segments {type, count, 4-octet AS numbers}, checked when they were
 * read.
 *
 * RFC 4271 4.3 and 9.1.2.2, RFC 5065 for the confederation segments, RFC 6793.
 */
#include "bgp/aspath.h"

struct rd as_path_reader(const struct bgp_octets *path)
{
	return rd_over(path->at, path->len);
}

bool as_segment_next(struct rd *r, size_t width, struct as_segment *ret)
{
	if (rd_left(r) == 0)
		return false;
	ret->type = rd_u8(r);
	ret->count = rd_u8(r);
	ret->numbers = rd_sub(r, ret->count * width);
	return rd_ok(r);
}

/* What a segment counts, RFC 4271 9.1.2.2, RFC 5065 5.3. */
static unsigned segment_length(const struct as_segment *s)
{
	switch (s->type) {
	case AS_SEQUENCE:
		return s->count;
	case AS_SET:
		return 1;
	}
	return 0;
}

unsigned as_path_count(struct bgp_octets path)
{
	struct rd r = as_path_reader(&path);
	struct as_segment s;
	unsigned n = 0;

	while (as_segment_next(&r, AS_WIDTH, &s))
		n += segment_length(&s);
	return n;
}

unsigned bgp_as_path_length(const struct bgp_attrs *a)
{
	return as_path_count(a->as_path);
}

bool bgp_as_path_has(const struct bgp_attrs *a, uint32_t as)
{
	struct rd r = as_path_reader(&a->as_path);
	struct as_segment s;

	while (as_segment_next(&r, AS_WIDTH, &s))
		while (rd_left(&s.numbers) > 0)
			if (rd_u32(&s.numbers) == as)
				return true;
	return false;
}

/* Confederation segments in front are passed over: they name no neighbor AS. */
uint32_t bgp_as_path_first(const struct bgp_attrs *a)
{
	struct rd r = as_path_reader(&a->as_path);
	struct as_segment s;

	while (as_segment_next(&r, AS_WIDTH, &s)) {
		if (s.type == AS_SEQUENCE)
			return rd_u32(&s.numbers);
		if (s.type == AS_SET)
			return 0;
	}
	return 0;
}

uint32_t bgp_as_path_origin(const struct bgp_attrs *a)
{
	struct rd r = as_path_reader(&a->as_path);
	struct as_segment s;
	uint32_t as = 0;

	while (as_segment_next(&r, AS_WIDTH, &s))
		while (s.type == AS_SEQUENCE && rd_left(&s.numbers) > 0)
			as = rd_u32(&s.numbers);
	return as;
}

void bgp_as_path_print(const struct bgp_attrs *a, struct str *out)
{
	/* clang-format off */
	static const char *const marks[][2] = {
		[AS_SET] = { "{", "}" }, [AS_SEQUENCE] = { "", "" },
		[AS_CONFED_SEQUENCE] = { "(", ")" }, [AS_CONFED_SET] = { "[", "]" },
	};
	/* clang-format on */
	struct rd r = as_path_reader(&a->as_path);
	struct as_segment s;
	const char *gap = "";

	while (as_segment_next(&r, AS_WIDTH, &s)) {
		if (s.type < AS_SET || s.type > AS_CONFED_SET)
			continue;
		str_addf(out, "%s%s", gap, marks[s.type][0]);
		for (gap = ""; rd_left(&s.numbers) > 0; gap = " ")
			str_addf(out, "%s%u", gap, rd_u32(&s.numbers));
		str_add(out, marks[s.type][1]);
	}
}

/* RFC 4271 5.1.2: into the first segment if that is a sequence with room, else into a new one. */
void bgp_as_path_prepend(const struct bgp_attrs *a, uint32_t as, struct wr *w)
{
	struct rd r = as_path_reader(&a->as_path), rest = r;
	struct as_segment s;
	bool joins =
		as_segment_next(&r, AS_WIDTH, &s) && s.type == AS_SEQUENCE && s.count < UINT8_MAX;

	wr_u8(w, AS_SEQUENCE);
	wr_u8(w, joins ? (uint8_t)(s.count + 1) : 1);
	wr_u32(w, as);
	if (joins)
		rd_take(&rest, 2);
	wr_bytes(w, rest.pos, rd_left(&rest));
}

/* ---- Between the two widths, RFC 6793 --------------------------------------------------- */

bool as_path_widen(struct rd r, size_t width, bool confed, struct wr *w)
{
	struct as_segment s;

	while (rd_left(&r) > 0) {
		if (!as_segment_next(&r, width, &s) || s.count == 0 || s.type < AS_SET ||
		    s.type > (confed ? AS_CONFED_SET : AS_SEQUENCE))
			return false;
		wr_u8(w, s.type);
		wr_u8(w, s.count);
		while (rd_left(&s.numbers) > 0) {
			uint32_t as = (uint32_t)rd_uint(&s.numbers, width);

			if (as == 0) /* RFC 7607 2 */
				return false;
			wr_u32(w, as);
		}
	}
	return rd_ok(&r) && wr_ok(w);
}

bool as_path_narrow(struct bgp_octets path, struct wr *w)
{
	struct rd r = as_path_reader(&path);
	struct as_segment s;
	bool lossy = false;

	while (as_segment_next(&r, AS_WIDTH, &s)) {
		wr_u8(w, s.type);
		wr_u8(w, s.count);
		while (rd_left(&s.numbers) > 0) {
			uint32_t as = rd_u32(&s.numbers);

			lossy |= as > UINT16_MAX;
			wr_u16(w, as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)as);
		}
	}
	return lossy;
}

void as_path_without_confed(struct bgp_octets path, struct wr *w)
{
	struct rd r = as_path_reader(&path);
	struct as_segment s;

	while (as_segment_next(&r, AS_WIDTH, &s)) {
		if (s.type != AS_SET && s.type != AS_SEQUENCE)
			continue;
		wr_u8(w, s.type);
		wr_u8(w, s.count);
		wr_bytes(w, s.numbers.pos, rd_left(&s.numbers));
	}
}

void as_path_merge(struct bgp_octets path, struct bgp_octets path4, struct wr *w)
{
	struct rd r = as_path_reader(&path);
	struct as_segment s;
	unsigned have = as_path_count(path), have4 = as_path_count(path4);

	if (have4 == 0 || have < have4) {
		wr_bytes(w, path.at, path.len);
		return;
	}
	/* As many numbers of the front as the longer path has more.  A confederation segment, which
	 * counts nothing, goes along when it stands before or between those. */
	unsigned lead = have - have4;
	while (as_segment_next(&r, AS_WIDTH, &s)) {
		unsigned n = segment_length(&s);

		if (lead == 0 && n > 0)
			break;
		uint8_t keep = s.type == AS_SEQUENCE && n > lead ? (uint8_t)lead : s.count;
		wr_u8(w, s.type);
		wr_u8(w, keep);
		wr_bytes(w, s.numbers.pos, (size_t)keep * AS_WIDTH);
		lead -= n < lead ? n : lead;
	}
	wr_bytes(w, path4.at, path4.len);
}
