"""Written by ``python -m edgekit.dev.codegen`` from ``edgekit.h``. Do not edit."""

from __future__ import annotations

CDEF = """\
#define EK_VERSION_MAJOR 0
#define EK_VERSION_MINOR 1
#define EK_VERSION_PATCH 0
#define EK_MAX_RANK 8
typedef enum ek_status {
  EK_OK = 0,
  EK_ERR_INVALID_ARGUMENT = 1,
  EK_ERR_OUT_OF_MEMORY = 2,
  EK_ERR_IO = 3,
  EK_ERR_BAD_MODEL = 4,
  EK_ERR_UNSUPPORTED = 5,
  EK_ERR_SHAPE = 6,
  EK_ERR_BACKEND = 7,
  EK_ERR_CANCELLED = 8
} ek_status;
typedef enum ek_dtype {
  EK_F32 = 1,
  EK_F16 = 2,
  EK_I8 = 3,
  EK_U8 = 4,
  EK_I16 = 5,
  EK_U16 = 6,
  EK_I32 = 7,
  EK_U32 = 8,
  EK_I64 = 9,
  EK_U64 = 10,
  EK_BOOL = 11,
  EK_F64 = 12
} ek_dtype;
typedef struct ek_env ek_env;
typedef struct ek_model ek_model;
typedef struct ek_session ek_session;
typedef struct ek_backend ek_backend;
typedef struct ek_allocator {
  void *(*alloc)(void *user, size_t size, size_t alignment);
  void (*free)(void *user, void *memory);
  void *user;
} ek_allocator;
typedef struct ek_env_options {
  size_t struct_size;
  const ek_allocator *allocator;
  const char *isa;
  const char *cache_dir;
} ek_env_options;
typedef struct ek_session_options {
  size_t struct_size;
  int32_t threads;
  const ek_backend *const *backends;
  size_t backend_count;
  void *arena;
  size_t arena_size;
  bool profile;
  bool (*keep_going)(void *user);
  void *keep_going_user;
} ek_session_options;
typedef struct ek_memory_info {
  size_t struct_size;
  size_t activation_bytes;
  size_t packed_bytes;
  size_t scratch_bytes;
  size_t overhead_bytes;
  size_t total_bytes;
} ek_memory_info;
typedef struct ek_tensor_info {
  size_t struct_size;
  const char *name;
  ek_dtype dtype;
  uint32_t rank;
  int64_t dims[EK_MAX_RANK];
  int64_t max_dims[EK_MAX_RANK];
  bool is_dynamic;
  size_t bytes;
  size_t quant_count;
  int32_t quant_axis;
  const float *quant_scale;
  const int32_t *quant_zero_point;
  const char *dim_symbols[EK_MAX_RANK];
} ek_tensor_info;
typedef struct ek_node_info {
  size_t struct_size;
  const char *name;
  const char *op;
  const char *backend;
  const char *kernel;
  const char *fallback;
  uint64_t run_count;
  uint64_t total_ns;
} ek_node_info;
const char *ek_version(void);
const char *ek_status_name(ek_status status);
size_t ek_dtype_size(ek_dtype dtype);
const ek_backend *ek_backend_cpu(void);
const ek_backend *ek_backend_opencl(void);
const char *ek_backend_name(const ek_backend *backend);
size_t ek_backend_devices(const ek_backend *backend, char *text, size_t text_size);
ek_status ek_env_create(const ek_env_options *options, ek_env **env);
void ek_env_destroy(ek_env *env);
size_t ek_env_error(ek_env *env, char *text, size_t text_size);
const char *ek_env_cpu_features(const ek_env *env);
ek_status ek_model_load_file(ek_env *env, const char *path, ek_model **model);
ek_status ek_model_load_memory(ek_env *env, const void *data, size_t size, ek_model **model);
void ek_model_destroy(ek_model *model);
size_t ek_model_metadata_count(const ek_model *model);
ek_status ek_model_metadata(const ek_model *model, size_t index, const char **key, const char **value);
ek_status ek_session_query_memory(ek_env *env, const ek_model *model, const ek_session_options *options,
                                         ek_memory_info *info);
ek_status ek_session_create(ek_env *env, const ek_model *model, const ek_session_options *options,
                                   ek_session **session);
void ek_session_destroy(ek_session *session);
const char *ek_session_error(const ek_session *session);
ek_status ek_session_memory(const ek_session *session, ek_memory_info *info);
size_t ek_session_input_count(const ek_session *session);
size_t ek_session_output_count(const ek_session *session);
ek_status ek_session_input_info(const ek_session *session, size_t index, ek_tensor_info *info);
ek_status ek_session_output_info(const ek_session *session, size_t index, ek_tensor_info *info);
ek_status ek_session_resize_input(ek_session *session, size_t index, const int64_t *dims, uint32_t rank);
ek_status ek_session_input_data(ek_session *session, size_t index, void **data, size_t *bytes);
ek_status ek_session_set_input(ek_session *session, size_t index, const void *data, size_t bytes);
ek_status ek_session_run(ek_session *session);
ek_status ek_session_output_data(ek_session *session, size_t index, const void **data, size_t *bytes);
ek_status ek_session_get_output(ek_session *session, size_t index, void *data, size_t bytes);
size_t ek_session_state_count(const ek_session *session);
ek_status ek_session_state_info(const ek_session *session, size_t index, ek_tensor_info *info);
ek_status ek_session_get_state(ek_session *session, size_t index, void *data, size_t bytes);
ek_status ek_session_set_state(ek_session *session, size_t index, const void *data, size_t bytes);
ek_status ek_session_reset_state(ek_session *session);
size_t ek_session_node_count(const ek_session *session);
ek_status ek_session_node_info(const ek_session *session, size_t index, ek_node_info *info);

"""

#: Status codes of the C API by value.
STATUS = {
    0: "EK_OK",
    1: "EK_ERR_INVALID_ARGUMENT",
    2: "EK_ERR_OUT_OF_MEMORY",
    3: "EK_ERR_IO",
    4: "EK_ERR_BAD_MODEL",
    5: "EK_ERR_UNSUPPORTED",
    6: "EK_ERR_SHAPE",
    7: "EK_ERR_BACKEND",
    8: "EK_ERR_CANCELLED",
}
