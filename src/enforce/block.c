/* SPDX-License-Identifier: ISC */
/* block.c - see block.h.
 *
 * A block is never changed, but for the word that leads to the next one.  A change of a list builds
 * anew what lies between the blocks that stay at its beginning and those that stay at its end.
 *
 * A block's rows are made lane by lane, sweeping over the values: where a record's range begins or
 * ends the row changes.  Equal rows are kept once; a page in which nothing changes is kept once.
 */
#include "enforce/block.h"

#include <stdlib.h>
#include <string.h>

enum {
	BUILT = 480,     /* records that a block of many is built with */
	SMALL = 160,     /* with fewer a neighbour is taken in */
	PAGES = 258,     /* that packets' values are in: 0..66047 */
	TOP_PAGES = 2,   /* that the first level takes */
	ROWS_MAX = 4096, /* of a block */
	HASHED = 2 * ROWS_MAX,
	EDGE_BITS = 9, /* of a digit; two of them hold a lane's value */
	EDGE_DIGITS = 2,
	EDGE_MASK = (1 << EDGE_BITS) - 1
};

struct edge {
	uint32_t at;
	uint16_t record;
};

/* A block in the making. */
struct draft {
	struct blocks *b;
	const struct xdp_record *record;
	uint32_t count, rows;
	struct xdp_block block;
	struct block_sizes sizes;
	uint64_t row[ROWS_MAX][XDP_BLOCK_WORDS];
	uint16_t page[TOP_PAGES + PAGES][XDP_PAGE];
	uint32_t pages;
	struct edge edge[2 * XDP_BLOCK_RECORDS];
	uint32_t edges;
};

bool blocks_init(struct blocks *b, struct xdp_tables *t, struct space *records)
{
	b->t = t;
	b->records = records;
	b->hashed = calloc(HASHED, sizeof(*b->hashed));
	/* Row 0 of all: a lane that is not there rules nothing out. */
	memset(t->row, 0xff, XDP_ROW_WORDS * sizeof(t->row[0]));
	return space_init(&b->blocks, XDP_BLOCKS) && space_init(&b->rows, XDP_ROWS) &&
	       space_init(&b->values, XDP_VALUES) && b->hashed != NULL;
}

void blocks_done(struct blocks *b)
{
	free(b->hashed);
	space_done(&b->blocks);
	space_done(&b->rows);
	space_done(&b->values);
}

void blocks_grace(struct blocks *b)
{
	space_grace(&b->blocks);
	space_grace(&b->rows);
	space_grace(&b->values);
}

/* ---- Rows ------------------------------------------------------------------------------- */

static uint32_t row_hash(const uint64_t row[XDP_BLOCK_WORDS])
{
	uint64_t h = 0;

	for (int i = 0; i < XDP_BLOCK_WORDS; i++)
		h = (h ^ row[i]) * 0x9e3779b97f4a7c15 + (h >> 29);
	return (uint32_t)(h >> 32) % HASHED;
}

/* The row's number in the block; ROWS_MAX: too many. */
static uint32_t row_number(struct draft *d, const uint64_t row[XDP_BLOCK_WORDS])
{
	uint32_t at = row_hash(row), number;

	while ((number = d->b->hashed[at]) != 0) {
		if (memcmp(d->row[number - 1], row, sizeof(d->row[0])) == 0)
			return number - 1;
		at = (at + 1) % HASHED;
	}
	if (d->rows == ROWS_MAX)
		return ROWS_MAX;
	memcpy(d->row[d->rows], row, sizeof(d->row[0]));
	d->b->hashed[at] = ++d->rows;
	return d->rows - 1;
}

/* By digits: most of the time of a change went into comparing. */
static void sort_edges(struct draft *d)
{
	static struct edge other[2 * XDP_BLOCK_RECORDS];
	struct edge *from = d->edge, *to = other;

	for (unsigned pass = 0; pass < EDGE_DIGITS; pass++) {
		uint32_t next[1 << EDGE_BITS] = { 0 }, sum = 0;
		unsigned shift = pass * EDGE_BITS;
		struct edge *swap = from;

		for (uint32_t i = 0; i < d->edges; i++)
			next[from[i].at >> shift & EDGE_MASK]++;
		for (uint32_t i = 0; i <= EDGE_MASK; i++) {
			uint32_t n = next[i];

			next[i] = sum;
			sum += n;
		}
		for (uint32_t i = 0; i < d->edges; i++)
			to[next[from[i].at >> shift & EDGE_MASK]++] = from[i];
		from = to;
		to = swap;
	}
}

/* Where ranges begin and end; the row at value 0.  False: no record constrains the lane. */
static bool find_edges(struct draft *d, unsigned lane, uint64_t row[XDP_BLOCK_WORDS])
{
	uint32_t least = lane == 0 ? XDP_PROTOCOL_UNKNOWN : 0x1ffff;

	d->edges = 0;
	memset(row, 0, XDP_BLOCK_WORDS * sizeof(row[0]));
	for (uint32_t i = 0; i < d->count; i++) {
		uint32_t lo = xdp_lane(d->record[i].lo, lane), hi = xdp_lane(d->record[i].hi, lane);

		if (lo == 0)
			row[i / 64] |= UINT64_C(1) << i % 64;
		else
			d->edge[d->edges++] = (struct edge){ .at = lo, .record = (uint16_t)i };
		if (hi < least)
			d->edge[d->edges++] = (struct edge){ .at = hi + 1, .record = (uint16_t)i };
	}
	sort_edges(d);
	return d->edges > 0;
}

/* ---- One lane --------------------------------------------------------------------------- */

/* Fills one page; *edge is the first that lies in it or behind. */
static bool page_fill(struct draft *d, uint16_t *page, uint32_t first, uint32_t *edge,
		      uint64_t row[XDP_BLOCK_WORDS], uint32_t *number)
{
	uint32_t v = 0;

	while (v < XDP_PAGE) {
		uint32_t end = XDP_PAGE;
		bool changed = false;

		for (; *edge < d->edges && d->edge[*edge].at == first + v; (*edge)++) {
			row[d->edge[*edge].record / 64] ^= UINT64_C(1)
							   << d->edge[*edge].record % 64;
			changed = true;
		}
		if (changed)
			*number = row_number(d, row);
		if (*number == ROWS_MAX)
			return false;
		if (*edge < d->edges && d->edge[*edge].at - first < XDP_PAGE)
			end = d->edge[*edge].at - first;
		for (; v < end; v++)
			page[v] = (uint16_t)*number;
	}
	return true;
}

/* The lane's pages; page numbers count from the first level's own. */
static bool lane_fill(struct draft *d, uint64_t row[XDP_BLOCK_WORDS])
{
	uint32_t edge = 0, number = row_number(d, row), even = 0, even_row = 0;
	uint16_t *top = d->page[0];

	memset(d->page, 0, TOP_PAGES * sizeof(d->page[0]));
	d->pages = TOP_PAGES;
	for (uint32_t p = 0; p < PAGES; p++) {
		bool is_even = edge == d->edges || d->edge[edge].at >= (p + 1) * XDP_PAGE;

		if (number == ROWS_MAX)
			return false;
		if (is_even && even != 0 && even_row == number) {
			top[p] = (uint16_t)even;
			continue;
		}
		if (!page_fill(d, d->page[d->pages], p * XDP_PAGE, &edge, row, &number))
			return false;
		if (is_even) {
			even = d->pages;
			even_row = number;
		}
		top[p] = (uint16_t)d->pages++;
	}
	return true;
}

/* always: even if no record constrains the lane. */
static bool lane_build(struct draft *d, unsigned lane, bool always)
{
	uint64_t row[XDP_BLOCK_WORDS];
	uint32_t first, n;

	if (!find_edges(d, lane, row) && !always)
		return true;
	if (!lane_fill(d, row))
		return false;
	n = d->pages * XDP_PAGE;
	first = space_take(&d->b->values, n);
	if (first == 0)
		return false;
	memcpy(&d->b->t->value[first], d->page, n * sizeof(d->b->t->value[0]));
	d->block.value[lane] = first;
	d->sizes.values[lane] = n;
	return true;
}

/* ---- A block ---------------------------------------------------------------------------- */

static void hull_build(struct draft *d)
{
	uint32_t lo[XDP_LANES_OF_BLOCK], hi[XDP_LANES_OF_BLOCK] = { 0 };

	for (unsigned lane = 0; lane < XDP_LANES_OF_BLOCK; lane++) {
		lo[lane] = UINT32_MAX;
		for (uint32_t i = 0; i < d->count; i++) {
			uint32_t l = xdp_lane(d->record[i].lo, lane);
			uint32_t h = xdp_lane(d->record[i].hi, lane);

			lo[lane] = l < lo[lane] ? l : lo[lane];
			hi[lane] = h > hi[lane] ? h : hi[lane];
		}
	}
	d->block.lo = XDP_LANES(lo[0], lo[1], lo[2], lo[3]);
	d->block.hi = XDP_LANES(hi[0], hi[1], hi[2], hi[3]) | XDP_GUARDS;
}

static bool rows_write(struct draft *d)
{
	__u64 *to;

	if (d->rows == 0)
		return true;
	d->block.row = space_take(&d->b->rows, d->rows);
	d->sizes.rows = d->rows;
	if (d->block.row == 0)
		return false;
	to = &d->b->t->row[(size_t)d->block.row * XDP_ROW_WORDS];
	for (uint32_t i = 0; i < d->rows; i++, to += XDP_ROW_WORDS) {
		to[0] = 0;
		for (int w = 0; w < XDP_BLOCK_WORDS; w++) {
			to[0] |= (uint64_t)(d->row[i][w] != 0) << w;
			to[1 + w] = d->row[i][w];
		}
	}
	return true;
}

typedef void release_entries(struct space *s, uint32_t first, uint32_t n);

static void parts_release(struct blocks *b, const struct xdp_block *block,
			  const struct block_sizes *sizes, release_entries *release)
{
	if (block->first != 0)
		release(b->records, block->first, sizes->records);
	if (block->row != 0)
		release(&b->rows, block->row, sizes->rows);
	for (unsigned lane = 0; lane < XDP_LANES_OF_BLOCK; lane++)
		if (block->value[lane] != 0)
			release(&b->values, block->value[lane], sizes->values[lane]);
}

static bool parts_build(struct draft *d)
{
	d->block.first = space_take(d->b->records, d->count);
	d->sizes.records = d->count;
	if (d->block.first == 0)
		return false;
	memcpy(&d->b->t->record[d->block.first], d->record, d->count * sizeof(*d->record));
	memset(d->b->hashed, 0, HASHED * sizeof(*d->b->hashed));
	for (unsigned lane = 0; lane < XDP_LANES_OF_BLOCK; lane++)
		if (!lane_build(d, lane, false))
			return false;
	/* Rows alone say how many records there are. */
	if (d->rows == 0 && !lane_build(d, 0, true))
		return false;
	hull_build(d);
	return rows_write(d);
}

/* The block's number; 0: there is no room. */
static uint32_t block_build(struct blocks *b, const struct xdp_record *r, uint32_t n, uint32_t next)
{
	static struct draft d; /* large, so not cleared as a whole */
	uint32_t number = space_take(&b->blocks, 1);

	if (number == 0)
		return 0;
	d.b = b;
	d.record = r;
	d.count = n;
	d.rows = 0;
	d.block = (struct xdp_block){ .next = next };
	d.sizes = (struct block_sizes){ 0 };
	if (!parts_build(&d)) {
		parts_release(b, &d.block, &d.sizes, space_give_back);
		space_give_back(&b->blocks, number, 1);
		return 0;
	}
	b->t->block[number] = d.block;
	b->sizes[number] = d.sizes;
	return number;
}

static void block_release(struct blocks *b, uint32_t number, release_entries *release)
{
	parts_release(b, &b->t->block[number], &b->sizes[number], release);
	release(&b->blocks, number, 1);
}

/* ---- A chain ---------------------------------------------------------------------------- */

/* What of a list is built anew: records begin..end, between `head` blocks that stay and those from
 * `tail` on. */
struct span {
	uint32_t begin, end;
	unsigned head, tail;
};

static bool same_records(const struct blocks *b, uint32_t number, const struct xdp_record *r)
{
	return memcmp(&b->t->record[b->t->block[number].first], r,
		      b->sizes[number].records * sizeof(*r)) == 0;
}

static struct span find_span(const struct blocks *b, const struct chain *from,
			     const struct xdp_record *r, uint32_t n)
{
	struct span s = { .end = n, .tail = from->count };

	while (s.head < from->count) {
		uint32_t size = b->sizes[from->block[s.head]].records;

		if (s.begin + size > n || !same_records(b, from->block[s.head], r + s.begin))
			break;
		s.begin += size;
		s.head++;
	}
	while (s.tail > s.head) {
		uint32_t size = b->sizes[from->block[s.tail - 1]].records;

		if (s.end < s.begin + size ||
		    !same_records(b, from->block[s.tail - 1], r + s.end - size))
			break;
		s.end -= size;
		s.tail--;
	}
	return s;
}

/* Small blocks would gather, and each costs every packet that comes by. */
static void take_neighbour(const struct blocks *b, const struct chain *from, struct span *s)
{
	uint32_t n = s->end - s->begin;

	if (n == 0 || n >= SMALL)
		return;
	if (s->tail < from->count && n + b->sizes[from->block[s->tail]].records <= BUILT)
		s->end += b->sizes[from->block[s->tail++]].records;
	else if (s->head > 0 && n + b->sizes[from->block[s->head - 1]].records <= BUILT)
		s->begin -= b->sizes[from->block[--s->head]].records;
}

static void chain_give_back(struct blocks *b, const uint32_t *block, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		block_release(b, block[i], space_give_back);
}

/* From the last to the first, so that each knows the next. */
static bool span_build(struct blocks *b, const struct xdp_record *r, const struct span *s,
		       unsigned count, uint32_t next, uint32_t *block)
{
	uint32_t n = s->end - s->begin;

	for (unsigned i = count; i-- > 0;) {
		uint32_t from = (uint32_t)((uint64_t)n * i / count);
		uint32_t to = (uint32_t)((uint64_t)n * (i + 1) / count);

		block[i] = block_build(b, r + s->begin + from, to - from, next);
		if (block[i] == 0) {
			chain_give_back(b, block + i + 1, count - i - 1);
			return false;
		}
		next = block[i];
	}
	return true;
}

bool chain_build(struct blocks *b, const struct chain *from, const struct xdp_record *r, uint32_t n,
		 struct chain *ret, __u32 **ret_link, uint32_t *ret_next)
{
	struct span s = find_span(b, from, r, n);
	unsigned middle, rest;
	uint32_t next;

	take_neighbour(b, from, &s);
	rest = from->count - s.tail;
	middle = s.end - s.begin <= XDP_BLOCK_RECORDS ? s.end > s.begin
						      : (s.end - s.begin + BUILT - 1) / BUILT;
	if (s.head + middle + rest > XDP_BLOCKS_MAX)
		return false;
	next = rest > 0 ? from->block[s.tail] : 0;
	memcpy(ret->block, from->block, s.head * sizeof(ret->block[0]));
	if (!span_build(b, r, &s, middle, next, ret->block + s.head))
		return false;
	memcpy(ret->block + s.head + middle, from->block + s.tail, rest * sizeof(ret->block[0]));
	ret->count = s.head + middle + rest;
	*ret_next = middle > 0 ? ret->block[s.head] : next;
	*ret_link = s.head > 0 ? &b->t->block[ret->block[s.head - 1]].next : NULL;
	return true;
}

static bool in_chain(const struct chain *c, uint32_t number)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->block[i] == number)
			return true;
	return false;
}

void chain_leave(struct blocks *b, const struct chain *from, const struct chain *to)
{
	for (unsigned i = 0; i < from->count; i++)
		if (!in_chain(to, from->block[i]))
			block_release(b, from->block[i], space_leave);
}
