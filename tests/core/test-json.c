#include "json.h"

#include "contract.h"

/* A value in memory of exactly its size, written to memory of the same size. */
static void value(const char *text, const tt_json_wanted *wanted, const char *want,
                  size_t want_used, const char *sentence) {
  const size_t length = strlen(text);
  char *in = malloc(length + (length == 0));
  char *out = malloc(length + (length == 0));
  size_t used = 99;
  size_t count = 99;
  memcpy(in, text, length);
  tt_json_value(in, length, wanted, out, &used, &count);
  const int same =
      used == want_used && count == strlen(want) && memcmp(out, want, count) == 0;
  check_that(same, sentence);
  if (!same) {
    printf("#   used %zu, got %zu bytes: %.*s\n", used, count, (int)count, out);
  }
  free(in);
  free(out);
}

static const char *const names[] = {"a", "events"};
static const char *const needles[] = {NULL, "read"};
static const tt_json_wanted all = {NULL, NULL, 0, 0};
static const tt_json_wanted only = {names, needles, 2, 1};
static const tt_json_wanted others = {names, needles, 2, 0};

static void test_ends(void) {
  value("", &all, "", 0, "no text has no value");
  value("{\"a\": [1, {}]} ,", &all, "{\"a\": [1, {}]}", 14, "an object ends");
  value("[[\"]\"], 2],3", &all, "[[\"]\"], 2]", 10, "brackets in strings are text");
  value("\"a\\\"]\",", &all, "\"a\\\"]\"", 6, "an escaped quote does not end a string");
  value("\"a\\\\\",1", &all, "\"a\\\\\"", 5, "one after an escaped backslash does");
  value("12, 3", &all, "12", 2, "a number ends at the comma");
  value("12", &all, "", 0, "or may go on");
  value("{\"a\": 1", &all, "", 0, "an object may not end");
  value("\"abc\\", &all, "", 0, "nor a string");
  value("]", &all, "]", 1, "what cannot be is passed on");
}

static void test_members(void) {
  value("{\"b\": {\"a\": 1}, \"a\" : [1, 2]}", &only, "{\"a\" : [1, 2]}", 29,
        "one of two members is left");
  value("{\"b\": 1,\n \"a\": 2, \"c\": 3}x", &others, "{\"b\": 1,\"c\": 3}", 25,
        "or the others");
  value("{\"ab\": 1, \"\": 2}", &only, "{}", 16, "none has the name");
  value("{ }", &only, "{ }", 3, "none is there");
  value("{\"events\": [{\"cache\": \"write\"}]}", &only, "{}", 32,
        "a value without the word is not wanted");
  value("{\"events\":[{\"cache\":\"read\"}]}", &only,
        "{\"events\":[{\"cache\":\"read\"}]}", 29, "with it, it is");
  value("{\"events\":[\"\\\"read\\\"\", \"reader\"]}", &only, "{}", 33,
        "a part of a string is no such word");
  value("[{\"b\": 1}]", &only, "[{\"b\": 1}]", 10, "members of others stay");
}

static void test_broken(void) {
  value("{\"a\": 1 \"b\": 2}", &only, "{\"a\": 1 \"b\": 2}", 15,
        "an object without a comma stays as it is");
  value("{\"a\": 1,}", &only, "{\"a\": 1,}", 9, "one with a comma too many");
  value("{,\"a\": 1}", &others, "{,\"a\": 1}", 9, "or too soon");
  value("{\"a\" 1}", &only, "{\"a\" 1}", 7, "or without a colon");
  value("{\"a\": 1", &only, "", 0, "one that does not end");
  value("{\"a\"", &only, "", 0, "in its name");
  value("{\"a\": ", &only, "", 0, "before its value");
}

static void find(const char *text, size_t depth, int want_known, size_t want,
                 const char *sentence) {
  static const char *const path[] = {"results", "list"};
  size_t begin = 99;
  int known = tt_json_find(text, strlen(text), path, depth, &begin);
  check_that(known == want_known && begin == want, sentence);
}

static void test_find(void) {
  find("{\"results\": [1]}", 1, 1, 13, "an array is found");
  find(" {\"x\":{\"results\":[]},\"results\":[", 1, 1, 32, "not that of another object");
  find("{\"results\": {\"a\": [], \"list\" : [1]}}", 2, 1, 32, "one within another");
  find("{\"results\": {\"a\": []}}", 2, 1, 0, "an object without it");
  find("{\"results\": [1]}", 2, 1, 0, "another type on the way");
  find("{\"results\": null}", 1, 1, 0, "or at its end");
  find("[1]", 1, 1, 0, "a document that is no object");
  find("", 1, 0, 0, "no document");
  find("{\"x\": \"results", 1, 0, 0, "one that is to be continued");
  find("{\"results\": ", 1, 0, 0, "and just before it");
}

static void test_odd(void) {
  static const char *const odd[] = {"{\"a\": NaN}", "-Infinity", "\"\\u0000\"",
                                    "\\ud83d",      "\\uDC00",   "\xc3\xa9"};
  int right = 0;
  for (size_t k = 0; k < 6; k++) {
    right += tt_json_is_odd(odd[k], strlen(odd[k]));
  }
  check_that(right == 6, "what parsers stumble over is seen");
  const char *plain = "{\"No\": \"In Na I N \\u0041 \\n\"}";
  check_that(!tt_json_is_odd(plain, strlen(plain)), "and nothing else");
  check_that(tt_json_next(" ,\n\t,x", 6, 0) == 5, "separators are skipped");
  check_that(tt_json_next(" ,", 2, 0) == 2, "up to the end");
}

int main(void) {
  test_ends();
  test_members();
  test_broken();
  test_find();
  test_odd();
  return check_report();
}
