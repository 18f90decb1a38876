/* SPDX-License-Identifier: ISC */
/* nft_run.c - see nft_run.h.
 *
 * One context for each run: what libnftables remembers of the ruleset from one run to the next is
 * of no use to us, and no surprise can come of it.
 */
#include "nft/nft_run.h"

#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "file:line:columns: Error: what happened", then the command and marks below it. */
static bool run_failed(struct nft_ctx *nft, struct err *e)
{
	const char *said = nft_ctx_get_error_buffer(nft), *what = strstr(said, "Error: ");

	what = what != NULL ? what + strlen("Error: ") : said;
	return err_at(e, 0, 0, "nftables: %.*s", (int)strcspn(what, "\n"),
		      *what != '\0' ? what : "no reason given");
}

bool nft_is_there(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static struct nft_ctx *context_new(struct err *e)
{
	struct nft_ctx *nft;

	if (!nft_is_there()) {
		err_at(e, 0, 0, "this kernel has no nftables: %s", strerror(errno));
		return NULL;
	}
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (nft != NULL && nft_ctx_buffer_output(nft) == 0 && nft_ctx_buffer_error(nft) == 0)
		return nft;
	if (nft != NULL)
		nft_ctx_free(nft);
	err_at(e, 0, 0, "nftables: out of memory");
	return NULL;
}

bool nft_run(const char *commands, struct err *e)
{
	struct nft_ctx *nft = context_new(e);
	bool ok;

	if (nft == NULL)
		return false;
	ok = nft_run_cmd_from_buffer(nft, commands) == 0 || run_failed(nft, e);
	nft_ctx_free(nft);
	return ok;
}

static char *output_of(const char *command, unsigned flags, struct err *e)
{
	struct nft_ctx *nft = context_new(e);
	char *text = NULL;

	if (nft == NULL)
		return NULL;
	nft_ctx_output_set_flags(nft, flags);
	if (nft_run_cmd_from_buffer(nft, command) != 0)
		(void)run_failed(nft, e);
	else if ((text = strdup(nft_ctx_get_output_buffer(nft))) == NULL)
		(void)err_at(e, 0, 0, "out of memory");
	nft_ctx_free(nft);
	return text;
}

json_t *nft_list(const char *command, struct err *e)
{
	char *text = output_of(command, NFT_CTX_OUTPUT_JSON, e);
	json_t *all = text != NULL ? json_loads(text, 0, NULL) : NULL;
	json_t *list = json_incref(json_object_get(all, "nftables"));

	if (text != NULL && list == NULL)
		err_at(e, 0, 0, "nftables: its list cannot be read");
	json_decref(all);
	free(text);
	return list;
}

char *nft_text(const char *command, struct err *e)
{
	return output_of(command, 0, e);
}

void nft_script_open(struct nft_script *s)
{
	*s = (struct nft_script){ 0 };
	s->to = open_memstream(&s->text, &s->size);
}

bool nft_script_run(struct nft_script *s, struct err *e)
{
	bool ok = s->to != NULL && fclose(s->to) == 0;

	if (!ok)
		err_at(e, 0, 0, "out of memory");
	ok = ok && nft_run(s->text, e);
	free(s->text);
	return ok;
}
