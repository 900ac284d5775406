/* The channels there are. */
#include <string.h>

#include "tocsin/channel.h"

const struct channel *const channel_table[CHANNEL_TYPES] = {
    [CHANNEL_INBOX] = &channel_inbox,
    [CHANNEL_WEBHOOK] = &channel_webhook,
    [CHANNEL_SLACK] = &channel_slack,
    [CHANNEL_EMAIL] = &channel_email,
};

const struct channel *channel_find(const char *name)
{
    for (size_t i = 0; i < CHANNEL_TYPES; i++)
        if (strcmp(channel_table[i]->name, name) == 0)
            return channel_table[i];
    return NULL;
}
