/* The yardstick: a plain C reader of scalars in event files. Framing with verified headers, full decoding of events,
 * one growing set of columns per tag, earlier points dropped when a tag's steps go back. Built by c_reader.py.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

typedef struct {
    char *name;
    uint32_t name_length;
    int64_t count, capacity;
    int64_t *steps;
    double *values, *wall_times;
} Tag;

typedef struct {
    Tag *tags;
    int32_t count, capacity;
    int64_t records, damaged;
} Columns;

typedef struct {
    const uint8_t *at, *end;
} Span;

#ifdef __SSE4_2__
static uint32_t crc(const uint8_t *at, uint64_t length) {
    uint64_t sum = 0xFFFFFFFFu;
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sum = _mm_crc32_u64(sum, word);
    }
    while (length--) sum = _mm_crc32_u8((uint32_t)sum, *at++);
    return ~(uint32_t)sum;
}
#else
static uint32_t table[256];
static uint32_t crc(const uint8_t *at, uint64_t length) {
    uint32_t sum = 0xFFFFFFFFu;
    if (!table[1])
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t entry = byte;
            for (int bit = 0; bit < 8; bit++) entry = entry & 1 ? (entry >> 1) ^ 0x82F63B78u : entry >> 1;
            table[byte] = entry;
        }
    while (length--) sum = table[(sum ^ *at++) & 0xFF] ^ (sum >> 8);
    return ~sum;
}
#endif

static uint32_t masked(uint32_t sum) { return ((sum >> 15) | (sum << 17)) + 0xA282EAD8u; }

static int varint(Span *span, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 70 && span->at < span->end; shift += 7) {
        uint8_t byte = *span->at++;
        *value |= shift < 64 ? (uint64_t)(byte & 0x7F) << shift : 0;
        if (byte < 0x80) return 1;
    }
    return 0;
}

/* The next field: its number and wire type; `body` holds its bytes, or `number` its varint. 0 at the end, -1 if malformed. */
static int next_field(Span *span, uint32_t *key, Span *body, uint64_t *number) {
    uint64_t word;
    if (span->at >= span->end) return 0;
    if (!varint(span, &word)) return -1;
    *key = (uint32_t)word;
    uint64_t size;
    switch (word & 7) {
        case 0: return varint(span, number) ? 1 : -1;
        case 1: size = 8; break;
        case 2:
            if (!varint(span, &size)) return -1;
            break;
        case 5: size = 4; break;
        default: return -1;
    }
    if (size > (uint64_t)(span->end - span->at)) return -1;
    body->at = span->at;
    body->end = span->at += size;
    return 1;
}

#define KEY(number, type) ((number) << 3 | (type))

static int read_float(Span span, double *value) {
    float number;
    if (span.end - span.at != 4) return 0;
    memcpy(&number, span.at, 4);
    *value = number;
    return 1;
}

static int read_double(Span span, double *value) {
    if (span.end - span.at != 8) return 0;
    memcpy(value, span.at, 8);
    return 1;
}

/* A TensorProto of one float32 or float64. 1 if it is, 0 if not, -1 if malformed. */
static int read_tensor(Span span, double *value) {
    uint32_t key;
    Span body, content = {0, 0}, floats = {0, 0}, doubles = {0, 0};
    uint64_t number, dtype = 0;
    int more;
    while ((more = next_field(&span, &key, &body, &number)) > 0) {
        if (key == KEY(1, 0)) dtype = number;
        else if (key == KEY(2, 2) && body.end > body.at) return 0;
        else if (key == KEY(4, 2)) content = body;
        else if (key == KEY(5, 2) || key == KEY(5, 5)) floats = body;
        else if (key == KEY(6, 2) || key == KEY(6, 1)) doubles = body;
    }
    if (more < 0) return -1;
    if (dtype == 1) return read_float(content.at ? content : floats, value);
    if (dtype == 2) return read_double(content.at ? content : doubles, value);
    return 0;
}

static Tag *tag_named(Columns *columns, Span name, int32_t *guess) {
    uint32_t length = (uint32_t)(name.end - name.at);
    for (int32_t tried = 0; tried < columns->count; tried++) { /* tags follow one another in the same order, mostly */
        int32_t index = (*guess + tried) % columns->count;
        Tag *tag = &columns->tags[index];
        if (tag->name_length == length && !memcmp(tag->name, name.at, length)) {
            *guess = index + 1;
            return tag;
        }
    }
    if (columns->count == columns->capacity) {
        columns->capacity = columns->capacity ? 2 * columns->capacity : 16;
        columns->tags = realloc(columns->tags, columns->capacity * sizeof(Tag));
    }
    Tag *tag = &columns->tags[columns->count++];
    memset(tag, 0, sizeof *tag);
    tag->name = malloc(length + 1);
    memcpy(tag->name, name.at, length);
    tag->name[length] = 0;
    tag->name_length = length;
    return tag;
}

static void append(Tag *tag, int64_t step, double value, double wall_time) {
    while (tag->count && tag->steps[tag->count - 1] >= step) tag->count--;
    if (tag->count == tag->capacity) {
        tag->capacity = tag->capacity ? 2 * tag->capacity : 256;
        tag->steps = realloc(tag->steps, tag->capacity * sizeof *tag->steps);
        tag->values = realloc(tag->values, tag->capacity * sizeof *tag->values);
        tag->wall_times = realloc(tag->wall_times, tag->capacity * sizeof *tag->wall_times);
    }
    tag->steps[tag->count] = step;
    tag->values[tag->count] = value;
    tag->wall_times[tag->count++] = wall_time;
}

/* One Summary.Value. 0 if malformed. */
static int read_value(Columns *columns, Span span, int64_t step, double wall_time, int32_t *guess) {
    uint32_t key;
    Span body, name = {0, 0};
    uint64_t number;
    double value = 0;
    int more, is_scalar = 0;
    while ((more = next_field(&span, &key, &body, &number)) > 0) {
        if (key == KEY(1, 2)) name = body;
        else if (key == KEY(2, 5)) is_scalar = read_float(body, &value);
        else if (key == KEY(8, 2)) {
            is_scalar = read_tensor(body, &value);
            if (is_scalar < 0) return 0;
        }
    }
    if (more < 0) return 0;
    if (is_scalar) append(tag_named(columns, name, guess), step, value, wall_time);
    return 1;
}

/* One Event. 0 if malformed. Summaries come last in what writers write, so step and time are known by then. */
static int read_event(Columns *columns, Span span, int32_t *guess) {
    uint32_t key;
    Span body, value;
    uint64_t number;
    int64_t step = 0;
    double wall_time = 0;
    int more;
    while ((more = next_field(&span, &key, &body, &number)) > 0) {
        if (key == KEY(1, 1)) memcpy(&wall_time, body.at, 8);
        else if (key == KEY(2, 0)) step = (int64_t)number;
        else if (key == KEY(5, 2)) {
            int more_values;
            while ((more_values = next_field(&body, &key, &value, &number)) > 0)
                if (key == KEY(1, 2) && !read_value(columns, value, step, wall_time, guess)) return 0;
            if (more_values < 0) return 0;
        }
    }
    return more == 0;
}

static void read_buffer(Columns *columns, const uint8_t *data, uint64_t size, int verify_payloads) {
    uint64_t at = 0, known_length = UINT64_MAX;
    uint32_t known_crc = 0;
    int32_t guess = 0;
    while (at + 12 <= size) {
        uint64_t length;
        uint32_t stored;
        memcpy(&length, data + at, 8);
        memcpy(&stored, data + at + 8, 4);
        if (length != known_length) known_crc = masked(crc(data + at, 8)), known_length = length;
        if (stored != known_crc || length > size || at + 16 + length > size) break;
        const uint8_t *payload = data + at + 12;
        memcpy(&stored, payload + length, 4);
        Span span = {payload, payload + length};
        if ((verify_payloads && stored != masked(crc(payload, length))) || !read_event(columns, span, &guess))
            columns->damaged++;
        columns->records++;
        at += 16 + length;
    }
}

/* Read a whole file. NULL if it cannot be opened. */
Columns *read_file(const char *path, int verify_payloads) {
    struct stat status;
    int handle = open(path, O_RDONLY);
    if (handle < 0) return NULL;
    if (fstat(handle, &status)) status.st_size = 0;
    uint8_t *data = malloc(status.st_size + 1);
    uint64_t size = 0;
    ssize_t got;
    while (size < (uint64_t)status.st_size && (got = read(handle, data + size, status.st_size - size)) > 0) size += got;
    close(handle);
    Columns *columns = calloc(1, sizeof *columns);
    read_buffer(columns, data, size, verify_payloads);
    free(data);
    return columns;
}

int32_t count_tags(const Columns *columns) { return columns->count; }
int64_t count_damaged(const Columns *columns) { return columns->damaged; }
const Tag *get_tag(const Columns *columns, int32_t index) { return &columns->tags[index]; }
