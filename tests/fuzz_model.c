/* fuzz_model.c -- a model file of any bytes is refused with a reason, or is a model that answers. */
#include "diffuse/model.h"

#include "diffuse/file.h"

#include "fuzz.h"

/* Every number in the file takes part in an answer; at hostile weights it may be infinite or no number. */
static void ask(const df_model *model, df_arena *arena)
{
    df_error error = {0};
    double *x, *x0, *eps;
    x = df_alloc(arena, model->dim, sizeof *x, &error);
    x0 = df_alloc(arena, model->dim, sizeof *x0, &error);
    eps = df_alloc(arena, model->dim, sizeof *eps, &error);
    MUST(x && x0 && eps);
    const df_denoiser denoiser = df_model_denoiser(model);
    void *scratch = denoiser.scratch(denoiser.self, arena, &error);
    if (!scratch) return;
    for (size_t t = 1; t <= model->schedule.steps; t += model->schedule.steps - 1 ? model->schedule.steps - 1 : 1) {
        const df_question question = {.n = 1, .x = x, .level = &model->schedule.levels[t]};
        denoiser.answer(denoiser.self, &question, &(df_answer){.x0 = x0, .eps = eps}, scratch);
    }
}

static void try_bytes(const char *bytes, size_t size)
{
    df_arena arena = {0};
    df_error error = {0};
    df_safetensors file;
    df_model model;
    df_status status = df_safetensors_parse(&file, &arena, "fuzz.safetensors", bytes, size, &error);
    if (status == DF_OK) status = df_model_parse(&model, &arena, "fuzz.safetensors", &file, &error);
    if (status == DF_OK) ask(&model, &arena);
    else MUST(status == error.status && error.message[0]);
    df_arena_free(&arena);
}

#ifdef DF_FUZZER

/* Blind changes would only ever meet the checks of lengths and sums. Most of the time one part is changed, the header
 * or the numbers, and what is said of lengths and sums is made true again. */

enum { PREFIX = 8, DIGITS = 8 };

size_t LLVMFuzzerMutate(unsigned char *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed);

static size_t header_size(const unsigned char *bytes, size_t size)
{
    uint64_t claimed = 0;
    for (size_t i = PREFIX; i-- > 0;) claimed = claimed << 8 | bytes[i];
    return claimed < size - PREFIX ? (size_t)claimed : size - PREFIX;
}

/* Writes a checksum where the header says it, if it does. */
static void put_sum(unsigned char *header, size_t size, const char *key, uint32_t sum)
{
    const size_t before = strlen(key);
    char digits[DIGITS + 1];
    snprintf(digits, sizeof digits, "%08x", (unsigned)sum);
    for (size_t i = 0; i + before + DIGITS <= size; i++)
        if (memcmp(header + i, key, before) == 0) memcpy(header + i + before, digits, DIGITS);
}

static void mend(unsigned char *bytes, size_t header, size_t size)
{
    static const char of_data[] = "\"diffuse.crc32c\":\"", of_header[] = "\"diffuse.header_crc32c\":\"";
    for (size_t i = 0; i < PREFIX; i++) bytes[i] = (unsigned char)((uint64_t)header >> 8 * i);
    put_sum(bytes + PREFIX, header, of_data, df_crc32c(0, bytes + PREFIX + header, size - PREFIX - header));
    put_sum(bytes + PREFIX, header, of_header, 0);
    put_sum(bytes + PREFIX, header, of_header, df_crc32c(0, bytes + PREFIX, header));
}

size_t LLVMFuzzerCustomMutator(unsigned char *bytes, size_t size, size_t most, unsigned seed)
{
    if (size < PREFIX + 2 || seed % 8 == 0) return LLVMFuzzerMutate(bytes, size, most);
    const size_t header = header_size(bytes, size), data = size - PREFIX - header;
    if (seed % 8 == 1 && data) {
        const size_t new_data = LLVMFuzzerMutate(bytes + PREFIX + header, data, most - PREFIX - header);
        mend(bytes, header, PREFIX + header + new_data);
        return PREFIX + header + new_data;
    }
    unsigned char *rest = malloc(data + 1);
    MUST(rest);
    memcpy(rest, bytes + PREFIX + header, data);
    const size_t new_header = LLVMFuzzerMutate(bytes + PREFIX, header, most - PREFIX - data);
    memcpy(bytes + PREFIX + new_header, rest, data);
    free(rest);
    mend(bytes, new_header, PREFIX + new_header + data);
    return PREFIX + new_header + data;
}

#endif
