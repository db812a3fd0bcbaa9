/* arguments.c PROGRAM COUNT SEED -- random command lines, half of them nonsense, from the tables that completion is
 * made of. Run in a folder whose files are in ../keep too. Whatever is typed, the program ends by itself with a
 * documented status, says why when it fails and only then, and leaves nothing half-written. */
#define _XOPEN_SOURCE 700
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VERBS = 32, OPTIONS = 160, WORDS = 32, FILES = 32, SHOWN = 20 };

static uint64_t state;

static size_t below(size_t n)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ z >> 31) % n);
}

/* ---- what can be typed ---- */

typedef struct verb {
    char *name, *operands;
    char *options[OPTIONS], *values[OPTIONS]; /* values NULL: a flag */
    size_t count;
} verb;

static verb verbs[VERBS];
static size_t verb_count;

/* The text between the quotes after `start`, or NULL. */
static char *quoted(const char *line, const char *start)
{
    const char *at = strstr(line, start);
    if (!at) return NULL;
    at += strlen(start);
    return strndup(at, strcspn(at, "\""));
}

static void add_option(verb *v, char *name, char *values)
{
    if (v->count == OPTIONS) exit(2);
    v->options[v->count] = name;
    v->values[v->count++] = values;
}

/* The flags are in the list of all options, and have no line of their own. */
static void add_flags(verb *v, char *all)
{
    for (char *name = strtok(all, " "); name; name = strtok(NULL, " ")) {
        bool known = false;
        for (size_t i = 0; i < v->count; i++) known |= strcmp(v->options[i], name) == 0;
        if (!known) add_option(v, name, NULL);
    }
}

/* Lines of `diffuse generate bash`:  "    VERB)", "        -n|--name) names="..." ...", "        *) case ...". */
static void read_tables(FILE *bash)
{
    char line[8192];
    verb *v = NULL;
    while (fgets(line, sizeof line, bash)) {
        const size_t blanks = strspn(line, " ");
        char *end = strchr(line, ')');
        if (blanks == 4 && end && line[4] >= 'a' && end[1] == '\n') {
            if (verb_count == VERBS) exit(2);
            v = &verbs[verb_count++];
            v->name = strndup(line + 4, (size_t)(end - line) - 4);
        } else if (v && blanks == 8 && line[8] == '-' && end) {
            const char *name = strstr(line, "--");
            add_option(v, strndup(name, (size_t)(end - name)), quoted(line, "names=\""));
        } else if (v && strncmp(line, "        *) case", 15) == 0) {
            add_flags(v, quoted(line, "-*) names=\""));
            v->operands = quoted(strstr(line, ";; *)"), "names=\"");
        }
    }
}

/* What each verb is asked before whatever else is typed: little work, and operands that usually do. */
static const struct {
    const char *verb, *modest, *operands;
} sense[] = {
    {"data", "-n 30", "moons"}, {"noise", "-n 30", "moons"}, {"ema", "-o averaged", "edm2"},
    {"train", "-n 50 --train-steps 3 --hidden 4 --layers 1 --batch-size 16 -o new", "moons"},
    {"train", "--train-steps 3 --hidden 4 --batch-size 16 -o new", "points.csv"}, {"train", "--resume part", ""},
    {"sample", "-n 20", "model"}, {"sample", "-n 20 --steps 4", "exact:moons"},
    {"encode", "--steps 4", "model points.csv"},
    {"decode", "--steps 4", "model points.npy"}, {"interpolate", "-n 4 --steps 4 --from 1,1 --to 0,1", "model"},
    {"eval", "-n 40 --likelihood-points 10", "model"}, {"eval", "--against moons", "points.csv"},
    {"eval", "-n 40 --likelihood-points 10 --partial -o new", "model"},
    {"eval", "-n 40 --likelihood-points 10 --merge", "model judged"},
    {"compare", "-n 20 --steps 2 --fine-steps 10", "model"}, {"compare", "--merge", "table.csv table.csv"},
    {"likelihood", "--ode-steps 4", "model points.csv"}, {"likelihood", "--bound --steps 4", "model points.csv"},
    {"field", "--grid 4x4", "model"}, {"report", "-n 20 --steps 4 -o out.html", "model"}, {"info", "", "model"},
    {"plot", "-o out.svg", "points.csv"}, {"plot", "-o out.svg", "log.csv"}, {"plot", "-o out.html", "path.csv"},
    {"plot", "-o out.svg", "field.csv points.csv"}, {"papers", "", "ddpm"}, {"list", "", "shapes"},
    {"generate", "", "zsh"}};

static const char *const files[] = {"points.csv", "points.npy", "bad", "model", "edm2", "part", "log.csv", "field.csv",
                                    "path.csv", "table.csv", "judged"};
static const char *const sizes[] = {"0", "1", "2", "3", "4", "5", "7", "10", "20", "0.5", "0.1", "1e-3", "0.99",
                                    "1e-9", "1.5"};
static const char *const fit[] = {"1,1", "0,1", "0.5,?", "0/4", "3/4", "0:3", "3:3", "3x3", "x,y", "1,2", "ddim,heun",
                                  "ddim:eta=0.5", "5,10", "out.csv", "out.npy", "out.svg", "out.html", "moons",
                                  "8gaussians", "exact:moons", "ideal:points.csv", "exact", "yes", "no", "-"};
static const char *const hostile[] = {
    "", "-", "--", "=", "-1", "-0", "nan", "-inf", "1e309", "1e-320", "1e18", "18446744073709551615",
    "18446744073709551616", "0x10", "1.5k", "+3", " 3", "3 ", "%s%n%n%d", "4/4", "1/0", "5:2",
    "0:18446744073709551615", "0x0", "99999x99999", ",", "a,,b", "..", "/", ".", "missing/x", "/dev/null",
    "/dev/full", "swisroll", "exact:", "ideal:", "exact:nothing", "\xff\xfe\x80", "\n\n", "\033[31m", "\t",
    "ddim:eta=", "ddim:=1:=", "1,2,3", "nothing", "'\"`$(x)\\", "--help=", "-n", "-q-"};

#define PICK(list) ((list)[below(sizeof(list) / sizeof *(list))])

static char huge[5001];

static const char *pick_word(const char *names)
{
    size_t count = *names != 0, at;
    for (const char *c = names; *c; c++) count += *c == ' ';
    if (!count) return PICK(sizes);
    for (at = below(count); at > 0; at--) names = strchr(names, ' ') + 1;
    return strndup(names, strcspn(names, " "));
}

static const char *pick_value(const char *names)
{
    const size_t dice = below(100);
    return dice < 35 ? pick_word(names) : dice < 60 ? PICK(sizes) : dice < 75 ? PICK(fit) : dice < 85 ? PICK(files)
                     : dice < 99 ? PICK(hostile) : huge;
}

static const char *pick_operand(const verb *v)
{
    const size_t dice = below(100);
    return dice < 20 && v->operands && *v->operands ? pick_word(v->operands) : dice < 75 ? PICK(files)
                     : dice < 88 ? PICK(fit) : dice < 99 ? PICK(hostile) : huge;
}

/* Splits at blanks; what is split stays. */
static size_t add_words(const char **words, size_t count, const char *text)
{
    for (char *word = strtok(strdup(text), " "); word; word = strtok(NULL, " ")) words[count++] = word;
    return count;
}

/* Fills words, NULL at the end: a command that would do, with some more options, or with anything. */
static void compose(const char *words[WORDS + 1])
{
    const size_t line = below(sizeof sense / sizeof *sense);
    const bool wild = below(2);
    const verb *v = verbs;
    while (strcmp(v->name, sense[line].verb) != 0) v++;
    words[0] = below(200) ? v->name : PICK(hostile);
    size_t count = add_words(words, 1, sense[line].modest);
    if (wild && below(2))
        for (size_t operands = below(4); operands > 0; operands--) words[count++] = pick_operand(v);
    else count = add_words(words, count, sense[line].operands);
    for (size_t options = wild ? below(6) : below(3); options > 0; options--) {
        const verb *owner = below(50) ? v : &verbs[below(verb_count)];
        if (!owner->count) continue;
        const size_t at = below(owner->count);
        const char *values = owner->values[at] ? owner->values[at] : "";
        words[count++] = below(50) ? owner->options[at] : PICK(hostile);
        if ((owner->values[at] != NULL) != (below(50) == 0))
            words[count++] = wild ? pick_value(values) : pick_word(values);
    }
    if (below(3) == 0) words[count++] = "-o", words[count++] = wild ? PICK(hostile) : PICK(fit);
    if (below(3) == 0) words[count++] = "-f";
    words[count] = NULL;
}

/* ---- what must be so afterwards ---- */

static struct kept {
    const char *name;
    struct stat about;
} keep[FILES];
static size_t keep_count;

static void keep_file(struct kept *k)
{
    char command[256];
    snprintf(command, sizeof command, "cp ../keep/%s %s", k->name, k->name);
    if (stat(k->name, &k->about) != 0 && (system(command) != 0 || stat(k->name, &k->about) != 0)) exit(2);
}

static bool as_kept(const struct kept *k)
{
    struct stat now;
    return stat(k->name, &now) == 0 && now.st_ino == k->about.st_ino && now.st_size == k->about.st_size &&
           now.st_mtim.tv_sec == k->about.st_mtim.tv_sec && now.st_mtim.tv_nsec == k->about.st_mtim.tv_nsec;
}

static bool holds(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strncmp(*words, word, strlen(word)) == 0) return true;
    return false;
}

/* Some outputs are whole although the command failed later: a log, a profile, the first of many models, what training
 * kept when it diverged, and a report with a bound that is not met. */
static bool may_leave(const char *const *words, int status)
{
    return status <= 1 || status == 6 || holds(words, "--log") || holds(words, "--profile") || holds(words, "--seeds");
}

/* Removes what is new, restores what is not as it was. Returns what is wrong, or NULL. */
static const char *tidy(const char *const *words, int status)
{
    const char *wrong = NULL;
    DIR *here = opendir(".");
    for (struct dirent *entry; (entry = readdir(here));) {
        const char *name = entry->d_name;
        size_t known = 0;
        while (known < keep_count && strcmp(keep[known].name, name) != 0) known++;
        if (known < keep_count || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (*name == '.' && strstr(name, ".tmp")) wrong = "a temporary file is left";
        else if (!may_leave(words, status)) wrong = "a file is left after a failure";
        unlink(name);
    }
    closedir(here);
    for (size_t i = 0; i < keep_count; i++) {
        if (as_kept(&keep[i])) continue;
        if (!may_leave(words, status)) wrong = "a file was changed by a failure";
        unlink(keep[i].name);
        keep_file(&keep[i]);
    }
    return wrong;
}

static void read_words(char *text, size_t room)
{
    FILE *file = fopen("../err", "r");
    const size_t size = file ? fread(text, 1, room - 1, file) : 0;
    text[size] = 0;
    if (file) fclose(file);
}

/* Whether a line begins as the program's own reports of failure do. */
static bool says_failure(const char *text)
{
    for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
        if (strncmp(text, "diffuse: ", 9) == 0) return true;
        if (strncmp(text, "diffuse ", 8) != 0) continue;
        const size_t size = strcspn(text + 8, " :\n");
        if (text[8 + size] == ':') return true;
    }
    return false;
}

static const char *judge(const char *const *words, int ended)
{
    char said[65536];
    read_words(said, sizeof said);
    if (!WIFEXITED(ended)) return "it ended by a signal";
    const int status = WEXITSTATUS(ended);
    if (status > 6) return "it ended with no documented status";
    const char *wrong = tidy(words, status);
    if (wrong) return wrong;
    if (status == 0 && says_failure(said)) return "it succeeded and speaks of failure";
    if (status != 0 && !says_failure(said) && words[0]) return "it failed and does not say why";
    return NULL;
}

/* ---- */

static void limit(int what, rlim_t most)
{
    setrlimit(what, &(struct rlimit){most, most});
}

static int run(const char *program, const char *const *words)
{
    const char *all[WORDS + 2] = {program};
    for (size_t i = 0; (all[i + 1] = words[i]); i++) {}
    const pid_t child = fork();
    if (child == 0) {
        const int in = open("/dev/null", O_RDONLY), out = open("../out", O_WRONLY | O_CREAT | O_TRUNC, 0666),
                  err = open("../err", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(in, 0), dup2(out, 1), dup2(err, 2);
        limit(RLIMIT_CPU, 60);
        limit(RLIMIT_CORE, 0);
        limit(RLIMIT_FSIZE, 1 << 27);
        if (!getenv("ASAN_OPTIONS")) limit(RLIMIT_AS, (rlim_t)1 << 32);
        execv(program, (char *const *)all);
        _exit(99);
    }
    int ended = -1;
    waitpid(child, &ended, 0);
    return ended;
}

static void show(const char *const *words, const char *wrong, int ended)
{
    printf("FAIL arguments: %s (%s %d):", wrong, WIFEXITED(ended) ? "status" : "signal",
           WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
    for (; *words; words++) printf(" '%.60s'", *words);
    char said[65536];
    read_words(said, sizeof said);
    printf("\n  %.*s\n", (int)strcspn(said, "\n"), said);
}

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    const char *program = arguments[1];
    const size_t lines = strtoul(arguments[2], NULL, 10);
    size_t statuses[7] = {0};
    state = strtoull(arguments[3], NULL, 10);
    memset(huge, 'A', sizeof huge - 1);
    for (keep_count = 0; keep_count < sizeof files / sizeof *files; keep_count++) {
        keep[keep_count].name = files[keep_count];
        keep_file(&keep[keep_count]);
    }
    FILE *bash = fopen("../bash", "r");
    if (!bash) return 2;
    read_tables(bash);
    fclose(bash);
    for (size_t i = 0; i < lines; i++) {
        const char *words[WORDS + 1];
        compose(words);
        const int ended = run(program, words);
        const char *wrong = judge(words, ended);
        if (wrong && checks_failed < SHOWN) show(words, wrong, ended);
        if (wrong) checks_failed++;
        else checks_passed++;
        if (WIFEXITED(ended) && WEXITSTATUS(ended) <= 6) statuses[WEXITSTATUS(ended)]++;
    }
    printf("%zu command lines of %zu commands, seed %s; ended with 0 to 6:", lines, verb_count, arguments[3]);
    for (size_t i = 0; i < 7; i++) printf(" %zu", statuses[i]);
    printf("\n%d passed, %d failed\n", checks_passed, checks_failed);
    return checks_failed > 0 || checks_passed == 0;
}
