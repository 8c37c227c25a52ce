/* A CUDA without a GPU: the calls that cudarc makes for us, on the CPU. build.sh makes libcuda.so of it, and libcublas.so with
 * -DCUBLAS. Streams are lazy: what is put into them is done when something waits for them, as late as a GPU may do it, so that a
 * missing wait is seen. Sums are added from the last product to the first, other than on the CPU.
 *
 * The environment:
 *   FAKE_MEMORY=bytes      the GPU's memory
 *   FAKE_ERROR=1e-13       each sum is wrong by up to this share of the sum of absolute products
 *   FAKE_FAIL=gemm:3       the third call of a kind and all later ones fail: alloc, host, htod, dtoh, sync, gemm, create
 *   FAKE_WRONG=zero:3      the third product and all later ones are wrong: zero, none (not computed), nan, one (a single sum)
 *   FAKE_LOG=path          a line at the end: calls of each kind, and the most memory
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct work {
    struct work *next;
    void (*run)(struct work *);
    void *to;
    const void *from;
    size_t bytes;
    int m, n, k, lda, ldb, ldc, number;
    const double *a, *b;
    double *c;
} work;

typedef struct stream {
    pthread_mutex_t mutex;
    work *first, **last;
} stream;

int fake_fails(const char *kind);
void fake_put(stream *to, work one);

#ifndef CUBLAS

enum { SUCCESS = 0, INVALID = 1, OUT_OF_MEMORY = 2, LAUNCH_FAILED = 719 };

static const char *kinds[] = {"alloc", "host", "htod", "dtoh", "sync", "gemm", "create"};
static int counts[7];
static size_t used, most;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread void *current;

static size_t memory(void) {
    const char *text = getenv("FAKE_MEMORY");
    return text ? strtoull(text, NULL, 10) : (size_t)4 << 30;
}

int fake_fails(const char *kind) {
    const char *text = getenv("FAKE_FAIL");
    size_t length = strlen(kind);
    int number = 0;
    for (int at = 0; at < 7; at++)
        if (!strcmp(kinds[at], kind)) number = __atomic_add_fetch(&counts[at], 1, __ATOMIC_SEQ_CST);
    return text && !strncmp(text, kind, length) && text[length] == ':' && number >= atoi(text + length + 1);
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAKE_LOG");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    for (int at = 0; at < 7; at++) fprintf(file, "%s=%d ", kinds[at], counts[at]);
    fprintf(file, "most=%zu left=%zu\n", most, used);
    fclose(file);
}

/* Does what is in a stream, or forgets it, as a GPU does that has failed. */
static void empty(stream *of, int is_done) {
    if (!of) return;
    pthread_mutex_lock(&of->mutex);
    while (of->first) {
        work *one = of->first;
        of->first = one->next;
        if (!of->first) of->last = &of->first;
        if (is_done) one->run(one);
        free(one);
    }
    pthread_mutex_unlock(&of->mutex);
}

static void drain(stream *of) { empty(of, 1); }

void fake_put(stream *to, work one) {
    if (!to) {
        one.run(&one);
        return;
    }
    work *copy = malloc(sizeof *copy);
    *copy = one;
    copy->next = NULL;
    pthread_mutex_lock(&to->mutex);
    *to->last = copy;
    to->last = &copy->next;
    pthread_mutex_unlock(&to->mutex);
}

static void copy(work *one) { memcpy(one->to, one->from, one->bytes); }
static void clear(work *one) { memset(one->to, 0, one->bytes); }

int cuInit(unsigned flags) { return flags ? INVALID : SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { return *device = 0, ordinal ? 101 : SUCCESS; }
int cuDeviceGetName(char *name, int length, int device) { return snprintf(name, length, "Fake GPU %d", device), SUCCESS; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = memory(), device; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { return *value = 0, (void)attribute, device; }
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = &used, device; }
int cuDevicePrimaryCtxRelease_v2(int device) { return device; }
int cuCtxGetCurrent(void **context) { return *context = current, SUCCESS; }
int cuCtxSetCurrent(void *context) { return current = context, SUCCESS; }
int cuCtxSynchronize(void) { return SUCCESS; }
int cuGetErrorName(int error, const char **text) { return *text = error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "FAKE", SUCCESS; }
int cuGetErrorString(int error, const char **text) { return *text = error == OUT_OF_MEMORY ? "out of memory" : "fake failure", SUCCESS; }

int cuStreamCreate(stream **made, unsigned flags) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    *made = calloc(1, sizeof **made);
    pthread_mutex_init(&(*made)->mutex, &kind);
    (*made)->last = &(*made)->first;
    return (void)flags, SUCCESS;
}
/* Not freed: events that were recorded in it may still be waited for. */
int cuStreamDestroy_v2(stream *of) { return drain(of), SUCCESS; }
int cuStreamSynchronize(stream *of) {
    if (fake_fails("sync")) return empty(of, 0), LAUNCH_FAILED;
    return drain(of), SUCCESS;
}

typedef struct event { stream *of; } event;
int cuEventCreate(event **made, unsigned flags) { return *made = calloc(1, sizeof **made), (void)flags, SUCCESS; }
int cuEventDestroy_v2(event *of) { return free(of), SUCCESS; }
int cuEventRecord(event *of, stream *on) { return __atomic_store_n(&of->of, on, __ATOMIC_SEQ_CST), SUCCESS; }
int cuEventSynchronize(event *of) { return drain(__atomic_load_n(&of->of, __ATOMIC_SEQ_CST)), SUCCESS; }
int cuStreamWaitEvent(stream *on, event *of, unsigned flags) {
    stream *other = __atomic_load_n(&of->of, __ATOMIC_SEQ_CST);
    if (other != on) drain(other);
    return (void)flags, SUCCESS;
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    pthread_mutex_lock(&mutex);
    *total = memory();
    *free_bytes = *total - used;
    pthread_mutex_unlock(&mutex);
    return SUCCESS;
}
int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
    int is_out = fake_fails("alloc");
    pthread_mutex_lock(&mutex);
    is_out |= used + bytes > memory();
    if (!is_out) used += bytes;
    if (used > most) most = used;
    pthread_mutex_unlock(&mutex);
    size_t *block = is_out ? NULL : malloc(bytes + 64);
    if (!block) return OUT_OF_MEMORY;
    *block = bytes;
    memset((char *)block + 64, 0x7f, bytes); /* what memory holds that nobody has set */
    *pointer = (uint64_t)block + 64;
    return SUCCESS;
}
int cuMemFree_v2(uint64_t pointer) {
    size_t *block = (size_t *)(pointer - 64);
    pthread_mutex_lock(&mutex);
    used -= *block;
    pthread_mutex_unlock(&mutex);
    return free(block), SUCCESS;
}
int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    if (fake_fails("host")) return OUT_OF_MEMORY;
    return *pointer = aligned_alloc(64, (bytes + 63) / 64 * 64), (void)flags, SUCCESS;
}
int cuMemFreeHost(void *pointer) { return free(pointer), SUCCESS; }
int cuMemsetD8Async(uint64_t pointer, unsigned char value, size_t bytes, stream *on) {
    return fake_put(on, (work){.run = clear, .to = (void *)pointer, .bytes = bytes}), value ? INVALID : SUCCESS;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, stream *on) {
    if (fake_fails("htod")) return LAUNCH_FAILED;
    return fake_put(on, (work){.run = copy, .to = (void *)to, .from = from, .bytes = bytes}), SUCCESS;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, stream *on) {
    if (fake_fails("dtoh")) return LAUNCH_FAILED;
    return fake_put(on, (work){.run = copy, .to = to, .from = (void *)from, .bytes = bytes}), SUCCESS;
}

#else

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID = 7, EXECUTION_FAILED = 13 };

static int products;

int cublasCreate_v2(stream ***handle) {
    if (fake_fails("create")) return NOT_INITIALIZED;
    return *handle = calloc(1, sizeof **handle), SUCCESS;
}
int cublasDestroy_v2(stream **handle) { return free(handle), SUCCESS; }
int cublasSetStream_v2(stream **handle, stream *on) { return *handle = on, SUCCESS; }

static int is_wrong(const char *how, int number) {
    const char *text = getenv("FAKE_WRONG");
    size_t length = strlen(how);
    return text && !strncmp(text, how, length) && text[length] == ':' && number >= atoi(text + length + 1);
}

/* A number in -1..1 of where a sum is. */
static double unlike(int row, int column, int number) {
    uint32_t bits = (uint32_t)row * 2654435761u ^ (uint32_t)column * 2246822519u ^ (uint32_t)number * 3266489917u;
    bits = (bits ^ bits >> 15) * 2654435761u;
    return (double)(bits >> 8) / (1 << 23) - 1.0;
}

static void gemm(work *one) {
    const char *text = getenv("FAKE_ERROR");
    double error = text ? atof(text) : 0.0;
    if (is_wrong("none", one->number)) return;
    for (int column = 0; column < one->n; column++)
        for (int row = 0; row < one->m; row++) {
            const double *a = one->a + row, *b = one->b + (size_t)column * one->ldb;
            double sum = 0.0, size = 0.0;
            for (int at = one->k; at-- > 0;) {
                double product = a[(size_t)at * one->lda] * b[at];
                sum += product;
                size += fabs(product);
            }
            sum += size * error * unlike(row, column, one->number);
            one->c[row + (size_t)column * one->ldc] = is_wrong("zero", one->number) ? 0.0 : sum;
        }
    if (is_wrong("nan", one->number)) one->c[one->m + 1] = NAN;
    if (is_wrong("one", one->number)) one->c[one->m + 1] *= 1.01;
}

int cublasDgemm_v2(stream **handle, int transa, int transb, int m, int n, int k, const double *alpha, const double *a, int lda,
                   const double *b, int ldb, const double *beta, double *c, int ldc) {
    if (fake_fails("gemm")) return EXECUTION_FAILED;
    if (transa || transb || *alpha != 1.0 || *beta != 0.0 || lda < m || ldb < k || ldc < m) return INVALID;
    work one = {.run = gemm, .m = m, .n = n, .k = k, .a = a, .lda = lda, .b = b, .ldb = ldb, .c = c, .ldc = ldc};
    one.number = __atomic_add_fetch(&products, 1, __ATOMIC_SEQ_CST);
    return fake_put(*handle, one), SUCCESS;
}

#endif
