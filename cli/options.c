/* SPDX-License-Identifier: MIT
 * options.c - argument parsing with argp: one option table for all verbs, so that an option may stand before
 * the verb too; whether the verb has it is checked afterwards. */
#include "options.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "output.h"

enum { KEY_BASE = 256, KEY_HELP = 'h', KEY_PROGRAM_VERSION = 'V' };

static const struct argp_option option_table[] = {
#define CLI_OPTION_ENTRY(id, name, arg, help) {name, KEY_BASE + CLI_OPT_##id, arg, 0, help, 0},
    CLI_OPTIONS(CLI_OPTION_ENTRY)
#undef CLI_OPTION_ENTRY
        {"help", KEY_HELP, NULL, 0, "print this help", -1},
    {"usage", 0, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, -1},
    {"program-version", KEY_PROGRAM_VERSION, NULL, 0, "print the version of the command and the library", -1},
    {0}};

static const char general_doc[] =
    "Publish, watch and repair events from a shell.\v"
    "Options may stand before or after the command. `events COMMAND --help` explains one command.\n\n"
    "Without --config, --redis and --file the store is the Redis named by EVENTS_REDIS_URL, else "
    "redis://127.0.0.1:6379.\n\n"
    "Example:\n"
    "  events publish order.placed '{\"id\":7}' --key 7\n\n"
    "Exit codes: 0 done; 1 the operation, or a part of it, failed; 2 wrong usage; 3 the configuration is "
    "wrong; 4 the store cannot be reached; 5 not found.";

typedef struct parse_state {
  cli_call *cli;
  int words; /* in cli->words */
  bool help, version;
} parse_state;

static void parse_header(cli_call *cli, const char *text, struct argp_state *state) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text)
    argp_error(state, "--header %s: expected NAME=VALUE, for example --header correlationId=42", text);
  char *name = input_copy(text, (size_t)(equals - text));
  if (!cli->headers)
    cli->headers = json_object();
  if (json_object_get(cli->headers, name))
    argp_error(state, "--header %s is given twice: name each header once", name);
  if (json_object_set_new(cli->headers, name, json_string(equals + 1)) != 0)
    argp_error(state, "--header %s is not valid UTF-8", name);
  free(name);
}

static uint64_t parse_number(const char *name, const char *text, uint64_t max, struct argp_state *state) {
  char *end = NULL;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || number == 0 || number > max)
    argp_error(state, "--%s %s: expected a whole number from 1 to %llu", name, text, (unsigned long long)max);
  return number;
}

/* The digits that *text begins with, which it then stands behind; 0 where there are none. */
static unsigned long long leading_number(const char **text) {
  char *end = NULL;
  if (**text < '0' || **text > '9')
    return 0;
  unsigned long long number = strtoull(*text, &end, 10);
  *text = end;
  return number;
}

/* BYTES, or FROM-TO. */
static void parse_size(cli_call *cli, const char *text, struct argp_state *state) {
  enum { SMALLEST = 100, LARGEST = 67108864 };
  const char *at = text;
  unsigned long long from = leading_number(&at), to = from;
  if (*at == '-') {
    at++;
    to = leading_number(&at);
  }
  if (*at || from < SMALLEST || to < from || to > LARGEST)
    argp_error(state, "--size %s: expected bytes from %d to %d, or a range of them such as 100-4000", text,
               SMALLEST, LARGEST);
  cli->size_from = (uint32_t)from;
  cli->size_to = (uint32_t)to;
}

static void parse_level(cli_call *cli, const char *text, struct argp_state *state) {
  static const char *const names[] = {[EVS_ACKNOWLEDGE_NONE] = "none",
                                      [EVS_ACKNOWLEDGE_STORED] = "stored",
                                      [EVS_ACKNOWLEDGE_REPLICATED] = "replicated",
                                      [EVS_ACKNOWLEDGE_FSYNCED] = "fsynced"};
  size_t size = strcspn(text, ":");
  for (uint32_t level = EVS_ACKNOWLEDGE_NONE; level <= EVS_ACKNOWLEDGE_FSYNCED; level++) {
    if (strlen(names[level]) == size && strncmp(names[level], text, size) == 0)
      cli->acknowledgement = level;
  }
  bool has_count = text[size] == ':';
  if (cli->acknowledgement == 0 || (has_count && cli->acknowledgement != EVS_ACKNOWLEDGE_REPLICATED))
    argp_error(state, "--ack %s: expected none, stored, replicated, replicated:N or fsynced", text);
  if (has_count)
    cli->replicas = (uint32_t)parse_number("ack", text + size + 1, 100, state);
}

/* Gives false for an option that is none of a load test's. */
static bool parse_load(cli_call *cli, int index, const char *text, struct argp_state *state) {
  switch (index) {
  case CLI_OPT_DURATION:
    cli->duration_s = (uint32_t)parse_number("duration", text, 86400, state);
    return true;
  case CLI_OPT_SIZE:
    parse_size(cli, text, state);
    return true;
  case CLI_OPT_TYPES:
    cli->types = (uint32_t)parse_number("types", text, 100000, state);
    return true;
  case CLI_OPT_PUBLISHERS:
    cli->publishers = (uint32_t)parse_number("publishers", text, 64, state);
    return true;
  case CLI_OPT_CONSUMERS:
    if (strcmp(text, "0") != 0)
      cli->consumers = (uint32_t)parse_number("consumers", text, 64, state);
    return true;
  case CLI_OPT_PATTERN:
    if (!cli->patterns)
      cli->patterns = json_array();
    if (json_array_append_new(cli->patterns, json_string(text)) != 0)
      argp_error(state, "--pattern %s is not valid UTF-8", text);
    return true;
  default:
    return false;
  }
}

static void parse_option(cli_call *cli, int index, const char *text, struct argp_state *state) {
  cli->given |= UINT64_C(1) << index;
  cli->text[index] = text;
  if (parse_load(cli, index, text, state))
    return;
  switch (index) {
  case CLI_OPT_HEADER:
    parse_header(cli, text, state);
    break;
  case CLI_OPT_COUNT:
    cli->count = parse_number("count", text, UINT64_C(1) << 53, state);
    break;
  case CLI_OPT_LIMIT:
    cli->limit = (uint32_t)parse_number("limit", text, 1000000, state);
    break;
  case CLI_OPT_RATE:
    cli->rate = (uint32_t)parse_number("rate", text, 10000000, state);
    break;
  case CLI_OPT_DELAY:
    cli->delay_ms = parse_number("delay", text, UINT64_C(316224000000), state);
    break;
  case CLI_OPT_ACK:
    parse_level(cli, text, state);
    break;
  case CLI_OPT_MAX_REDRIVES:
    cli->max_redrives = (uint32_t)parse_number("max-redrives", text, 1000000, state);
    break;
  case CLI_OPT_CANARY:
    cli->canary = (uint32_t)parse_number("canary", text, 1000, state);
    break;
  case CLI_OPT_OUTCOME_TIMEOUT:
    cli->outcome_timeout_ms = (uint32_t)parse_number("outcome-timeout", text, 86400000, state);
    break;
  case CLI_OPT_STOP_AT:
    cli->stop_percent = (uint32_t)parse_number("stop-at", text, 100, state);
    break;
  case CLI_OPT_TIMEOUT:
    cli->timeout_ms = (uint32_t)parse_number("timeout", text, 86400000, state);
    break;
  case CLI_OPT_PORT:
    if (strcmp(text, "0") != 0) /* a free one, as without the option */
      cli->port = (uint32_t)parse_number("port", text, 65535, state);
    break;
  case CLI_OPT_USER:
    if (!cli->users)
      cli->users = json_array();
    json_array_append_new(cli->users, json_string(text));
    break;
  default:
    break;
  }
}

static error_t parse_key(int key, char *text, struct argp_state *state) {
  parse_state *parse = state->input;
  if (key >= KEY_BASE && key < KEY_BASE + CLI_OPTION_COUNT) {
    parse_option(parse->cli, key - KEY_BASE, text, state);
    return 0;
  }
  switch (key) {
  case KEY_HELP:
    parse->help = true;
    return 0;
  case KEY_PROGRAM_VERSION:
    parse->version = true;
    return 0;
  case ARGP_KEY_ARG:
    parse->cli->words[parse->words++] = text;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* Edit distance, for words short enough to be verbs. */
static int distance(const char *a, const char *b) {
  enum { WORD_MAX = 24 };
  size_t na = strlen(a), nb = strlen(b);
  if (na >= WORD_MAX || nb >= WORD_MAX)
    return WORD_MAX;
  int row[WORD_MAX];
  for (size_t j = 0; j <= nb; j++)
    row[j] = (int)j;
  for (size_t i = 1; i <= na; i++) {
    int diagonal = row[0];
    row[0] = (int)i;
    for (size_t j = 1; j <= nb; j++) {
      int best = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      best = row[j] + 1 < best ? row[j] + 1 : best;
      row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
    }
  }
  return row[nb];
}

/* How many of the words make up the verb's name; 0 when they are not this verb. */
static int verb_words(const cli_verb *verb, const char **words, int count) {
  const char *space = strchr(verb->name, ' ');
  if (!space)
    return count >= 1 && strcmp(words[0], verb->name) == 0;
  size_t first = (size_t)(space - verb->name);
  if (count < 2 || strlen(words[0]) != first || strncmp(words[0], verb->name, first) != 0)
    return 0;
  return strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static bool verb_family(const cli_verb *verb, const char *word) {
  size_t size = strlen(word);
  return strncmp(verb->name, word, size) == 0 && verb->name[size] == ' ';
}

static int verb_unknown(const cli_verb *verbs, const char **words, int count) {
  const cli_verb *near = NULL;
  int best = 3;
  bool family = false;
  for (const cli_verb *verb = verbs; verb->name; verb++) {
    const char *space = strchr(verb->name, ' ');
    bool inside = verb_family(verb, words[0]);
    family = family || inside;
    char *first = input_copy(verb->name, space ? (size_t)(space - verb->name) : strlen(verb->name));
    int far = inside ? (count > 1 ? distance(words[1], space + 1) : 3) : distance(words[0], first);
    free(first);
    if (far < best) {
      best = far;
      near = verb;
    }
  }
  if (near)
    return output_usage(NULL, "there is no command `%s%s%s`; did you mean `%s`?", words[0],
                        family && count > 1 ? " " : "", family && count > 1 ? words[1] : "", near->name);
  if (family && count == 1)
    return output_usage(NULL, "`%s` needs a second word; `events %s --help` lists them", words[0], words[0]);
  return output_usage(NULL, "there is no command `%s`; `events --help` lists them all", words[0]);
}

static void help_general(const cli_verb *verbs, const char *family) {
  struct argp argp = {option_table, NULL, "COMMAND [ARGUMENT...]", general_doc, NULL, NULL, NULL};
  struct argp_option shown[12] = {0};
  size_t count = 0;
  uint64_t common = CLI_SOURCE | CLI_BIT(JSON) | CLI_BIT(TIMEOUT);
  for (const struct argp_option *option = option_table; option->name; option++)
    if (option->key < KEY_BASE || (common >> (option->key - KEY_BASE) & 1))
      shown[count++] = *option;
  argp.options = shown;
  if (!family)
    argp_help(&argp, stdout, ARGP_HELP_LONG | ARGP_HELP_USAGE | ARGP_HELP_DOC, (char *)"events");
  printf(family ? "Commands of `events %s`:\n" : "\nCommands:\n", family);
  for (const cli_verb *verb = verbs; verb->name; verb++)
    if (!family || verb_family(verb, family))
      printf("  %-16s %s\n", verb->name, verb->summary);
}

static void help_verb(const cli_verb *verb) {
  struct argp_option shown[CLI_OPTION_COUNT + 3] = {0};
  size_t count = 0;
  for (const struct argp_option *option = option_table; option->name; option++)
    if (option->key == KEY_HELP ||
        (option->key >= KEY_BASE && (verb->options >> (option->key - KEY_BASE) & 1)))
      shown[count++] = *option;
  char name[64];
  snprintf(name, sizeof name, "events %s", verb->name);
  struct argp argp = {shown, NULL, verb->args, verb->help, NULL, NULL, NULL};
  argp_help(&argp, stdout, ARGP_HELP_LONG | ARGP_HELP_USAGE | ARGP_HELP_DOC, name);
}

static int verb_check(const cli_call *cli, const cli_verb *verb) {
  for (int i = 0; i < CLI_OPTION_COUNT; i++)
    if ((cli->given >> i & 1) && !(verb->options >> i & 1))
      return output_usage(verb->name, "it has no option --%s", option_table[i].name);
  if (CLI_HAS(cli, CONFIG) + CLI_HAS(cli, REDIS) + CLI_HAS(cli, FILE) + CLI_HAS(cli, MEMORY) > 1)
    return output_usage(verb->name, "%s and %s both say where the store is: give one of them",
                        CLI_HAS(cli, CONFIG)  ? "--config"
                        : CLI_HAS(cli, REDIS) ? "--redis"
                                              : "--file",
                        CLI_HAS(cli, MEMORY) ? "--memory"
                        : CLI_HAS(cli, FILE) ? "--file"
                                             : "--redis");
  bool config_is_stdin = CLI_HAS(cli, CONFIG) && strcmp(cli->text[CLI_OPT_CONFIG], "-") == 0;
  bool input_is_stdin = CLI_HAS(cli, LINES);
  for (int i = 0; i < cli->arg_count; i++)
    input_is_stdin = input_is_stdin || strcmp(cli->args[i], "-") == 0;
  if (config_is_stdin && input_is_stdin)
    return output_usage(verb->name, "both the configuration and the input would come from stdin");
  int line = (int)strcspn(verb->args, "\n"); /* the first of the verb's forms */
  if (cli->arg_count < verb->min_args)
    return output_usage(verb->name, "an argument is missing: events %s %.*s", verb->name, line, verb->args);
  if (cli->arg_count > verb->max_args)
    return output_usage(verb->name, "`%s` is too much: events %s %.*s (quote a text that has spaces)",
                        cli->args[verb->max_args], verb->name, line, verb->args);
  return CLI_OK;
}

static int choose(cli_call *cli, const parse_state *parse, const cli_verb *verbs, const cli_verb **out_verb) {
  if (parse->words == 0) {
    if (parse->help) {
      help_general(verbs, NULL);
      return CLI_OK;
    }
    return output_usage(NULL, "no command given; `events --help` lists them all");
  }
  const char *first = cli->words[0];
  for (const cli_verb *verb = verbs; verb->name; verb++) {
    int used = verb_words(verb, cli->words, parse->words);
    if (!used)
      continue;
    if (parse->help) {
      help_verb(verb);
      return CLI_OK;
    }
    cli->args = cli->words + used;
    cli->arg_count = parse->words - used;
    *out_verb = verb;
    return verb_check(cli, verb);
  }
  for (const cli_verb *verb = verbs; parse->help && verb->name; verb++)
    if (verb_family(verb, first)) {
      help_general(verbs, first);
      return CLI_OK;
    }
  return verb_unknown(verbs, cli->words, parse->words);
}

int options_parse(cli_call *cli, int argc, char **argv, const cli_verb *verbs, const cli_verb **out_verb) {
  static const struct argp argp = {option_table, parse_key, NULL, NULL, NULL, NULL, NULL};
  parse_state parse = {.cli = cli};
  *out_verb = NULL;
  /* --version alone is what people type; with a verb it is the schema version of an event. */
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    parse.version = true;
  cli->words = input_alloc(((size_t)argc + 1) * sizeof *cli->words);
  argp_err_exit_status = CLI_USAGE;
  if (!parse.version && argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_IN_ORDER, NULL, &parse) != 0)
    return CLI_USAGE;
  int code = CLI_OK;
  if (parse.version)
    printf("events %s (libevents %s)\n", EVS_VERSION, evs_version());
  else
    code = choose(cli, &parse, verbs, out_verb);
  if (code != CLI_OK)
    *out_verb = NULL;
  return code;
}

void options_free(cli_call *cli) {
  json_decref(cli->headers);
  json_decref(cli->users);
  json_decref(cli->patterns);
  free(cli->words);
}
