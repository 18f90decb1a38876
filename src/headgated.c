/* SPDX-License-Identifier: ISC */
/* headgated.c - the hub: BGP, the rules, the control socket.  See headgated(8).
 *
 * Reads the options, the environment and the signals; everything else is the hub's (ctl/ctl.h).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/lex.h"
#include "base/log.h"
#include "bgp/bgp.h"
#include "conf/conf.h"
#include "ctl/ctl.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_NO = 1,
	EXIT_USAGE = 2
};

static const char usage[] =
	"usage: headgated [-c FILE] [-s SOCKET] [--bgp-port N] [-d]\n"
	"       headgated -n [-c FILE]\n"
	"  -c, --config FILE   the configuration (" CONF_FILE_DEFAULT ")\n"
	"  -n, --check         check the file, print it back and leave\n"
	"  -s, --socket PATH   the control socket\n"
	"      --bgp-port N    the BGP port (179; or exabgp.tcp.port in the environment)\n"
	"  -d, --debug         say more\n"
	"  -h, --help          this\n"
	"      --version       the version\n";

struct options {
	struct hub_options hub;
	bool check;
};

/* ---- Options and environment -------------------------------------------------------------- */

static bool read_port(const char *text, const char *whence, uint16_t *ret)
{
	struct word w = { .text = text, .len = strlen(text) };
	uint64_t port;

	if (!word_number(&w, 65535, false, &port) || port == 0) {
		log_error("%s: a port is a number from 1 to 65535, not %s", whence, text);
		return false;
	}
	*ret = (uint16_t)port;
	return true;
}

/* ExaBGP's two spellings of an option's name in the environment. */
static const char *environment(const char *dotted, const char *underscored)
{
	const char *value = getenv(dotted);

	return value != NULL ? value : getenv(underscored);
}

static bool read_listen(const char *list, struct hub_options *o)
{
	struct lex l;

	lex_init(&l, list, strlen(list));
	while (!lex_at_end(&l)) {
		if (o->listen_count == HUB_LISTEN_MAX ||
		    !addr_parse(l.word.text, l.word.len, &o->listen[o->listen_count])) {
			log_error("exabgp.tcp.bind: at most %d addresses, not %.*s", HUB_LISTEN_MAX,
				  (int)l.word.len, l.word.text);
			return false;
		}
		o->listen_count++;
		lex_next(&l);
	}
	return true;
}

static bool read_environment(struct options *o)
{
	const char *port = environment("exabgp.tcp.port", "exabgp_tcp_port");
	const char *bind = environment("exabgp.tcp.bind", "exabgp_tcp_bind");

	return (port == NULL || read_port(port, "exabgp.tcp.port", &o->hub.bgp_port)) &&
	       (bind == NULL || read_listen(bind, &o->hub));
}

enum {
	OPTION_BGP_PORT = 256,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'n' },
	{ "socket", required_argument, NULL, 's' },
	{ "bgp-port", required_argument, NULL, OPTION_BGP_PORT },
	{ "debug", no_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* Fills o, or ends the program with its answer. */
static void read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:ns:dh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			o->hub.file = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 's':
			o->hub.socket = optarg;
			break;
		case OPTION_BGP_PORT:
			if (!read_port(optarg, "--bgp-port", &o->hub.bgp_port))
				exit(EXIT_USAGE);
			break;
		case 'd':
			log_level_set(LOG_LEVEL_DEBUG);
			break;
		case 'h':
			(void)fputs(usage, stdout);
			exit(EXIT_DONE);
		case OPTION_VERSION:
			(void)puts("headgated " HEADGATE_VERSION);
			exit(EXIT_DONE);
		default:
			(void)fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "headgated: left over: %s\n%s", argv[optind], usage);
		exit(EXIT_USAGE);
	}
}

/* ---- headgated -n ------------------------------------------------------------------------- */

static void say_error(const struct err *e)
{
	char text[512];

	if (e->line > 0)
		(void)fprintf(stderr, "%s\n", err_string(e, text, sizeof(text)));
	else
		(void)fprintf(stderr, "headgated: %s\n", e->text);
}

static void say_warning(void *ctx, const struct err *what)
{
	char text[512];

	(void)ctx;
	(void)fprintf(stderr, "%s (warning)\n", err_string(what, text, sizeof(text)));
}

static void print(void *ctx, const char *text)
{
	(void)fputs(text, ctx);
}

static int check_file(const char *file)
{
	struct err e = { 0 };
	struct conf *c = conf_read(file, say_warning, NULL, &e);

	if (c == NULL) {
		say_error(&e);
		return EXIT_NO;
	}
	conf_print(c, print, stdout);
	conf_free(c);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_NO;
}

/* ---- Running ------------------------------------------------------------------------------ */

/* What a signal makes the hub do. */
struct signal_watch {
	uv_signal_t handle;
	struct running *running;
};

enum {
	SIGNALS = 4
};

struct running {
	struct hub *hub;
	struct signal_watch signals[SIGNALS];
};

static void reload(struct running *r)
{
	struct err e = { 0 };
	char text[512];

	if (hub_reload(r->hub, &e))
		return;
	log_error("%s", err_string(&e, text, sizeof(text)));
	log_error("hub: the file is wrong; the running configuration stays");
}

static void leave(struct running *r)
{
	log_info("hub: leaving");
	for (size_t i = 0; i < SIGNALS; i++)
		uv_close((uv_handle_t *)&r->signals[i].handle, NULL);
	hub_stop(r->hub);
}

static const struct {
	int number;
	void (*run)(struct running *r);
} signal_table[SIGNALS] = {
	{ SIGHUP, reload },
	{ SIGUSR1, reload },
	{ SIGTERM, leave },
	{ SIGINT, leave },
};

static void on_signal(uv_signal_t *handle, int number)
{
	struct signal_watch *w = handle->data;

	for (size_t i = 0; i < SIGNALS; i++)
		if (signal_table[i].number == number) {
			signal_table[i].run(w->running);
			return;
		}
}

static void watch_signals(uv_loop_t *loop, struct running *r)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		struct signal_watch *w = &r->signals[i];

		w->running = r;
		(void)uv_signal_init(loop, &w->handle);
		w->handle.data = w;
		(void)uv_signal_start(&w->handle, on_signal, signal_table[i].number);
	}
}

static int run(const struct hub_options *o)
{
	struct running r = { 0 };
	struct err e = { 0 };
	uv_loop_t loop;

	if (uv_loop_init(&loop) != 0)
		return EXIT_NO;
	(void)signal(SIGPIPE, SIG_IGN);
	r.hub = hub_new(&loop, o, &e);
	if (r.hub == NULL) {
		say_error(&e);
		(void)uv_loop_close(&loop);
		return EXIT_NO;
	}
	watch_signals(&loop, &r);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	hub_free(r.hub);
	(void)uv_loop_close(&loop);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options o = { .hub = { .file = CONF_FILE_DEFAULT, .bgp_port = BGP_PORT } };

	if (!read_environment(&o))
		return EXIT_USAGE;
	read_options(argc, argv, &o);
	return o.check ? check_file(o.hub.file) : run(&o.hub);
}
