/* SPDX-License-Identifier: ISC */
/* kernel.h - what XDP needs of the running kernel, and what it means where the kernel lacks it. */
#ifndef ENFORCE_KERNEL_H
#define ENFORCE_KERNEL_H

#include <stdbool.h>

#include "base/err.h"

enum kernel_fact {
	KERNEL_XDP,
	KERNEL_ARRAY,
	KERNEL_PERCPU_ARRAY,
	KERNEL_HASH,
	KERNEL_ARRAY_OF_MAPS,
	KERNEL_PROG_ARRAY,
	KERNEL_RINGBUF,
	KERNEL_JIT,
	KERNEL_FACTS
};

/* As libbpf answers: positive, it is there; 0, it is not; negative, that cannot be told. */
struct kernel {
	int has[KERNEL_FACTS];
};

/* Tries what a program needs before it is loaded; the rest cannot be told. */
void kernel_probe(struct kernel *ret);
/* What can be told of a program that is loaded. */
void kernel_look(int program, struct kernel *ret);

/* False with the first thing that is lacking and cannot be done without.  warn is called for each
 * that can. */
bool kernel_suffices(const struct kernel *k, void (*warn)(const char *text), struct err *e);

#endif
