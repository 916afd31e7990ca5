/** File descriptor of the pipe that a child writes row frames to. */
export const ROWS_FD = 3;

/** Length of the body, then the id of the request, each 32 bits, big-endian. The body is a JSON array of rows. */
export const FRAME_HEADER_BYTES = 8;
