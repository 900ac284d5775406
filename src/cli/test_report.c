/* The outcome of rule tests three times: for people as it happens, JSON for tools, JUnit for CI. All three
 * are written from one record of an outcome, at once, so that a run that is interrupted has said what it
 * knew. */
#include "cli/test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/files.h"
#include "cli/cli.h"
#include "cli/show.h"

uint64_t test_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- a failure in words --- */

static void show_indented(const char *text, struct buf *out)
{
    while (*text) {
        size_t n = strcspn(text, "\n");

        buf_addf(out, "    %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void show_why(const char *json, struct buf *out)
{
    cJSON *why = cJSON_Parse(json);
    const cJSON *g, *l;

    cJSON_ArrayForEach(g, field(why, "groups"))
    {
        buf_adds(out, "  why ");
        show_labels(out, field(g, "labels"));
        buf_addc(out, '\n');
        cJSON_ArrayForEach(l, field(g, "levels"))
        {
            buf_addf(out, "    %s\n",
                     field_text(l, "level")[0] ? field_text(l, "level") : field_text(l, "input"));
            show_tree(field(l, "tree"), 3, out);
        }
    }
    if (why && list_size(field(why, "groups")) == 0) {
        buf_adds(out, "  no group: what the rule looks at\n");
        cJSON_ArrayForEach(l, field(why, "leaves"))
        {
            buf_addf(out, "    %s  %.0f groups\n", field_text(l, "leaf"),
                     field_number(l, "groups"));
        }
    }
    cJSON_Delete(why);
}

/* What a failure looks like. */
static void show_failure(const struct test_outcome *o, struct buf *out)
{
    const struct testbench_result *r = &o->result;

    if (o->error) {
        buf_addf(out, "FAIL %s\n  %s\n", o->name, o->error);
        return;
    }
    buf_addf(out, "FAIL %s:%d  %s\n  %s\n", o->file, r->line, o->name, buf_str(&r->text));
    if (r->history.len) {
        buf_adds(out, "  history\n");
        show_indented(buf_str(&r->history), out);
    }
    if (r->why.len)
        show_why(buf_str(&r->why), out);
}

/* --- JSON and JUnit --- */

static void add_xml(struct buf *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '&')
            buf_adds(out, "&amp;");
        else if (c == '<')
            buf_adds(out, "&lt;");
        else if (c == '>')
            buf_adds(out, "&gt;");
        else if (c == '"')
            buf_adds(out, "&quot;");
        else if (c >= 0x20 || c == '\n' || c == '\t')
            buf_addc(out, (char)c);
        else
            buf_addc(out, '?'); /* not a character of XML 1.0 */
    }
}

static void add_junit(struct buf *out, const struct test_outcome *o, bool passed,
                      const struct buf *text)
{
    buf_adds(out, "  <testcase classname=\"");
    add_xml(out, o->file);
    buf_adds(out, "\" name=\"");
    add_xml(out, o->name);
    buf_addf(out, "\" time=\"%.3f\"", (double)o->took_ns / 1e9);
    if (passed) {
        buf_adds(out, "/>\n");
        return;
    }
    buf_adds(out, ">\n    <failure message=\"");
    add_xml(out, o->error ? o->error : buf_str(&o->result.text));
    buf_adds(out, "\">");
    add_xml(out, buf_str(text));
    buf_adds(out, "</failure>\n  </testcase>\n");
}

static void add_json(struct json *j, const struct test_outcome *o, bool passed)
{
    json_object(j);
    json_kstr(j, "file", o->file);
    json_kstr(j, "test", o->name);
    json_kint(j, "line", o->result.line ? o->result.line : o->line);
    json_kbool(j, "passed", passed);
    json_kint(j, "took_us", (int64_t)(o->took_ns / 1000));
    if (!passed)
        json_kstr(j, "text", o->error ? o->error : buf_str(&o->result.text));
    if (o->result.history.len)
        json_kstr(j, "history", buf_str(&o->result.history));
    if (o->result.why.len) {
        json_key(j, "why");
        json_raw(j, o->result.why.data, o->result.why.len);
    }
    json_object_end(j);
}

void test_report_open(struct test_report *r)
{
    r->json = json_into(&r->json_text);
    json_object(&r->json);
    json_key(&r->json, "tests");
    json_array(&r->json);
}

void test_report_add(struct test_report *r, const struct test_outcome *o)
{
    bool passed = !o->error && o->result.passed;
    struct buf text = BUF_INIT;

    r->n_passed += passed;
    r->n_failed += !passed;
    if (!passed)
        show_failure(o, &text);
    if (!passed && !args_json)
        print_lines(&text);
    add_json(&r->json, o, passed);
    add_junit(&r->junit, o, passed, &text);
    buf_free(&text);
}

static int write_junit(const struct test_report *r, const char *path)
{
    struct buf out = BUF_INIT;
    struct err e = {.text = "no memory"};
    int rc = -1;

    buf_adds(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    buf_addf(&out, "<testsuite name=\"tocsin\" tests=\"%zu\" failures=\"%zu\">\n",
             r->n_passed + r->n_failed, r->n_failed);
    buf_adds(&out, buf_str(&r->junit));
    buf_adds(&out, "</testsuite>\n");
    if (buf_ok(&out))
        rc = file_write(path, out.data, out.len, &e);
    if (rc < 0)
        print_error("tocsin test: %s", e.text);
    buf_free(&out);
    return rc;
}

int test_report_close(struct test_report *r, const char *junit)
{
    json_array_end(&r->json);
    json_kint(&r->json, "passed", (int64_t)r->n_passed);
    json_kint(&r->json, "failed", (int64_t)r->n_failed);
    json_object_end(&r->json);
    if (args_json)
        printf("%s\n", buf_str(&r->json_text));
    else
        printf("%zu passed, %zu failed\n", r->n_passed, r->n_failed);
    return junit ? write_junit(r, junit) : 0;
}

void test_report_free(struct test_report *r)
{
    buf_free(&r->json_text);
    buf_free(&r->junit);
}
