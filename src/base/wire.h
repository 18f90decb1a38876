/* SPDX-License-Identifier: ISC */
/* wire.h - bounded cursors over octets in network order.
 *
 * A reader never moves past its end.  The first short read makes it fail; from
 * then on it is empty and yields zeros.  So a decoder is written straight down,
 * a `while (rd_left(r))` loop always ends, and one rd_ok() before acting on
 * what was read is enough.  rd_offset() of a failed reader is where it failed.
 *
 * A writer likewise never passes its end: when the octets do not fit it becomes
 * full, drops what follows, and wr_ok() says so once.
 *
 * Neither owns memory.  Both are plain values: copy one to look ahead.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
	const uint8_t *base; /* start of the message; offsets count from here */
	const uint8_t *pos;
	const uint8_t *end;
	bool failed;
};

static inline struct rd rd_over(const void *data, size_t len)
{
	const uint8_t *p = (const uint8_t *)data;
	return (struct rd){ .base = p, .pos = p, .end = len > 0 ? p + len : p, .failed = false };
}

static inline bool rd_ok(const struct rd *r)
{
	return !r->failed;
}

static inline size_t rd_left(const struct rd *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->pos);
}

static inline size_t rd_offset(const struct rd *r)
{
	return (size_t)(r->pos - r->base);
}

/* The next n octets, or NULL and a failed reader. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	if (r->failed || rd_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->pos;
	r->pos += n;
	return p;
}

/* The next n octets as an unsigned number, n <= 8. */
static inline uint64_t rd_uint(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_uint(r, 1);
}
static inline uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)rd_uint(r, 2);
}
static inline uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)rd_uint(r, 4);
}

/* A reader over the next n octets, which r steps over.  If there are fewer,
 * both fail: a length field that lies is the fault of the outer message. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *p = rd_take(r, n);

	if (p == NULL)
		return (struct rd){ .base = r->base, .pos = r->pos, .end = r->pos, .failed = true };
	return (struct rd){ .base = r->base, .pos = p, .end = p + n, .failed = false };
}

struct wr {
	uint8_t *base, *pos, *end;
	bool full;
};

static inline struct wr wr_over(void *data, size_t len)
{
	uint8_t *p = (uint8_t *)data;
	return (struct wr){ .base = p, .pos = p, .end = p + len, .full = false };
}

static inline bool wr_ok(const struct wr *w)
{
	return !w->full;
}

static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->pos - w->base);
}

/* room for n octets to be filled in now, or NULL and a full writer. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	if (w->full || (size_t)(w->end - w->pos) < n) {
		w->full = true;
		return NULL;
	}
	uint8_t *p = w->pos;
	w->pos += n;
	return p;
}

static inline void wr_uint(struct wr *w, size_t n, uint64_t v)
{
	uint8_t *p = wr_room(w, n);

	for (size_t i = n; p != NULL && i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_uint(w, 1, v);
}
static inline void wr_u16(struct wr *w, uint16_t v)
{
	wr_uint(w, 2, v);
}
static inline void wr_u32(struct wr *w, uint32_t v)
{
	wr_uint(w, 4, v);
}

static inline void wr_bytes(struct wr *w, const void *data, size_t n)
{
	uint8_t *p = wr_room(w, n);

	if (p != NULL && n > 0)
		memcpy(p, data, n);
}

/* A length field whose value is known only once its body is written. */
struct wr_hole {
	size_t at;
	uint8_t width;
};

static inline struct wr_hole wr_open(struct wr *w, uint8_t width)
{
	struct wr_hole h = { .at = wr_len(w), .width = width };

	wr_uint(w, width, 0);
	return h;
}

static inline void wr_close(struct wr *w, struct wr_hole h)
{
	if (!wr_ok(w))
		return;
	size_t body = wr_len(w) - h.at - h.width;
	if (h.width < 8 && body >> (8 * h.width) != 0) {
		w->full = true;
		return;
	}
	struct wr back = wr_over(w->base + h.at, h.width);
	wr_uint(&back, h.width, body);
}

#endif
