/** Records of one request at most. */
export const MAX_RECORDS = 100_000;

/** Characters of one record's payload as JSON, with defaults, at most. The coordinator reads a record as a whole. */
export const MAX_PAYLOAD_CHARS = 4 * 1024 * 1024;

/** Objects and arrays of one request at most. Parsed ones take many times the memory of their text. */
export const MAX_CONTAINERS = 2_000_000;

/** Values of one request at most where a number needs exact reading, which takes a microsecond or two for every value. */
export const MAX_EXACT_VALUES = 3_000_000;

/** Objects and arrays inside each other at most, the record itself included. */
export const MAX_NESTING = 64;

/** Idempotency keys in bytes of UTF-8, both kinds. */
export const MAX_KEY_BYTES = 512;

/** Violations named in one refusal. */
export const MAX_VIOLATIONS = 100;

/** Keys of one receipts request. */
export const MAX_RECEIPT_KEYS = 1_000;
