/* Every name that Tocsin uses in Redis, and how large what stands there can become.
 *
 *   tocsin:meta              one installation
 *   tocsin:{g.p}:…           data: partition p of generation g of the partitioning
 *   tocsin:{c}:…             control: all that concerns people, under one slot, so that one
 *                            transaction can change any of it
 *
 * The part in braces is what Redis Cluster hashes: keys of one tag lie on one node. There is one
 * partition to begin with, {1.0}; names with another are made by key_data(). */
#ifndef TOCSIN_BASE_KEYS_H
#define TOCSIN_BASE_KEYS_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#define KEY_PREFIX "tocsin:"

/* Hash: format version, hash seed, generation of the partitioning. About ten fields. */
#define KEY_META "tocsin:meta"

/* --- data of a partition ----------------------------------------------------------------------- */

#define KEY_DATA_TAG   "{1.0}"
#define KEY_DATA(name) "tocsin:" KEY_DATA_TAG ":" name

/* Stream of blocks. Bounded by retention in time and by a share of Redis' memory. */
#define KEY_JOURNAL KEY_DATA("journal")
/* Stream: once more the blocks that no published cut holds, under the same ids. About two minutes of
 * load, at most a quarter of the journal's share. */
#define KEY_COPY KEY_DATA("copy")
/* Hash: first dense id of a chunk -> the labels of up to 4,096 series, packed. As many series as
 * their limit allows, each chunk twice (the second under its id and a '+'); chunks go when none of theirs lives and no block needs them. */
#define KEY_SERIES KEY_DATA("series")
/* Hash: the published cut: its id, its journal id, its number of chunks. A few fields. */
#define KEY_CUT KEY_DATA("cut")
/* Hash: the pieces of one cut by number from 0; key_cut() adds its id. At most two exist: the published one and
 * the one being written, each within the windows' memory budget. */
#define KEY_CUT_CHUNKS KEY_DATA("cut") ":"
/* String with an expiry: which worker owns the partition. */
#define KEY_DATA_LEASE KEY_DATA("lease")

/* --- control ------------------------------------------------------------------------------------- */

#define KEY_CONTROL_TAG   "{c}"
#define KEY_CONTROL(name) "tocsin:" KEY_CONTROL_TAG ":" name

/* Hash: number of the last transaction, instants decided up to. About ten fields. */
#define KEY_CONTROL_META KEY_CONTROL("meta")
/* Hash: alert id -> state and why. One field an alert that is not inactive, up to the limit of
 * alerts a rule and of the installation. */
#define KEY_ALERTS KEY_CONTROL("alerts")
/* Stream: state changes on their way from evaluation to notification. Capped. */
#define KEY_CHANGES KEY_CONTROL("changes")
/* Stream: what happened to alerts and notifications, for people. Capped. */
#define KEY_HISTORY KEY_CONTROL("history")
/* Hash: incident -> its record. One field an open incident; closed ones go after their keep time. */
#define KEY_GROUPS KEY_CONTROL("groups")
/* Hash: (receiver, incident) -> what was delivered last and what is owed. Receivers times open
 * incidents; settled entries go with their incident; dead letters are capped. */
#define KEY_LEDGER KEY_CONTROL("ledger")
/* Sorted set: (receiver, incident) or timer by due time in ms. As the ledger. */
#define KEY_DUE KEY_CONTROL("due")
/* Hash: silence id -> silence. Capped; expired ones go after their keep time. */
#define KEY_SILENCES KEY_CONTROL("silences")
/* Hash: incident -> acknowledgement. At most one an open incident. */
#define KEY_ACKS KEY_CONTROL("acks")
/* Stream: who changed what through API and command. Capped. */
#define KEY_AUDIT KEY_CONTROL("audit")
/* Hash: rule file -> the last version that was accepted. One field a rule file. */
#define KEY_RULES KEY_CONTROL("rules")
/* Stream: messages of the inbox channel. Capped at INBOX_MAX. */
#define KEY_INBOX KEY_CONTROL("inbox")
/* Hash: who acts (tocsin/lease.h). Seven short fields. */
#define KEY_CONTROL_LEASE KEY_CONTROL("lease")

/* --- names made at run time ---------------------------------------------------------------------- */

/* Longest key with its NUL: "tocsin:{4294967295.4294967295}:cut:18446744073709551615". */
#define KEY_LEN 80

/* "tocsin:{g.p}:name"; `name` has at most 24 bytes (asserted). */
static inline void key_data(char out[KEY_LEN], uint32_t generation, uint32_t partition,
                            const char *name)
{
    int n = snprintf(out, KEY_LEN, KEY_PREFIX "{%u.%u}:%s", generation, partition, name);

    assert(n > 0 && n < KEY_LEN);
}

/* "tocsin:{1.0}:cut:<id>" */
static inline void key_cut(char out[KEY_LEN], uint64_t id)
{
    snprintf(out, KEY_LEN, KEY_CUT_CHUNKS "%llu", (unsigned long long)id);
}

#endif
