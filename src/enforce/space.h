/* SPDX-License-Identifier: ISC */
/* space.h - numbers of a table's entries, handed out in blocks of powers of two.
 *
 * What packets may still look at leaves first, and is handed out again after a grace period.
 * Number 0 is never handed out.
 */
#ifndef ENFORCE_SPACE_H
#define ENFORCE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPACE_CLASSES = 18 /* blocks of up to 2^17 entries */
};

struct space_block {
	uint32_t first;
	uint8_t class;
};

struct space_blocks {
	struct space_block *list;
	size_t count, room;
};

struct space {
	uint32_t size, available;
	uint32_t reserve; /* so many are handed out only when: */
	bool may_use_reserve;
	size_t lost;                /* blocks that could not be remembered, memory being out */
	uint8_t *free;              /* of a free block's first entry its class + 1, else 0 */
	size_t live[SPACE_CLASSES]; /* free blocks; lists also have some that are no more */
	struct space_blocks list[SPACE_CLASSES], leaving;
};

/* Numbers 1 to size - 1.  False when memory is out. */
bool space_init(struct space *s, uint32_t size);
/* Those of them that are not in use. */
bool space_init_used(struct space *s, const uint8_t *in_use, uint32_t size);
void space_done(struct space *s);
/* n entries one behind the other, or more; 0: there are none. */
uint32_t space_take(struct space *s, uint32_t n);
/* Of a block of n entries that no packet has seen. */
void space_give_back(struct space *s, uint32_t first, uint32_t n);
/* Of one that packets may still look at. */
void space_leave(struct space *s, uint32_t first, uint32_t n);
/* A grace period has passed. */
void space_grace(struct space *s);

#endif
