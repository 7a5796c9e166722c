/* SPDX-License-Identifier: MIT */
/*
 * The memory of a spill (spill.c): whole records in a circle, the oldest first. Owns the mapping. It knows nothing of what is in
 * it, of locks, or of threads.
 */
#include <errno.h>
#include <sys/mman.h>

#include "session.h"

int32_t pp_queue_init(struct pp_queue *queue, uint32_t size, struct pp_error *err)
{
	uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return pp_fail(err, PP_E_NOMEM, ENOMEM, "queue of %u bytes", size);
	*queue = (struct pp_queue){.bytes = bytes, .size = size};
	return PP_OK;
}

void pp_queue_free(struct pp_queue *queue)
{
	munmap(queue->bytes, queue->size);
}

uint32_t pp_queue_room(struct pp_queue *queue)
{
	if (!queue->wrapped) {
		if (queue->size - queue->head >= PP_RECORD_MAX)
			return queue->size - queue->head;
		queue->end = queue->head;
		queue->head = 0;
		queue->wrapped = true;
	}
	const uint32_t left = queue->tail - queue->head;
	return left >= PP_RECORD_MAX ? left : 0;
}

void pp_queue_put(struct pp_queue *queue, uint32_t size)
{
	queue->head += size;
	if (queue->head > queue->reached)
		queue->reached = queue->head;
}

void pp_queue_drop(struct pp_queue *queue, uint32_t size)
{
	queue->tail += size;
	if (queue->wrapped && queue->tail == queue->end) {
		queue->tail = 0;
		queue->wrapped = false;
	}
	if (!pp_queue_is_empty(queue))
		return;
	/* Back to the system: a queue that is not used takes no memory, but for what one read of a handler's events passes through.
	 */
	if (queue->reached > PP_QUEUE_CHUNK)
		madvise(queue->bytes, queue->reached, MADV_DONTNEED);
	queue->head = queue->tail = queue->reached = 0;
}
