#include "json.h"

#include <string.h>

static int is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Whether a scalar that is no string ends before this byte. */
static int ends_scalar(char c) {
  return is_space(c) || c == ',' || c == ']' || c == '}';
}

/* All ends are one past the last byte, and 0 where there is none: every value has a
 * byte. Behind the quote at `from`, the next that no backslash escapes. */
static size_t string_end(const char *text, size_t length, size_t from) {
  size_t at = from + 1;
  while (at < length) {
    const char *quote = memchr(text + at, '"', length - at);
    if (quote == NULL) {
      return 0;
    }
    size_t end = (size_t)(quote - text);
    size_t back = end;
    while (back > from + 1 && text[back - 1] == '\\') {
      back--;
    }
    if ((end - back) % 2 == 0) {
      return end + 1;
    }
    at = end + 1;
  }
  return 0;
}

static int is_string(const char *text, size_t from, size_t end, const char *what) {
  size_t n = strlen(what);
  return end - from == n + 2 && memcmp(text + from + 1, what, n) == 0;
}

/* The end of the value at `from`, and whether `needle` is among its strings. */
static size_t value_end(const char *text, size_t length, size_t from, const char *needle,
                        int *found) {
  size_t depth = 0;
  size_t at = from;
  while (at < length) {
    char c = text[at];
    if (c == '"') {
      size_t end = string_end(text, length, at);
      if (needle != NULL && end > 0 && is_string(text, at, end, needle)) {
        *found = 1;
      }
      if (end == 0 || depth == 0) {
        return end;
      }
      at = end;
    } else if (c == '{' || c == '[') {
      depth++;
      at++;
    } else if (depth > 0 && (c == '}' || c == ']')) {
      depth--;
      at++;
      if (depth == 0) {
        return at;
      }
    } else if (depth == 0) {
      if (ends_scalar(c)) {
        return at > from ? at : at + 1;
      }
      at++;
    } else {
      at++;
    }
  }
  return 0;
}

static size_t skip_space(const char *text, size_t length, size_t from) {
  while (from < length && is_space(text[from])) {
    from++;
  }
  return from;
}

size_t tt_json_next(const char *text, size_t length, size_t from) {
  while (from < length && (is_space(text[from]) || text[from] == ',')) {
    from++;
  }
  return from;
}

/* The name that is written in text[from, end), or `count`. */
static size_t which_name(const tt_json_wanted *wanted, const char *text, size_t from,
                         size_t end) {
  size_t k = 0;
  while (k < wanted->count && !is_string(text, from, end, wanted->names[k])) {
    k++;
  }
  return k;
}

/* As it is, which is right for all but objects, and for objects that no parser would
 * read. */
static void copy_value(const char *text, size_t length, char *out, size_t *used,
                       size_t *count) {
  size_t end = value_end(text, length, 0, NULL, NULL);
  memcpy(out, text, end);
  *used = end;
  *count = end;
}

/* Where in a text a member of an object has its name and its value. */
typedef struct {
  size_t name;
  size_t name_end;
  size_t value;
} member;

typedef enum { MEMBER, NO_MEMBER, TEXT_ENDS } member_kind;

/* The member at `from`, up to where its value begins. */
static member_kind read_member(const char *text, size_t length, size_t from, member *m) {
  if (from == length) {
    return TEXT_ENDS;
  }
  if (text[from] != '"') {
    return NO_MEMBER;
  }
  m->name = from;
  m->name_end = string_end(text, length, from);
  size_t colon = m->name_end > 0 ? skip_space(text, length, m->name_end) : length;
  m->value = colon < length ? skip_space(text, length, colon + 1) : length;
  if (m->value == length) {
    return TEXT_ENDS;
  }
  return text[colon] == ':' ? MEMBER : NO_MEMBER;
}

void tt_json_value(const char *text, size_t length, const tt_json_wanted *wanted,
                   char *out, size_t *used, size_t *count) {
  *used = 0;
  *count = 0;
  size_t at = skip_space(text, length, 1);
  if (length < 2 || text[0] != '{' || wanted->count == 0 ||
      (at < length && text[at] == '}')) {
    copy_value(text, length, out, used, count);
    return;
  }
  size_t n = 0;
  out[n++] = '{';
  for (;;) {
    member m;
    member_kind kind = read_member(text, length, at, &m);
    if (kind == TEXT_ENDS) {
      return;
    }
    if (kind == NO_MEMBER) {
      copy_value(text, length, out, used, count);
      return;
    }
    size_t k = which_name(wanted, text, m.name, m.name_end);
    int listed = k < wanted->count;
    const char *needle = listed && wanted->only ? wanted->needles[k] : NULL;
    int found = needle == NULL;
    size_t end = value_end(text, length, m.value, needle, &found);
    size_t next = skip_space(text, length, end);
    if (end == 0 || next == length) {
      return;
    }
    if (listed == (wanted->only != 0) && found) {
      if (n > 1) {
        out[n++] = ',';
      }
      memcpy(out + n, text + m.name, end - m.name);
      n += end - m.name;
    }
    if (text[next] == '}') {
      out[n++] = '}';
      *used = next + 1;
      *count = n;
      return;
    }
    if (text[next] != ',') {
      copy_value(text, length, out, used, count);
      return;
    }
    at = skip_space(text, length, next + 1);
  }
}

int tt_json_find(const char *text, size_t length, const char *const *path, size_t depth,
                 size_t *begin) {
  *begin = 0;
  size_t at = skip_space(text, length, 0);
  for (size_t level = 0; level < depth;) {
    if (at == length) {
      return 0;
    }
    if (text[at] != '{' && text[at] != ',') {
      return 1;
    }
    member m;
    at = skip_space(text, length, at + 1);
    member_kind kind = read_member(text, length, at, &m);
    if (kind != MEMBER) {
      return kind == NO_MEMBER;
    }
    if (is_string(text, m.name, m.name_end, path[level])) {
      level++;
      at = m.value;
      if (level < depth) {
        continue;
      }
    } else {
      size_t end = value_end(text, length, m.value, NULL, NULL);
      if (end == 0) {
        return 0;
      }
      at = skip_space(text, length, end);
    }
  }
  if (at < length && text[at] == '[') {
    *begin = at + 1;
  }
  return 1;
}

static int begins_with(const char *text, size_t length, const char *what) {
  size_t n = strlen(what);
  return length >= n && memcmp(text, what, n) == 0;
}

int tt_json_is_odd(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    const char *at = text + i;
    size_t left = length - i;
    switch (*at) {
    case 'N':
      if (begins_with(at, left, "NaN")) {
        return 1;
      }
      break;
    case 'I':
      if (begins_with(at, left, "Infinity")) {
        return 1;
      }
      break;
    case '\\':
      if (begins_with(at, left, "\\u0000") || begins_with(at, left, "\\ud") ||
          begins_with(at, left, "\\uD")) {
        return 1;
      }
      break;
    default:
      if ((unsigned char)*at >= 0x80u) {
        return 1;
      }
    }
  }
  return 0;
}
