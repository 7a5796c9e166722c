/* SPDX-License-Identifier: MIT */
/*
 * Reads the files that are packed behind this program. Every number of the table is checked against the file: one that was cut
 * short or altered is said to be damaged, and never read beyond.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "pack.h"

#define MAX_ENTRIES 256

static int damaged(void)
{
	errno = EBADMSG;
	return -1;
}

static int read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
	ssize_t got = pread(fd, buffer, size, (off_t)offset);

	if (got < 0)
		return -1;
	return (size_t)got == size ? 0 : damaged();
}

static int entry_is_valid(const struct pack_entry *entry, uint64_t end)
{
	return entry->path[0] && !entry->path[sizeof(entry->path) - 1] && entry->kind <= PACK_LIBRARY && entry->offset <= end &&
	       entry->packed <= end - entry->offset;
}

static int read_table(struct pack *pack, uint64_t file_size)
{
	size_t table;
	uint64_t end;

	if (file_size < sizeof(pack->footer))
		return damaged();
	end = file_size - sizeof(pack->footer);
	if (read_at(pack->fd, &pack->footer, sizeof(pack->footer), end))
		return -1;
	if (memcmp(pack->footer.magic, PACK_MAGIC, sizeof(pack->footer.magic)) || pack->footer.id[sizeof(pack->footer.id) - 1] ||
	    pack->footer.count > MAX_ENTRIES)
		return damaged();
	table = pack->footer.count * sizeof(*pack->entries);
	if (table > end)
		return damaged();
	pack->entries = malloc(table + 1);
	if (!pack->entries || read_at(pack->fd, pack->entries, table, end - table))
		return -1;
	for (uint32_t i = 0; i < pack->footer.count; i++)
		if (!entry_is_valid(&pack->entries[i], end - table))
			return damaged();
	return pack_find(pack, PACK_RUNTIME) && pack_find(pack, PACK_PROGRAM) && pack_find(pack, PACK_LIBRARY) ? 0 : damaged();
}

int pack_open(struct pack *pack)
{
	struct stat file;

	memset(pack, 0, sizeof(*pack));
	pack->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (pack->fd < 0 || fstat(pack->fd, &file))
		return -1;
	return read_table(pack, (uint64_t)file.st_size);
}

void pack_close(struct pack *pack)
{
	free(pack->entries);
	close(pack->fd);
}

const struct pack_entry *pack_find(const struct pack *pack, enum pack_kind kind)
{
	for (uint32_t i = 0; i < pack->footer.count; i++)
		if (pack->entries[i].kind == kind)
			return &pack->entries[i];
	return NULL;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0)
			return -1;
		bytes += written;
		size -= (size_t)written;
	}
	return 0;
}

/* One whole frame from `in` to `fd`, of exactly `size` bytes. zstd compares the hash at its end. */
static int decompress(ZSTD_DCtx *zstd, ZSTD_inBuffer in, int fd, uint64_t size)
{
	static char block[1 << 18];
	uint64_t total = 0;
	size_t left;

	do {
		ZSTD_outBuffer out = {block, sizeof(block), 0};
		size_t before = in.pos;

		left = ZSTD_decompressStream(zstd, &out, &in);
		total += out.pos;
		if (ZSTD_isError(left) || total > size || (!out.pos && in.pos == before))
			return damaged();
		if (write_all(fd, block, out.pos))
			return -1;
	} while (left);
	return total == size ? 0 : damaged();
}

int pack_extract(const struct pack *pack, const struct pack_entry *entry, int fd)
{
	/* mmap takes page-aligned offsets only: from the start of the file. */
	size_t length = (size_t)(entry->offset + entry->packed);
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	char *file = mmap(NULL, length, PROT_READ, MAP_PRIVATE, pack->fd, 0);
	int result = -1;

	if (zstd && file != MAP_FAILED) {
		ZSTD_inBuffer in = {file + entry->offset, entry->packed, 0};

		result = decompress(zstd, in, fd, entry->size);
	}
	if (file != MAP_FAILED)
		munmap(file, length);
	ZSTD_freeDCtx(zstd);
	return result;
}

/* Kernels from 6.3 on want to be told whether it is to be executed; older ones do not know the flags. */
static int memory_file(const char *name, int exec)
{
	unsigned int flags = MFD_ALLOW_SEALING | (exec ? MFD_CLOEXEC : 0);
	unsigned int kind = exec ? 0x0010U /* MFD_EXEC */ : 0x0008U /* MFD_NOEXEC_SEAL */;
	int fd = memfd_create(name, flags | kind);

	return fd < 0 && errno == EINVAL ? memfd_create(name, flags) : fd;
}

int pack_extract_memory(const struct pack *pack, const struct pack_entry *entry, int exec)
{
	int fd = memory_file("perfprof", exec);

	if (fd < 0)
		return -1;
	if (pack_extract(pack, entry, fd) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) ||
	    lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}
