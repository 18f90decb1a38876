/* SPDX-License-Identifier: ISC */
/* pins.c - see pins.h.
 *
 * A map's pin has the map's name, a link's pin is link-IFINDEX (a BPF file system allows no dot in
 * a name, an interface's name does).  The control map is pinned last and unpinned before the other
 * maps, so that where it is all maps are.
 */
#include "enforce/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "enforce/hooks.h"
#include "enforce/places.h"
#include "enforce/xdp.h"

static bool is_bpf_fs(const char *path, bool *ret_there)
{
	struct statfs fs;

	*ret_there = statfs(path, &fs) == 0;
	return *ret_there && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static void parent_of(const char *dir, char *buf, size_t size)
{
	char *slash;

	(void)snprintf(buf, size, "%s", dir);
	slash = strrchr(buf, '/');
	if (slash == NULL)
		(void)snprintf(buf, size, ".");
	else if (slash == buf)
		slash[1] = '\0';
	else
		*slash = '\0';
}

static bool no_bpf_fs(const char *dir, struct err *e)
{
	return err_at(
		e, 0, 0,
		"%s: not in a BPF file system; mount one (mount -t bpf bpf /sys/fs/bpf) or name "
		"another directory with --pin-dir",
		dir);
}

static bool make_dir(const char *dir, struct err *e)
{
	char parent[PINS_PATH_MAX];
	bool there;

	if (is_bpf_fs(dir, &there))
		return true;
	if (there)
		return no_bpf_fs(dir, e);
	parent_of(dir, parent, sizeof(parent));
	if (!is_bpf_fs(parent, &there))
		return there ? no_bpf_fs(dir, e)
			     : err_at(e, 0, 0, "%s: there is no %s", dir, parent);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_at(e, 0, 0, "%s: cannot make it: %s", dir, strerror(errno));
	return true;
}

bool pins_open(struct pins *p, const char *dir, struct err *e)
{
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len >= sizeof(p->dir))
		return err_at(e, 0, 0, "the pin directory's name is too long");
	memcpy(p->dir, dir, len);
	p->dir[len] = '\0';
	if (!make_dir(p->dir, e))
		return false;
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0)
		return err_at(e, 0, 0, "%s: %s", p->dir, strerror(errno));
	if (flock(p->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	err_at(e, 0, 0, "%s: %s", p->dir,
	       errno == EWOULDBLOCK ? "another headgate-enforce is at work with this directory"
				    : strerror(errno));
	close(p->fd);
	p->fd = -1;
	return false;
}

void pins_close(struct pins *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

const char *pins_path(const struct pins *p, const char *name, char buf[PINS_PATH_MAX])
{
	(void)snprintf(buf, PINS_PATH_MAX, "%s/%s", p->dir, name);
	return buf;
}

const char *pins_link_name(unsigned ifindex, char buf[32])
{
	(void)snprintf(buf, 32, "link-%u", ifindex);
	return buf;
}

bool pins_link_number(const char *name, unsigned *ret_ifindex)
{
	char again[32];

	if (strncmp(name, "link-", 5) != 0)
		return false;
	*ret_ifindex = (unsigned)strtoul(name + 5, NULL, 10);
	return strcmp(pins_link_name(*ret_ifindex, again), name) == 0;
}

bool pins_each(const struct pins *p, void (*visit)(const char *name, void *ctx), void *ctx,
	       struct err *e)
{
	DIR *d = opendir(p->dir);
	struct dirent *entry;

	if (d == NULL)
		return err_at(e, 0, 0, "%s: %s", p->dir, strerror(errno));
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			visit(entry->d_name, ctx);
	closedir(d);
	return true;
}

/* Closing a link's last descriptor would detach it too, but some time later. */
static void remove_link(const char *name, void *ctx)
{
	char path[PINS_PATH_MAX];
	unsigned ifindex;
	int fd;

	if (!pins_link_number(name, &ifindex))
		return;
	pins_path(ctx, name, path);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		(void)bpf_link_detach(fd);
		close(fd);
	}
	(void)unlink(path);
}

bool pins_remove(const struct pins *p, struct err *e)
{
	char path[PINS_PATH_MAX];
	struct pins copy = *p;

	if (!pins_each(p, remove_link, &copy, e))
		return false;
	hooks_remove(p);
	places_remove(p);
	for (int m = 0; m < XDP_MAPS; m++)
		if (unlink(pins_path(p, xdp_map_names[m], path)) < 0 && errno != ENOENT)
			return err_at(e, 0, 0, "%s: cannot remove it: %s", path, strerror(errno));
	/* What is not ours may keep it. */
	(void)rmdir(p->dir);
	return true;
}
