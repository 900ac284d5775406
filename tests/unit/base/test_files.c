#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/mem.h"

static char folder[64];

static const char *at(const char *name)
{
    static char path[4][128];
    static int next;
    char *p = path[next++ % 4];

    snprintf(p, 128, "%s/%s", folder, name);
    return p;
}

static void open_folder(void)
{
    strcpy(folder, "/tmp/tocsin-files-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void put(const char *name, const char *text)
{
    struct err e;

    ck_assert_int_eq(file_write(at(name), text, strlen(text), &e), 0);
}

static void remove_all(void)
{
    static const char *const names[] = {"a.lua", "b.lua", "c.csv", "d.lua"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(at(names[i]));
    ck_assert_int_eq(rmdir(folder), 0); /* no temporary file is left */
}

START_TEST(a_file_is_read_at_its_bound_and_refused_beside_it)
{
    struct err e;
    size_t len;
    char *text;

    open_folder();
    put("a.lua", "12345");
    text = file_read(at("a.lua"), 5, &len, &e);
    ck_assert(len == 5);
    ck_assert_str_eq(text, "12345");
    mem_free(text);
    ck_assert_ptr_null(file_read(at("a.lua"), 4, &len, &e));
    ck_assert(e.code == ERR_LIMIT && strstr(e.text, "a.lua: longer than 4 bytes"));
    ck_assert_ptr_null(file_read(at("none"), 5, &len, &e));
    ck_assert(e.code == ERR_IO && strstr(e.text, "No such file"));
    ck_assert_ptr_null(file_read(folder, 5, &len, &e));
    ck_assert(e.code == ERR_INPUT && strstr(e.text, "not a file"));
    mem_fail_at(1);
    ck_assert_ptr_null(file_read(at("a.lua"), 5, &len, &e));
    mem_fail_at(0);
    ck_assert(e.code == ERR_MEMORY);
    remove_all();
}
END_TEST

START_TEST(a_written_file_replaces_the_old_one_whole_and_is_the_owners)
{
    struct err e;
    struct stat st;
    size_t len;
    char *text;

    open_folder();
    put("a.lua", "a long first version");
    put("a.lua", "second");
    text = file_read(at("a.lua"), 100, &len, &e);
    ck_assert_str_eq(text, "second");
    mem_free(text);
    ck_assert_int_eq(stat(at("a.lua"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(file_write(at("none/a.lua"), "x", 1, &e), -1);
    ck_assert(e.code == ERR_IO);
    remove_all();
}
END_TEST

static bool not_d(const char *path)
{
    return !strstr(path, "/d.lua");
}

START_TEST(paths_are_sorted_each_once_and_chosen)
{
    const char *patterns[2];
    struct err e;
    char **paths;
    long n;

    open_folder();
    put("d.lua", "");
    put("b.lua", "");
    put("a.lua", "");
    put("c.csv", "");
    patterns[0] = at("*.lua");
    patterns[1] = at("{a,c}.*");
    n = file_paths(patterns, 2, not_d, &paths, &e);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(strrchr(paths[0], '/'), "/a.lua");
    ck_assert_str_eq(strrchr(paths[1], '/'), "/b.lua");
    ck_assert_str_eq(strrchr(paths[2], '/'), "/c.csv");
    file_paths_free(paths, n);
    patterns[0] = at("none/*");
    ck_assert_int_eq(file_paths(patterns, 1, NULL, &paths, &e), 0);
    file_paths_free(paths, 0);
    remove_all();
}
END_TEST

static void add(TCase *t)
{
    tcase_add_test(t, a_file_is_read_at_its_bound_and_refused_beside_it);
    tcase_add_test(t, a_written_file_replaces_the_old_one_whole_and_is_the_owners);
    tcase_add_test(t, paths_are_sorted_each_once_and_chosen);
}

UNIT_MAIN("files", add)
