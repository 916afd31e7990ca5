import type { Readable } from 'node:stream';
import { EngineFailure } from './engine-failure.js';
import type { ResultValue } from './query-engine.js';
import { FRAME_HEADER_BYTES } from './row-frame.js';

interface Answer {
  readonly requestId: number;
  readonly maxBytes: number;
  readonly rows: ResultValue[][];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  bytes: number;
  frames: number;
  /** Frames to come in all, once the child has said so. */
  wanted: number | undefined;
}

/** Brackets and commas around rows that the child counted without them. */
const BRACKETS = 4096;

/** Reads a child's row frames. Those of an earlier request, such as a cancelled one, are dropped. */
export class RowPipe {
  private chunks: Buffer[] = [];
  private buffered = 0;
  private answer: Answer | undefined;

  /** `onFault` is told when the child sends what no child should. */
  constructor(
    private readonly source: Readable,
    private readonly onFault: (error: Error) => void,
  ) {
    source.on('data', (chunk: Buffer) => this.onData(chunk));
    source.on('close', () =>
      this.answer?.reject(new EngineFailure('died', 'the pipe of the rows was closed')),
    );
  }

  /** Starts to collect the rows of a request. `rows` resolves when as many frames came as `finish` was told. */
  collect(
    requestId: number,
    maxBytes: number,
  ): { rows: Promise<ResultValue[][]>; finish: (frames: number) => void } {
    const rows: ResultValue[][] = [];
    const collected = new Promise<ResultValue[][]>((resolve, reject) => {
      const done = () => resolve(rows);
      this.answer = {
        requestId,
        maxBytes,
        rows,
        resolve: done,
        reject,
        bytes: 0,
        frames: 0,
        wanted: undefined,
      };
    });
    const { answer } = this;
    return {
      rows: collected,
      finish: (frames) => {
        if (answer === undefined) return;
        answer.wanted = frames;
        if (answer.frames >= frames) answer.resolve();
      },
    };
  }

  /** Drops what still comes for the request. */
  stop(): void {
    this.answer = undefined;
  }

  private onData(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.buffered += chunk.length;
    try {
      while (this.takeFrame());
    } catch (error) {
      this.answer?.reject(error as Error);
      this.onFault(error as Error);
    }
  }

  private takeFrame(): boolean {
    if (this.buffered < FRAME_HEADER_BYTES) return false;
    const header = this.joined(FRAME_HEADER_BYTES);
    const length = header.readUInt32BE(0);
    const requestId = header.readUInt32BE(4);
    const limit = this.answer?.requestId === requestId ? this.answer.maxBytes + BRACKETS : Infinity;
    if (length > limit) throw new EngineFailure('internal', `a frame of ${length} bytes is too long`);
    if (this.buffered < FRAME_HEADER_BYTES + length) return false;
    const all = this.joined(this.buffered);
    const rest = all.subarray(FRAME_HEADER_BYTES + length);
    this.chunks = rest.length > 0 ? [rest] : [];
    this.buffered = rest.length;
    this.accept(requestId, all.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length));
    return true;
  }

  private accept(requestId: number, body: Buffer): void {
    const { answer } = this;
    if (answer === undefined || answer.requestId !== requestId) return;
    answer.bytes += body.length;
    answer.frames += 1;
    if (answer.bytes > answer.maxBytes + BRACKETS * answer.frames) {
      throw new EngineFailure('internal', 'the frames have more bytes than they may');
    }
    for (const row of JSON.parse(body.toString('utf8')) as ResultValue[][]) answer.rows.push(row);
    if (answer.frames === answer.wanted) answer.resolve();
  }

  /** The first `bytes` of what is buffered, in one piece. */
  private joined(bytes: number): Buffer {
    const first = this.chunks[0];
    if (first !== undefined && first.length >= bytes) return first;
    const all = Buffer.concat(this.chunks);
    this.chunks = [all];
    return all;
  }
}
