/* test_conditions.c -- another rounding, lost subnormals or a foreign locale are refused at the doors. */
#include "check.h"
#include "diffuse/conditions.h"
#include "diffuse/subject.h"
#include "diffuse/table.h"

#include <fenv.h>
#include <locale.h>
#include <unistd.h>

static df_error error;

/* Stands before the C library's, so that a foreign locale can be tested where none is installed. */
static char decimal_point[8] = ".";

struct lconv *localeconv(void)
{
    static struct lconv conventions;
    conventions.decimal_point = decimal_point;
    return &conventions;
}

/* As start-up code of -ffast-math does it: results that are subnormal become 0, and arguments. */
static bool lose_subnormals(void)
{
#if defined(__SSE2__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
    return true;
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | 1u << 24));
    return true;
#else
    return false;
#endif
}

/* What was made ready under the right conditions. */
static df_arena lasting;
static df_schedule_config config;
static df_subject roll;
static df_level levels[2];
static _Alignas(double) char options[DF_SAMPLER_OPTIONS];

static void make_ready(void)
{
    const df_grid_config grid = {.steps = 1, .sigma_min = 0.01, .sigma_max = 20, .rho = 7};
    df_settings schedule = {.table = df_schedule_options, .values = &config};
    df_settings sampler = {.table = df_find_sampler("ddim", NULL)->options, .values = options};
    df_settings_defaults(&schedule);
    df_settings_defaults(&sampler);
    CHECK(df_subject_load(&roll, &lasting, "exact:swissroll", &config, &error) == DF_OK);
    CHECK(df_grid_init(levels, &grid, &roll.schedule, &error) == DF_OK);
}

static void check_doors(df_status want)
{
    df_arena arena = {0};
    df_schedule schedule;
    df_team *team;
    df_flow flow = {.denoiser = &roll.denoiser, .from = 20, .to = 1, .steps = 1};
    df_sampling sampling = {.denoiser = &roll.denoiser, .sampler = df_find_sampler("ddim", NULL), .options = options,
                            .levels = levels, .steps = 1};
    CHECK(df_check_arithmetic(&error) == want);
    CHECK(df_schedule_init(&schedule, &config, &arena, &error) == want);
    CHECK(df_team_start(&team, &arena, 2, &error) == want);
    CHECK(df_flow_init(&flow, &arena, &error) == want);
    CHECK(df_sampling_init(&sampling, &arena, &error) == want);
    df_arena_free(&arena);
}

static void test_rounding(void)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    check_doors(DF_OK);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        CHECK(fesetround(modes[i]) == 0);
        check_doors(DF_USAGE);
        fesetround(FE_TONEAREST);
        CHECK_TEXT(error.message, "this thread does not round to the nearest number\n  call fesetround(FE_TONEAREST)");
    }
    check_doors(DF_OK);
}

static void test_subnormals(void)
{
    if (!lose_subnormals()) return;
    check_doors(DF_USAGE);
    CHECK(strstr(error.message, "takes subnormal numbers for 0") != NULL);
    fesetenv(FE_DFL_ENV);
    check_doors(DF_OK);
}

static void test_locale(void)
{
    const char *const names[] = {"x", "y"};
    df_arena arena = {0};
    df_table table;
    df_model model;
    strcpy(decimal_point, ",");
    CHECK(df_check_locale("here", &error) == DF_INPUT);
    CHECK_TEXT(error.message,
               "here: the current locale writes numbers with ',' where files have '.'\n  set LC_NUMERIC=C");
    CHECK(df_table_read(&table, &arena, "tests/test_conditions.c", NULL, &error) == DF_INPUT);
    CHECK(strstr(error.message, "LC_NUMERIC") != NULL);
    CHECK(df_model_load(&model, &arena, "tests/test_conditions.c", &error) == DF_INPUT);
    CHECK(strstr(error.message, "LC_NUMERIC") != NULL);
    df_table_writer writer;
    CHECK(df_table_open(&writer, "never.csv", false, 2, names, 1, &error) == DF_INPUT);
    CHECK(strstr(error.message, "LC_NUMERIC") != NULL);
    CHECK(access("never.csv", F_OK) != 0);
    strcpy(decimal_point, ".");
    df_arena_free(&arena);
}

int main(void)
{
    make_ready();
    test_rounding();
    test_subnormals();
    test_locale();
    df_arena_free(&lasting);
    return CHECK_DONE();
}
