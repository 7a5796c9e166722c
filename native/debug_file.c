/* SPDX-License-Identifier: MIT */
/*
 * Finds the file that a program's symbols or debug information were split off to, where gdb looks for it: by the build id, or by
 * the name and checksum that .gnu_debuglink holds. What is found must be of this very program.
 */
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mapped_file.h"

#define DEBUG_ROOT	"/usr/lib/debug"
#define LINK_MAX	4096
#define CHECKSUM_STEP	(64u << 10)
#define CHECKSUMMED_MAX (256u << 20) /* reading it takes time: a larger file is looked for by its build id only */

/* What the debug file is recognized by. */
struct twin {
	uint8_t build_id[20];
	uint32_t build_id_size;
	uint32_t checksum; /* of a debuglink */
};

static bool has_checksum(const struct pp_image *image, uint32_t checksum)
{
	uint8_t bytes[CHECKSUM_STEP];
	uint32_t sum = 0;

	if (image->size > CHECKSUMMED_MAX)
		return false;
	for (uint64_t at = 0; at < image->size;) {
		size_t step = image->size - at < sizeof(bytes) ? image->size - at : sizeof(bytes);

		if (!pp_image_read(image, at, bytes, step))
			return false;
		sum = lzma_crc32(bytes, step, sum);
		at += step;
	}
	return sum == checksum;
}

/* A build id says it for certain; a program without one has the checksum of its debug file. */
static bool is_twin(int fd, const struct twin *twin)
{
	struct pp_elf elf;
	struct stat st;
	uint8_t id[20];
	bool same = false;

	if (fstat(fd, &st) == 0 && pp_elf_open(&elf, (struct pp_image){.fd = fd, .size = st.st_size}) == 0) {
		if (twin->build_id_size)
			same = pp_elf_build_id(&elf, id) == twin->build_id_size && !memcmp(id, twin->build_id, twin->build_id_size);
		else
			same = has_checksum(&elf.image, twin->checksum);
		pp_elf_close(&elf);
	}
	return same;
}

/* In the process's root first: a container brings its own. */
static int open_twin(const struct twin *twin, const struct pp_mapping *mapping, const char *path)
{
	const uint32_t pids[] = {mapping->pid, mapping->parent, 0};

	for (int i = 0; i < 3; i++) {
		int fd = pids[i] || i == 2 ? pp_open_in_root(pids[i], path, false) : -1;

		if (fd >= 0 && is_twin(fd, twin))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

bool pp_debug_file_path(const uint8_t *build_id, size_t size, char path[PP_DEBUG_PATH_SIZE])
{
	int length;

	if (size < 2 || size > PP_DEBUG_ID_MAX)
		return false;
	length = snprintf(path, PP_DEBUG_PATH_SIZE, DEBUG_ROOT "/.build-id/%02x/", build_id[0]);
	for (size_t i = 1; i < size; i++)
		length += snprintf(path + length, PP_DEBUG_PATH_SIZE - length, "%02x", build_id[i]);
	snprintf(path + length, PP_DEBUG_PATH_SIZE - length, ".debug");
	return true;
}

static int open_by_build_id(const struct twin *twin, const struct pp_mapping *mapping)
{
	char path[PP_DEBUG_PATH_SIZE];

	return pp_debug_file_path(twin->build_id, twin->build_id_size, path) ? open_twin(twin, mapping, path) : -1;
}

/* The section: a file name, padded to 4 bytes with NULs, and its CRC32. False where it is something else. */
static bool read_debuglink(const struct pp_elf *elf, char name[NAME_MAX + 1], uint32_t *checksum)
{
	const struct pp_elf_section *section = pp_elf_section_named(elf, ".gnu_debuglink");
	char *data = section ? pp_elf_section_load(elf, section, LINK_MAX) : NULL;
	size_t length = data ? strlen(data) : 0;
	size_t at = (length + 1 + 3) & ~(size_t)3;
	bool good = data && pp_is_component(data) && length <= NAME_MAX && at + sizeof(*checksum) <= section->size;

	if (good) {
		memcpy(name, data, length + 1);
		memcpy(checksum, data + at, sizeof(*checksum));
	}
	free(data);
	return good;
}

static int open_by_debuglink(struct twin *twin, const struct pp_elf *elf, const struct pp_mapping *mapping, const char *path)
{
	static const char *const formats[] = {"%.*s/%s", "%.*s/.debug/%s", DEBUG_ROOT "%.*s/%s"};
	const char *slash = strrchr(path, '/');
	char name[NAME_MAX + 1], candidate[PATH_MAX];
	int fd = -1;

	if (!slash || !read_debuglink(elf, name, &twin->checksum))
		return -1;
	for (int i = 0; i < 3 && fd < 0; i++)
		if (snprintf(candidate, sizeof(candidate), formats[i], (int)(slash - path), path, name) < (int)sizeof(candidate))
			fd = open_twin(twin, mapping, candidate);
	return fd;
}

int pp_debug_file_open(const struct pp_elf *elf, const struct pp_mapping *mapping, const char *path)
{
	struct twin twin = {.build_id_size = pp_elf_build_id(elf, twin.build_id)};
	int fd = twin.build_id_size ? open_by_build_id(&twin, mapping) : -1;

	return fd >= 0 ? fd : open_by_debuglink(&twin, elf, mapping, path);
}
