/*
 * The calls of CUDA whose answer is more than "success", which the generated stand-ins give. Memory is the CPU's, one
 * device is reported, and handles are never looked into. Layouts are those of CUDA 13's headers.
 */
#include <stdlib.h>
#include <string.h>

enum { MULTIPROCESSORS = 132, SHARED_PER_BLOCK = 48 << 10, SHARED_PER_BLOCK_OPT_IN = 227 << 10 };
static const size_t DEVICE_MEMORY = (size_t)80 << 30;

/* The members of cudaDeviceProp up to the last one that is set here. */
struct device_properties {
  char name[256], uuid[16], luid[8];
  unsigned luidDeviceNodeMask;
  size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize;
  size_t memPitch;
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
  size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int multiProcessorCount;
};

/* Compute capability 9.0: it has every type that the provider has kernels for. */
int cudaGetDeviceProperties(struct device_properties *properties, int device) {
  static const struct device_properties answer = {
      .name = "stand-in", .totalGlobalMem = DEVICE_MEMORY, .sharedMemPerBlock = SHARED_PER_BLOCK,
      .regsPerBlock = 65536, .warpSize = 32, .maxThreadsPerBlock = 1024, .maxThreadsDim = {1024, 1024, 64},
      .maxGridSize = {2147483647, 65535, 65535}, .major = 9, .minor = 0, .multiProcessorCount = MULTIPROCESSORS};
  *properties = answer;
  return 0;
}

/* Numbers of cudaDeviceAttr. */
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 8: *value = SHARED_PER_BLOCK; break;
    case 10: *value = 32; break;   /* warp size */
    case 16: *value = MULTIPROCESSORS; break;
    case 39: *value = 2048; break; /* threads of a multiprocessor */
    case 75: *value = 9; break;    /* compute capability, major */
    case 97: *value = SHARED_PER_BLOCK_OPT_IN; break;
    default: *value = 0;
  }
  return 0;
}

int cudaGetDeviceCount(int *count) { return *count = 1, 0; }
int cudaGetDevice(int *device) { return *device = 0; }
int cudaRuntimeGetVersion(int *version) { return *version = 13000, 0; }
int cudaDriverGetVersion(int *version) { return *version = 13000, 0; }
size_t cudnnGetVersion(void) { return 91000; }

static int allocate(void **memory, size_t bytes) { return (*memory = malloc(bytes ? bytes : 1)) == NULL ? 2 : 0; }
int cudaMalloc(void **memory, size_t bytes) { return allocate(memory, bytes); }
int cudaMallocHost(void **memory, size_t bytes) { return allocate(memory, bytes); }
int cudaHostAlloc(void **memory, size_t bytes, unsigned flags) { return allocate(memory, bytes); }
int cudaMallocFromPoolAsync(void **memory, size_t bytes, void *pool, void *stream) { return allocate(memory, bytes); }
int cudaFree(void *memory) { return free(memory), 0; }
int cudaFreeHost(void *memory) { return free(memory), 0; }
int cudaFreeAsync(void *memory, void *stream) { return free(memory), 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { return *available = *total = DEVICE_MEMORY, 0; }
int cudaMemcpy(void *to, const void *from, size_t bytes, int kind) { return memmove(to, from, bytes), 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t bytes, int kind, void *stream) {
  return memmove(to, from, bytes), 0;
}
int cudaMemset(void *memory, int value, size_t bytes) { return memset(memory, value, bytes), 0; }
int cudaMemsetAsync(void *memory, int value, size_t bytes, void *stream) { return memset(memory, value, bytes), 0; }
int cudaPointerGetAttributes(void *attributes, const void *memory) { return memset(attributes, 0, 32), 0; }
int cublasGetMathMode(void *handle, int *mode) { return *mode = 0; }

static char nothing[64];
#define GIVES_HANDLE(name) int name(void **handle) { return *handle = nothing, 0; }
GIVES_HANDLE(cudaStreamCreate)
GIVES_HANDLE(cudaStreamCreateWithFlags)
GIVES_HANDLE(cudaEventCreate)
GIVES_HANDLE(cudaEventCreateWithFlags)
GIVES_HANDLE(cudaMemPoolCreate)
GIVES_HANDLE(cublasCreate_v2)
GIVES_HANDLE(cublasLtCreate)
GIVES_HANDLE(cublasLtMatmulDescCreate)
GIVES_HANDLE(cublasLtMatmulPreferenceCreate)
GIVES_HANDLE(cublasLtMatrixLayoutCreate)
GIVES_HANDLE(cudnnCreate)
GIVES_HANDLE(cudnnCreateTensorDescriptor)
GIVES_HANDLE(cudnnCreateReduceTensorDescriptor)

#define GIVES_TEXT(name) const char *name(int code) { return "a stand-in was asked"; }
GIVES_TEXT(cudaGetErrorString)
GIVES_TEXT(cudaGetErrorName)
GIVES_TEXT(cublasGetStatusName)
GIVES_TEXT(cublasGetStatusString)
GIVES_TEXT(cudnnGetErrorString)

void **__cudaRegisterFatBinary(void *binary) { return (void **)nothing; }
