/* SPDX-License-Identifier: ISC */
/* random_run.h - a run of random input: how it is chosen, and what it shows of what differs. */
#ifndef TESTS_RANDOM_RUN_H
#define TESTS_RANDOM_RUN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static inline uint64_t env_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

/* The seed of this run; printed, so that a failure can be had again. */
static inline uint64_t run_seed(void)
{
	static uint64_t seed;

	if (seed != 0)
		return seed;
	if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = 1;
	seed = env_number("HEADGATE_SEED", seed) | 1;
	printf("# HEADGATE_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static inline void print_hex(const char *what, const uint8_t *octets, size_t len)
{
	printf("# %s ", what);
	for (size_t i = 0; i < len; i++)
		printf("%02x", octets[i]);
	printf("\n");
}

#endif
