/* SPDX-License-Identifier: ISC */
/* nft_run.h - commands to the kernel's nftables, and what it has. */
#ifndef NFT_NFT_RUN_H
#define NFT_NFT_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

/* Does the kernel have the sockets of nftables?  Without them libnftables ends the program. */
bool nft_is_there(void);
/* All of these commands or none.  False, with the first thing that nftables says. */
bool nft_run(const char *commands, struct err *e);
/* What a `list` command prints, the array of objects; the caller's to json_decref.  NULL, with the
 * reason, when it fails. */
json_t *nft_list(const char *command, struct err *e);

/* The same as text; the caller's to free. */
char *nft_text(const char *command, struct err *e);

/* Commands in the making. */
struct nft_script {
	FILE *to; /* NULL: memory is out */
	char *text;
	size_t size;
};

void nft_script_open(struct nft_script *s);
/* Runs them and frees what they took. */
bool nft_script_run(struct nft_script *s, struct err *e);

#endif
