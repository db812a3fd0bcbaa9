/* layer 2: safetensors.h -- named arrays of numbers in one file that other programs read. */
#ifndef DIFFUSE_SAFETENSORS_H
#define DIFFUSE_SAFETENSORS_H

#include "diffuse/arena.h"

DF_BEGIN

enum { DF_TENSORS_MAX = 1024, DF_RANK_MAX = 4 };

typedef struct df_tensor_view {
    const char *name;
    const char *dtype; /* "F32" or "F64" when written; any valid name when read */
    size_t rank, shape[DF_RANK_MAX];
    const unsigned char *bytes; /* little-endian, row-major, perhaps unaligned */
    size_t size;                /* in bytes */
} df_tensor_view;

typedef struct df_metadata {
    const char *name, *value;
} df_metadata;

typedef struct df_safetensors {
    df_metadata *metadata;
    size_t metadata_count;
    df_tensor_view *tensors; /* in the order of their bytes */
    size_t tensor_count;
    uint32_t crc;      /* CRC-32C of the tensor bytes as they are */
    bool crc_given;    /* the metadata holds "diffuse.crc32c" */
    size_t file_size;
} df_safetensors;

/* Reads and checks a file, stricter than the format's reference reader. The views of df_safetensors_parse
 * point into `bytes`; all else lives in the arena. `path` names the source in messages. A file without tensors is
 * accepted.
 *
 * Two checksums in the metadata are checked where they are given (DF_INPUT when wrong), each CRC-32C in eight
 * lower-case hexadecimal digits: "diffuse.crc32c" of the bytes of all tensors, and "diffuse.header_crc32c" of the
 * header, its padding included and its own eight digits taken for zeros. With both, a file with one flipped bit is
 * refused or, when the flip is in the name of the second, reads as it was. */
df_status df_safetensors_parse(df_safetensors *file, df_arena *arena, const char *path, const char *bytes,
                               size_t size, df_error *error) DF_MUST_CHECK;
df_status df_safetensors_read(df_safetensors *file, df_arena *arena, const char *path,
                              df_error *error) DF_MUST_CHECK;

/* True when the file begins as one of this format does. */
bool df_safetensors_begins(const char *path);

/* The value of a metadata key, or NULL. */
const char *df_safetensors_meta(const df_safetensors *file, const char *name);

/* The tensor of that name, or NULL. */
const df_tensor_view *df_safetensors_find(const df_safetensors *file, const char *name);

/* Element `i` of an F32 or F64 tensor. */
double df_tensor_at(const df_tensor_view *tensor, size_t i);

/* Writes metadata in the order given, then the two checksums, then the tensors in the order given: the same
 * input is the same bytes. Atomic: the file appears whole or not at all. What df_safetensors_parse would
 * refuse is refused here, before anything is written. */
df_status df_safetensors_write(const char *path, bool overwrite, const df_metadata *metadata,
                               size_t metadata_count, const df_tensor_view *tensors, size_t tensor_count,
                               df_error *error) DF_MUST_CHECK;

DF_END
#endif
