/* SPDX-License-Identifier: ISC */
/* xdp.c - loads the program, makes its maps or finds them, and reads what they say.
 *
 * Changing them is force.c's work.  The large maps are made here and not by libbpf, which would
 * write their zeros through a system call.
 *
 * The kernel has one wait that says what it waits for: an update of a map of maps returns when
 * all programs that might use the old map have ended.  One such map is kept for nothing else.
 */
#include "enforce/xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enforce/xdp_inner.h"
#include "xdp.skel.h"

const char *const xdp_map_names[XDP_MAPS] = {
	[XDP_MAP_CONTROL] = "hg_control",     [XDP_MAP_VERDICTS] = "hg_verdicts",
	[XDP_MAP_THENS] = "hg_actions",       [XDP_MAP_COUNTERS] = "hg_counters",
	[XDP_MAP_STORE] = "hg_store",         [XDP_MAP_TABLES] = "hg_tables",
	[XDP_MAP_FULL] = "hg_full",           [XDP_MAP_PROTECT] = "hg_protect",
	[XDP_MAP_PROTECTED] = "hg_protected", [XDP_MAP_LOCALS] = "hg_locals",
	[XDP_MAP_SAVED] = "hg_saved",         [XDP_MAP_MONITORED] = "hg_monitored",
	[XDP_MAP_GROUPS] = "hg_groups",       [XDP_MAP_VRFS] = "hg_vrfs",
	[XDP_MAP_PLACES] = "hg_places",       [XDP_MAP_REASONS] = "hg_reasons",
	[XDP_MAP_HOOKS] = "hg_hooks",         [XDP_MAP_SENDING] = "hg_sending",
	[XDP_MAP_SAMPLES] = "hg_samples",
};

/* ---- Loading -------------------------------------------------------------------------- */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

static const struct {
	enum bpf_func_id id;
	const char *name, *since;
} needed[] = {
	{ BPF_FUNC_ktime_get_coarse_ns, "bpf_ktime_get_coarse_ns", "5.11" },
	{ BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len", "5.18" },
};

/* Why the kernel would not take the program, as well as we can tell. */
static bool load_failed(int error, const char *what, const char *verifier, struct err *e)
{
	const char *last = verifier;

	if (error == EPERM || error == EACCES)
		if (*verifier == '\0')
			return err_at(e, 0, 0,
				      "no right to load a BPF program (CAP_BPF, CAP_NET_ADMIN)");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, needed[i].id, NULL) == 0)
			return err_at(e, 0, 0, "this kernel has no %s, which came with Linux %s",
				      needed[i].name, needed[i].since);
	/* The verifier's reason is the line before its statistics. */
	for (const char *s = verifier; s != NULL && *s != '\0'; s = strchr(s, '\n'), s += s != NULL)
		if (strncmp(s, "verification time", 17) == 0 || strncmp(s, "processed", 9) == 0)
			break;
		else
			last = s;
	return err_at(e, 0, 0, "the kernel refuses the %s program: %s; its verifier says: %.*s",
		      what, strerror(error), (int)strcspn(last, "\n"),
		      *last != '\0' ? last : "nothing");
}

bool xdp_load(struct bpf_object *object, const char *name, const char *what, int *ret_program,
	      struct err *e)
{
	enum {
		LOG_SIZE = 64 * 1024
	};
	struct bpf_program *program = bpf_object__find_program_by_name(object, name), *each;
	char *verifier = calloc(1, LOG_SIZE);
	int rc;
	bool ok;

	if (program == NULL || verifier == NULL) {
		free(verifier);
		return err_at(e, 0, 0, "the %s program is damaged", what);
	}
	/* The first that is refused writes there. */
	bpf_object__for_each_program(each, object)(void)
		bpf_program__set_log_buf(each, verifier, LOG_SIZE);
	rc = bpf_object__load(object);
	ok = rc == 0 || load_failed(-rc, what, verifier, e);
	free(verifier);
	*ret_program = bpf_program__fd(program);
	return ok;
}

/* Puts a pinned map in the place of the object's own, if they are of one kind. */
static bool reuse_map(const struct pins *pins, struct bpf_map *map, struct err *e)
{
	char path[PINS_PATH_MAX];
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(pins_path(pins, bpf_map__name(map), path));
	bool ok;

	if (fd < 0)
		return err_at(e, 0, 0,
			      "%s: %s; headgate-enforce --flush takes away what is left there, "
			      "with the rules in it",
			      path, strerror(errno));
	ok = bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.type == bpf_map__type(map) &&
	     info.key_size == bpf_map__key_size(map) &&
	     info.value_size == bpf_map__value_size(map) &&
	     info.max_entries == bpf_map__max_entries(map) && bpf_map__reuse_fd(map, fd) == 0;
	close(fd);
	return ok || err_at(e, 0, 0,
			    "%s was left by another version of headgate-enforce; "
			    "headgate-enforce --flush takes it away, with the rules in it",
			    path);
}

static bool pinned_layout(const char *path, uint32_t *ret)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;
	int fd = bpf_obj_get(path);
	char *value = NULL;
	bool ok = false;

	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &len) == 0 && info.value_size >= sizeof(*ret))
		value = calloc(1, info.value_size);
	if (value != NULL && bpf_map_lookup_elem(fd, &zero, value) == 0) {
		memcpy(ret, value, sizeof(*ret));
		ok = true;
	}
	free(value);
	close(fd);
	return ok;
}

/* Decides between pinned maps and new ones. */
static bool find_pins(struct xdp *x, const struct pins *pins, struct err *e)
{
	char path[PINS_PATH_MAX];
	uint32_t layout = 0;

	pins_path(pins, xdp_map_names[XDP_MAP_CONTROL], path);
	if (access(path, F_OK) < 0)
		return true;
	if (!pinned_layout(path, &layout))
		return err_at(e, 0, 0, "%s: cannot be read: %s", path, strerror(errno));
	if (layout != XDP_LAYOUT)
		return err_at(e, 0, 0,
			      "%s has layout %u and this is for %d: left by another version; "
			      "headgate-enforce --flush takes it away, with the rules in it",
			      pins->dir, layout, XDP_LAYOUT);
	x->found = true;
	for (int m = 0; m < XDP_MAPS_KEPT; m++) {
		struct bpf_map *map = bpf_object__find_map_by_name(x->object, xdp_map_names[m]);

		if (map == NULL)
			return err_at(e, 0, 0, "the XDP program has no map %s", xdp_map_names[m]);
		if (!reuse_map(pins, map, e))
			return false;
	}
	return true;
}

/* The program's global data: the tables, and nothing else. */
struct bpf_map *xdp_tables_map(const struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".bss") != NULL)
			return map;
	}
	return NULL;
}

static bool make_tables(struct xdp *x, struct err *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct bpf_map *map = xdp_tables_map(x->object);
	int fd;
	bool ok;

	if (map == NULL || bpf_map__value_size(map) != sizeof(struct xdp_tables))
		return err_at(e, 0, 0, "the XDP program has no tables");
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, xdp_map_names[XDP_MAP_TABLES], sizeof(__u32),
			    sizeof(struct xdp_tables), 1, &opts);
	if (fd < 0)
		return err_at(e, 0, 0, "cannot make %s: %s", xdp_map_names[XDP_MAP_TABLES],
			      strerror(errno));
	ok = bpf_map__reuse_fd(map, fd) == 0;
	close(fd);
	return ok || err_at(e, 0, 0, "cannot use %s", xdp_map_names[XDP_MAP_TABLES]);
}

static bool map_memory(struct xdp *x, enum xdp_map m, size_t size, void *ret, struct err *e)
{
	void **at = ret;

	*at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, x->map[m], 0);
	if (*at != MAP_FAILED)
		return true;
	*at = NULL;
	return err_at(e, 0, 0, "cannot map %s: %s", xdp_map_names[m], strerror(errno));
}

static size_t saved_size(const struct xdp *x)
{
	return (size_t)x->cpus * sizeof(*x->saved_cells);
}

static size_t counters_size(const struct xdp *x)
{
	return (size_t)x->cpus * XDP_SLOTS * sizeof(*x->counters);
}

/* So many entries for each. */
static bool room_for_cpus(struct xdp *x, enum xdp_map m, uint32_t entries, struct err *e)
{
	struct bpf_map *map = bpf_object__find_map_by_name(x->object, xdp_map_names[m]);

	if (map != NULL && bpf_map__set_max_entries(map, (__u32)x->cpus * entries) == 0)
		return true;
	return err_at(e, 0, 0, "the XDP program has no map %s", xdp_map_names[m]);
}

static bool count_cpus(struct xdp *x, struct err *e)
{
	x->cpus = libbpf_num_possible_cpus();
	if (x->cpus <= 0)
		return err_at(e, 0, 0, "cannot count the CPUs");
	return room_for_cpus(x, XDP_MAP_SAVED, 1, e) &&
	       room_for_cpus(x, XDP_MAP_COUNTERS, XDP_SLOTS, e);
}

static bool find_maps(struct xdp *x, struct err *e)
{
	/* libbpf has renamed the tables' map to that which it was told to use. */
	for (int m = 0; m < XDP_MAPS; m++) {
		x->map[m] = bpf_object__find_map_fd_by_name(x->object, xdp_map_names[m]);
		if (x->map[m] < 0)
			return err_at(e, 0, 0, "the XDP program has no map %s", xdp_map_names[m]);
	}
	if (!map_memory(x, XDP_MAP_CONTROL, sizeof(*x->control), &x->control, e) ||
	    !map_memory(x, XDP_MAP_TABLES, sizeof(*x->tables), &x->tables, e) ||
	    !map_memory(x, XDP_MAP_VERDICTS, XDP_VERDICTS_SIZE, &x->verdict, e) ||
	    !map_memory(x, XDP_MAP_COUNTERS, counters_size(x), &x->counters, e) ||
	    !map_memory(x, XDP_MAP_STORE, XDP_STORE_SIZE, &x->store, e) ||
	    !map_memory(x, XDP_MAP_PROTECT, sizeof(*x->protect), &x->protect, e) ||
	    !map_memory(x, XDP_MAP_SAVED, saved_size(x), &x->saved_cells, e))
		return false;
	if (!x->found)
		x->control->layout = XDP_LAYOUT;
	return true;
}

/* Those of an earlier program go, with it, when this one is attached in its place. */
static bool pin_maps(struct xdp *x, const struct pins *pins, struct err *e)
{
	char path[PINS_PATH_MAX];

	for (int m = XDP_MAPS - 1; m >= (x->found ? XDP_MAPS_KEPT : 0); m--) {
		pins_path(pins, xdp_map_names[m], path);
		/* Left by one that ended before it had pinned control; nobody uses it. */
		(void)unlink(path);
		if (bpf_obj_pin(x->map[m], path) < 0)
			return err_at(e, 0, 0, "%s: cannot pin it: %s", path, strerror(errno));
	}
	return true;
}

static bool wait_maps(struct xdp *x, struct err *e)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	x->wait_inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "hg_wait", 4, 4, 1, &opts);
	opts.inner_map_fd = (__u32)x->wait_inner;
	if (x->wait_inner >= 0)
		x->wait_outer =
			bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hg_waits", 4, 4, 1, &opts);
	if (x->wait_outer < 0)
		return err_at(e, 0, 0, "cannot make a map of maps: %s", strerror(errno));
	return true;
}

static bool find_sender(struct xdp *x, struct err *e)
{
	struct bpf_program *p = bpf_object__find_program_by_name(x->object, "headgate_send");

	x->sender = p != NULL ? bpf_program__fd(p) : -1;
	return p != NULL || err_at(e, 0, 0, "the XDP program is damaged: nothing sends");
}

static bool open_parts(struct xdp *x, const struct pins *pins, struct err *e)
{
	if (!count_cpus(x, e) || (pins != NULL && !find_pins(x, pins, e)))
		return false;
	if (!make_tables(x, e) || !xdp_load(x->object, "headgate", "XDP", &x->program, e) ||
	    !find_sender(x, e) || !find_maps(x, e) || !wait_maps(x, e) || !force_init(x, e))
		return false;
	return pins == NULL || pin_maps(x, pins, e);
}

struct xdp *xdp_open(const struct xdp_image *image, const struct pins *pins, struct err *e)
{
	struct xdp *x = calloc(1, sizeof(*x));
	struct xdp_image built_in;

	if (x == NULL) {
		err_at(e, 0, 0, "out of memory");
		return NULL;
	}
	x->program = x->sender = x->tc_program = x->wait_outer = x->wait_inner = -1;
	if (image == NULL) {
		built_in.octets = xdp_bpf__elf_bytes(&built_in.size);
		image = &built_in;
	}
	libbpf_set_print(quiet);
	x->object = bpf_object__open_mem(image->octets, image->size, NULL);
	if (x->object == NULL)
		err_at(e, 0, 0, "the XDP program is damaged: %s", strerror(errno));
	else if (open_parts(x, pins, e))
		return x;
	xdp_free(x);
	return NULL;
}

void xdp_free(struct xdp *x)
{
	if (x == NULL)
		return;
	force_done(x);
	if (x->control != NULL)
		munmap(x->control, sizeof(*x->control));
	if (x->tables != NULL)
		munmap(x->tables, sizeof(*x->tables));
	if (x->verdict != NULL)
		munmap(x->verdict, XDP_VERDICTS_SIZE);
	if (x->counters != NULL)
		munmap(x->counters, counters_size(x));
	if (x->store != NULL)
		munmap(x->store, XDP_STORE_SIZE);
	if (x->protect != NULL)
		munmap(x->protect, sizeof(*x->protect));
	if (x->saved_cells != NULL)
		munmap(x->saved_cells, saved_size(x));
	if (x->wait_outer >= 0)
		close(x->wait_outer);
	if (x->wait_inner >= 0)
		close(x->wait_inner);
	bpf_object__close(x->tc_object);
	bpf_object__close(x->object);
	free(x);
}

int xdp_program(const struct xdp *x)
{
	return x->program;
}

bool xdp_found(const struct xdp *x)
{
	return x->found;
}

/* ---- What is there -------------------------------------------------------------------- */

/* Packets go on counting: each word is one that was there. */
static struct xdp_counters sum_up(const struct xdp *x, uint32_t slot)
{
	struct xdp_counters sum = { 0 };

	for (int i = 0; i < x->cpus; i++) {
		const volatile struct xdp_counters *c = &x->counters[(size_t)i * XDP_SLOTS + slot];

		sum.packets += c->packets;
		sum.octets += c->octets;
		sum.dropped_packets += c->dropped_packets;
		sum.dropped_octets += c->dropped_octets;
	}
	return sum;
}

bool xdp_counters(const struct xdp *x, int slot, struct xdp_counters *ret)
{
	if (slot < 0 || slot >= XDP_SLOTS)
		return false;
	*ret = sum_up(x, (uint32_t)slot);
	return true;
}

const struct saved *xdp_saved(struct xdp *x)
{
	saved_read(x);
	return &x->saved;
}

bool xdp_reasons(const struct xdp *x, uint64_t ret[XDP_REASONS])
{
	uint64_t *per_cpu = calloc((size_t)x->cpus, sizeof(*per_cpu));
	bool ok = per_cpu != NULL;

	for (uint32_t r = 0; ok && r < XDP_REASONS; r++) {
		ok = bpf_map_lookup_elem(x->map[XDP_MAP_REASONS], &r, per_cpu) == 0;
		ret[r] = 0;
		for (int i = 0; ok && i < x->cpus; i++)
			ret[r] += per_cpu[i];
	}
	free(per_cpu);
	return ok;
}

void xdp_monitor_set(struct xdp *x, bool monitor)
{
	x->control->monitor = monitor;
}

bool xdp_monitor_interface(struct xdp *x, unsigned ifindex, bool monitor)
{
	uint32_t key = ifindex, yes = 1;

	if (!monitor)
		return bpf_map_delete_elem(x->map[XDP_MAP_MONITORED], &key) == 0 || errno == ENOENT;
	if (bpf_map_update_elem(x->map[XDP_MAP_MONITORED], &key, &yes, BPF_ANY) < 0)
		return false;
	x->protect->monitored = 1;
	return true;
}

bool xdp_groups_set(struct xdp *x, struct groups *g, const struct enforce_group *list, size_t n,
		    struct err *e)
{
	uint64_t in_use = 0;

	for (uint32_t slot = 1; slot < XDP_SLOTS; slot++)
		if (x->by_slot[slot] != NULL)
			in_use |= x->by_slot[slot]->installed.groups;
	if (!groups_make(g, x->control->group, list, n, in_use, e))
		return false;
	x->tables->grouped = n > 0;
	return true;
}

bool xdp_groups_interface(struct xdp *x, unsigned ifindex, uint64_t groups)
{
	__u32 key = ifindex;
	__u64 value = groups;

	if (groups == 0)
		return bpf_map_delete_elem(x->map[XDP_MAP_GROUPS], &key) == 0 || errno == ENOENT;
	return bpf_map_update_elem(x->map[XDP_MAP_GROUPS], &key, &value, BPF_ANY) == 0;
}

void xdp_sample_set(struct xdp *x, uint32_t one_in)
{
	x->control->sample_below = (1ULL << 32) / one_in;
}

int xdp_samples(const struct xdp *x)
{
	return x->map[XDP_MAP_SAMPLES];
}

uint64_t xdp_samples_lost(const struct xdp *x)
{
	return x->control->samples_lost;
}

const struct rule *xdp_rule(const struct xdp *x, uint32_t slot)
{
	return slot < XDP_SLOTS ? x->by_slot[slot] : NULL;
}

const char *xdp_epoch(const struct xdp *x)
{
	x->control->epoch[XDP_EPOCH_MAX - 1] = '\0';
	return x->control->epoch;
}

void xdp_epoch_set(struct xdp *x, const char *epoch)
{
	(void)snprintf(x->control->epoch, XDP_EPOCH_MAX, "%s", epoch);
}
