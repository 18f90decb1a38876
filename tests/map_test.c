/* SPDX-License-Identifier: ISC */
/* map_test.c - the hash table against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/map.h"

enum {
	ITEMS = 5000
};

struct item {
	struct map_node node; /* first: a node is its item */
	unsigned key, born;
	bool in;
};

static struct item items[ITEMS];

static bool same_key(const struct map_node *n, const void *key)
{
	return ((const struct item *)n)->key == *(const unsigned *)key;
}

static uint64_t hash_of(unsigned key)
{
	return map_hash(&key, sizeof(key), 7);
}

static void count_one(struct map_node *n, void *ctx)
{
	(void)n;
	++*(size_t *)ctx;
}

static void an_empty_table_has_nothing(void **state)
{
	struct map m = { 0 };
	unsigned key = 1;
	size_t n = 0;

	(void)state;
	assert_null(map_find(&m, hash_of(key), same_key, &key));
	map_remove(&m, &items[0].node);
	map_each(&m, count_one, &n);
	assert_int_equal(n, 0);
	map_done(&m);
}

static void what_went_in_is_found_until_it_is_taken_out(void **state)
{
	struct map m = { 0 };
	uint64_t x = 1;
	size_t in = 0, n = 0;

	(void)state;
	for (unsigned i = 0; i < ITEMS; i++)
		items[i] = (struct item){ .key = i };
	for (unsigned step = 0; step < 40000; step++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		struct item *it = &items[(x >> 20) % ITEMS];

		if (it->in) {
			map_remove(&m, &it->node);
			in--;
		} else {
			assert_true(map_insert(&m, &it->node, hash_of(it->key)));
			in++;
		}
		it->in = !it->in;
		assert_int_equal(m.count, in);
		assert_ptr_equal(map_find(&m, hash_of(it->key), same_key, &it->key),
				 it->in ? &it->node : NULL);
	}
	for (unsigned i = 0; i < ITEMS; i++)
		assert_ptr_equal(map_find(&m, hash_of(i), same_key, &i),
				 items[i].in ? &items[i].node : NULL);
	map_each(&m, count_one, &n);
	assert_int_equal(n, in);
	map_done(&m);
}

/* Also after the table has doubled under them. */
static void of_equal_keys_the_newest_is_found_first(void **state)
{
	struct map m = { 0 };
	unsigned key = 3;

	(void)state;
	for (unsigned i = 0; i < ITEMS; i++) {
		items[i] = (struct item){ .key = i % 10, .born = i };
		assert_true(map_insert(&m, &items[i].node, hash_of(i % 10)));
	}
	for (unsigned i = ITEMS; i-- > 0;) {
		struct item *found;

		if (i % 10 != key)
			continue;
		found = (struct item *)map_find(&m, hash_of(key), same_key, &key);
		assert_non_null(found);
		assert_int_equal(found->born, i);
		map_remove(&m, &found->node);
	}
	assert_null(map_find(&m, hash_of(key), same_key, &key));
	map_done(&m);
}

static void remove_odd(struct map_node *n, void *ctx)
{
	if (((struct item *)n)->key % 2 != 0)
		map_remove(ctx, n);
}

static void a_visitor_may_remove_its_node(void **state)
{
	struct map m = { 0 };

	(void)state;
	for (unsigned i = 0; i < ITEMS; i++) {
		items[i] = (struct item){ .key = i };
		assert_true(map_insert(&m, &items[i].node, hash_of(i)));
	}
	map_each(&m, remove_odd, &m);
	assert_int_equal(m.count, ITEMS / 2);
	for (unsigned i = 0; i < ITEMS; i++)
		assert_int_equal(map_find(&m, hash_of(i), same_key, &i) != NULL, i % 2 == 0);
	map_done(&m);
}

/* The reference implementation's SipHash-1-3 has no seed of 64 bits; what matters is that each bit
 * of octets, length and seed counts. */
static void each_bit_counts_in_the_hash(void **state)
{
	uint8_t octets[32] = { 0 };

	(void)state;
	for (size_t len = 1; len <= sizeof(octets); len++) {
		uint64_t plain = map_hash(octets, len, 1);

		assert_true(plain != map_hash(octets, len - 1, 1));
		assert_true(plain != map_hash(octets, len, 2));
		for (size_t bit = 0; bit < 8 * len; bit++) {
			octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_true(plain != map_hash(octets, len, 1));
			octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
	assert_int_equal(map_hash(NULL, 0, 5), map_hash("", 0, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(what_went_in_is_found_until_it_is_taken_out),
		cmocka_unit_test(of_equal_keys_the_newest_is_found_first),
		cmocka_unit_test(a_visitor_may_remove_its_node),
		cmocka_unit_test(each_bit_counts_in_the_hash),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
