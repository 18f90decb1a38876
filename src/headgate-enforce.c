/* SPDX-License-Identifier: ISC */
/* headgate-enforce - puts the hub's FlowSpec rules in force on this machine's interfaces.
 *
 * Reads the `enforce` and `protect` sections of the configuration and hands their values down;
 * everything else is enforce/enforcer.c.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "ctl/client.h"
#include "enforce/enforce.h"
#include "enforce/protect.h"

static const char usage[] =
	"usage: headgate-enforce [-n] [-c FILE] [-s SOCKET] [--pin-dir DIR]\n"
	"       headgate-enforce --flush [--pin-dir DIR]\n"
	"\n"
	"  -c FILE        the configuration; " CONF_FILE_DEFAULT "\n"
	"  -n             check it and leave\n"
	"  -s SOCKET      the hub's control socket\n"
	"  --pin-dir DIR  where rules outlive this program; " ENFORCE_PIN_DIR_DEFAULT "\n"
	"  --flush        remove all rules that were left there, and leave\n"
	"  -h, --help     this text\n"
	"  --version      the version\n";

struct arguments {
	const char *file, *socket, *pin_dir;
	bool check, flush;
};

enum {
	OPTION_PIN_DIR = 256,
	OPTION_FLUSH,
	OPTION_VERSION,
	USED_WRONGLY = 2
};

static const struct option long_options[] = {
	{ "pin-dir", required_argument, NULL, OPTION_PIN_DIR },
	{ "flush", no_argument, NULL, OPTION_FLUSH },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ 0 },
};

/* -1: go on; else the exit status. */
static int read_option(int option, struct arguments *a)
{
	switch (option) {
	case 'c':
		a->file = optarg;
		return -1;
	case 's':
		a->socket = optarg;
		return -1;
	case 'n':
		a->check = true;
		return -1;
	case OPTION_PIN_DIR:
		a->pin_dir = optarg;
		return -1;
	case OPTION_FLUSH:
		a->flush = true;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return 0;
	case OPTION_VERSION:
		puts("headgate-enforce " HEADGATE_VERSION);
		return 0;
	}
	fputs(usage, stderr);
	return USED_WRONGLY;
}

static int read_arguments(int argc, char **argv, struct arguments *a)
{
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "c:s:nh", long_options, NULL)) >= 0)
		status = read_option(option, a);
	if (status >= 0 || optind == argc)
		return status;
	fprintf(stderr, "headgate-enforce: what is \"%s\"?\n%s", argv[optind], usage);
	return USED_WRONGLY;
}

static void say(const struct err *e)
{
	char text[512];

	/* Without a line the fault is the file itself and the text names it. */
	log_error("%s", e->line > 0 ? err_string(e, text, sizeof(text)) : e->text);
}

static void warn(void *ctx, const struct err *what)
{
	char text[512];

	(void)ctx;
	log_warning("%s", err_string(what, text, sizeof(text)));
}

/* The option, the environment, the file, in this order; NULL leaves it to the client. */
static const char *choose_socket(const struct arguments *a, const struct conf *c)
{
	if (a->socket != NULL)
		return a->socket;
	return getenv(CTL_SOCKET_ENV) == NULL && c->socket[0] != '\0' ? c->socket : NULL;
}

/* False, with the reason said, when a flow cannot be matched exactly. */
static bool make_protect(const struct conf_protect *p, struct enforce_protect_statement *room,
			 struct enforce_protect *ret)
{
	*ret = (struct enforce_protect){ .count = p->count, .statements = room };
	for (unsigned d = 0; d < CONF_PROTECT_DEFAULTS; d++)
		if (p->off >> d & 1)
			ret->defaults_off |= UINT32_C(1)
					     << protect_default_number(conf_protect_defaults[d]);
	for (size_t i = 0; i < p->count; i++) {
		struct xdp_rule rule;
		struct err e = { 0 };

		room[i] = (struct enforce_protect_statement){
			.name = p->rules[i].name,
			.nlri = { .family = p->rules[i].family,
				  .octets = p->rules[i].nlri,
				  .len = p->rules[i].nlri_len },
		};
		if (protect_statement_make(&room[i], &rule, &e))
			continue;
		log_error("%s", e.text);
		return false;
	}
	return true;
}

static int enforce(const struct arguments *a, const struct conf *c)
{
	static const enum enforce_backend backends[CONF_BACKENDS] = {
		[CONF_BACKEND_XDP] = ENFORCE_XDP,
		[CONF_BACKEND_NFTABLES] = ENFORCE_NFTABLES,
		[CONF_BACKEND_AUTO] = ENFORCE_AUTO,
	};
	struct enforce_protect_statement statements[CONF_PROTECT_MAX];
	struct enforce_source sources[CONF_SOURCES_MAX];
	struct enforce_group groups[CONF_GROUPS_MAX];
	struct enforce_vrf vrfs[CONF_VRFS_MAX];
	const char *interfaces[CONF_INTERFACES_MAX];
	struct enforce_options o = {
		.socket = choose_socket(a, c),
		.pin_dir = a->pin_dir,
		.interface_count = c->enforce.interface_count,
		.interfaces = interfaces,
		.monitored = c->enforce.monitored,
		.member = c->enforce.member,
		.group_count = c->enforce.group_count,
		.groups = groups,
		.monitor = c->enforce.mode == CONF_MODE_MONITOR,
		.away = c->enforce.away,
		.source_count = c->enforce.source_count,
		.sources = sources,
		.vrf_count = c->enforce.vrf_count,
		.vrfs = vrfs,
		.backend = backends[c->enforce.backend],
	};

	if (!c->enforce.present) {
		log_error("%s: no enforce section names an interface, so there is nothing to do",
			  a->file);
		return 1;
	}
	for (size_t i = 0; i < c->enforce.interface_count; i++)
		interfaces[i] = c->enforce.interfaces[i];
	for (size_t i = 0; i < c->enforce.group_count; i++)
		groups[i] = (struct enforce_group){ .as = c->enforce.groups[i].as,
						    .group = c->enforce.groups[i].group };
	for (size_t i = 0; i < c->enforce.source_count; i++)
		sources[i] = (struct enforce_source){
			.name = c->enforce.sources[i].name,
			.monitor = c->enforce.sources[i].mode == CONF_MODE_MONITOR,
			.away = c->enforce.sources[i].away,
		};
	for (size_t i = 0; i < c->enforce.vrf_count; i++)
		vrfs[i] = (struct enforce_vrf){
			.name = c->enforce.vrfs[i].name,
			.import_count = c->enforce.vrfs[i].import_count,
			.imports = c->enforce.vrfs[i].imports,
			.interface_count = c->enforce.vrfs[i].interface_count,
			.interfaces = c->enforce.vrfs[i].interfaces,
		};
	if (!make_protect(&c->protect, statements, &o.protect))
		return 1;
	return a->check ? 0 : enforce_run(&o);
}

int main(int argc, char **argv)
{
	struct arguments a = { .file = CONF_FILE_DEFAULT };
	struct err e = { 0 };
	struct conf *c;
	int status = read_arguments(argc, argv, &a);

	if (status >= 0)
		return status;
	if (a.flush)
		return enforce_flush(a.pin_dir);
	c = conf_read(a.file, warn, NULL, &e);
	if (c == NULL) {
		say(&e);
		return 1;
	}
	status = enforce(&a, c);
	conf_free(c);
	return status;
}
