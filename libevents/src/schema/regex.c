/* SPDX-License-Identifier: MIT
 * regex.c - PCRE2 with bounds. Its own limit counts anew for every place where a match may begin, so that it
 * bounds the work for short texts only. For long ones, and where it is reached, a second form of the
 * expression stops at every item and adds up how far it went. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "schema/regex.h"

#include <pcre2.h>

#include "base/alloc.h"

enum {
  TEXT_SHORT = 4096,
  STEPS_PLAIN = 1000, /* for each beginning in a short text */
  STEPS_COUNTED = 2000000,
  STEPS_FOLDED =
      100000, /* names are short, and one of many that are tried on each event must not hold it up */
  STEPS_PER_BYTE = 16,
  DEPTH_MAX = 100000,
  HEAP_KIB_MAX = 32 * 1024,
  OPTIONS = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS |
            PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK,
};

struct evsi_regex {
  pcre2_code *plain;
  pcre2_code *counted;
  uint64_t steps;
};

struct evsi_regex_memory {
  pcre2_general_context *general;
  pcre2_match_context *context;
  pcre2_match_data *data;
};

typedef struct work {
  uint64_t left;
  PCRE2_SIZE position;
} work;

static void *take_memory(PCRE2_SIZE size, void *data) {
  (void)data;
  return evsi_alloc(size);
}

static void give_memory(void *memory, void *data) {
  (void)data;
  evsi_free(memory);
}

static pcre2_code *compile_with(evs_bytes pattern, uint32_t options, pcre2_general_context *general,
                                int *out_code) {
  pcre2_compile_context *context = pcre2_compile_context_create(general);
  if (!context) {
    *out_code = PCRE2_ERROR_NOMEMORY;
    return NULL;
  }
  PCRE2_SIZE offset;
  pcre2_code *code =
      pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size, OPTIONS | options, out_code, &offset, context);
  pcre2_compile_context_free(context);
  return code;
}

/* Both forms of a translated expression, or a code of PCRE2. */
static evsi_regex *compile_both(evs_bytes pattern, uint32_t options, int *out_code) {
  *out_code = PCRE2_ERROR_NOMEMORY;
  evsi_regex *regex = evsi_calloc(1, sizeof *regex);
  pcre2_general_context *general = pcre2_general_context_create(take_memory, give_memory, NULL);
  if (regex && general) {
    regex->plain = compile_with(pattern, options, general, out_code);
    if (regex->plain)
      regex->counted = compile_with(pattern, options | PCRE2_AUTO_CALLOUT, general, out_code);
  }
  pcre2_general_context_free(general);
  if (regex && regex->counted) {
    pcre2_jit_compile(regex->plain, PCRE2_JIT_COMPLETE); /* where it fails it is interpreted */
    regex->steps = options & PCRE2_CASELESS ? STEPS_FOLDED : STEPS_COUNTED;
    return regex;
  }
  evsi_regex_free(regex);
  return NULL;
}

static evsi_regex_fault compile(evs_bytes pattern, uint32_t options, evsi_regex **out, evsi_buf *why) {
  enum { LOOKBEHIND_NOT_FIXED = 125, TOO_LARGE = 120, TOO_MANY_PARENTHESES = 119 };
  evsi_buf translated = {0};
  evsi_buf_reserve(&translated, 0);
  const char *refusal = evsi_regex_translate(pattern, &translated);
  if (refusal) {
    evsi_buf_add_text(why, refusal);
    evsi_buf_free(&translated);
    return EVSI_REGEX_INVALID;
  }
  int code = PCRE2_ERROR_NOMEMORY;
  *out =
      translated.failed ? NULL : compile_both(evsi_bytes(translated.data, translated.size), options, &code);
  evsi_buf_free(&translated);
  if (*out)
    return EVSI_REGEX_FINE;
  if (code == PCRE2_ERROR_NOMEMORY || code == 121)
    return EVSI_REGEX_NO_MEMORY;
  PCRE2_UCHAR text[160] = "";
  pcre2_get_error_message(code, text, sizeof text);
  evsi_buf_add_text(why, (const char *)text);
  bool is_ours = code == LOOKBEHIND_NOT_FIXED || code == TOO_LARGE || code == TOO_MANY_PARENTHESES;
  return is_ours ? EVSI_REGEX_UNSUPPORTED : EVSI_REGEX_INVALID;
}

evsi_regex_fault evsi_regex_compile(evs_bytes pattern, evsi_regex **out, evsi_buf *why) {
  return compile(pattern, 0, out, why);
}

evsi_regex_fault evsi_regex_compile_folded(evs_bytes pattern, evsi_regex **out, evsi_buf *why) {
  return compile(pattern, PCRE2_CASELESS, out, why);
}

evsi_regex *evsi_regex_compile_own(const char *pattern) {
  int code;
  return compile_both(evsi_text(pattern), 0, &code);
}

void evsi_regex_free(evsi_regex *regex) {
  if (!regex)
    return;
  pcre2_code_free(regex->plain);
  pcre2_code_free(regex->counted);
  evsi_free(regex);
}

/* A step costs one, and as many as the characters that it went over. */
static int count_step(pcre2_callout_block *block, void *data) {
  work *w = data;
  PCRE2_SIZE to = block->current_position;
  uint64_t cost = 1 + (to > w->position ? to - w->position : 0);
  w->position = to;
  if (cost > w->left)
    return PCRE2_ERROR_CALLOUT;
  w->left -= cost;
  return 0;
}

static evsi_regex_memory *memory_create(void) {
  evsi_regex_memory *memory = evsi_calloc(1, sizeof *memory);
  if (!memory)
    return NULL;
  memory->general = pcre2_general_context_create(take_memory, give_memory, NULL);
  if (memory->general) {
    memory->context = pcre2_match_context_create(memory->general);
    memory->data = pcre2_match_data_create(1, memory->general);
  }
  if (!memory->context || !memory->data) {
    evsi_regex_memory_free(memory);
    return NULL;
  }
  pcre2_set_depth_limit(memory->context, DEPTH_MAX);
  pcre2_set_heap_limit(memory->context, HEAP_KIB_MAX);
  return memory;
}

void evsi_regex_memory_free(evsi_regex_memory *memory) {
  if (!memory)
    return;
  pcre2_match_data_free(memory->data);
  pcre2_match_context_free(memory->context);
  pcre2_general_context_free(memory->general);
  evsi_free(memory);
}

static int run(const pcre2_code *code, evsi_regex_memory *memory, evs_bytes text, work *counted) {
  pcre2_set_match_limit(memory->context, counted ? UINT32_MAX : STEPS_PLAIN);
  pcre2_set_callout(memory->context, counted ? count_step : NULL, counted);
  return pcre2_match(code, (PCRE2_SPTR)(text.size ? text.data : ""), text.size, 0, PCRE2_NO_UTF_CHECK,
                     memory->data, memory->context);
}

static evsi_regex_verdict verdict(int result) {
  if (result == PCRE2_ERROR_NOMATCH)
    return EVSI_REGEX_NO;
  if (result >= 0)
    return EVSI_REGEX_YES;
  return result == PCRE2_ERROR_NOMEMORY ? EVSI_REGEX_SHORT_OF_MEMORY : EVSI_REGEX_GAVE_UP;
}

evsi_regex_verdict evsi_regex_match(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes text) {
  if (!*memory)
    *memory = memory_create();
  if (!*memory)
    return EVSI_REGEX_SHORT_OF_MEMORY;
  if (text.size <= TEXT_SHORT) {
    int result = run(regex->plain, *memory, text, NULL);
    if (result != PCRE2_ERROR_MATCHLIMIT && result != PCRE2_ERROR_JIT_STACKLIMIT)
      return verdict(result);
  }
  work counted = {.left = regex->steps + STEPS_PER_BYTE * text.size};
  return verdict(run(regex->counted, *memory, text, &counted));
}
