/* SPDX-License-Identifier: MIT */
/* Which slot the id in a record stands for: a table that grows, and is never more than half full. */
#include <stdlib.h>

#include "session.h"

static int32_t ids_grow(struct pp_ids *ids, struct pp_error *err)
{
	const uint64_t size = ids->places ? (ids->mask + 1) * 2 : 64;
	struct pp_ids grown = {.places = calloc(size, sizeof(*grown.places)), .mask = size - 1};

	if (!grown.places)
		return pp_fail(err, PP_E_NOMEM, 0, "allocating the table of event ids");
	for (uint64_t i = 0; ids->places && i <= ids->mask; i++) {
		if (ids->places[i].id != 0)
			pp_ids_add(&grown, ids->places[i].id, ids->places[i].slot, err);
	}
	free(ids->places);
	*ids = grown;
	return 0;
}

int32_t pp_ids_add(struct pp_ids *ids, uint64_t id, uint32_t slot, struct pp_error *err)
{
	/* At most half full: a search always meets a free place. */
	if (!ids->places || ids->count >= ids->mask / 2) {
		int32_t code = ids_grow(ids, err);
		if (code < 0)
			return code;
	}
	uint64_t i = id & ids->mask;
	while (ids->places[i].id != 0)
		i = (i + 1) & ids->mask;
	ids->places[i] = (struct pp_id){.id = id, .slot = slot};
	ids->count++;
	return 0;
}
