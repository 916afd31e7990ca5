import { Socket } from 'node:net';
import type { ResultValue } from '../query-engine.js';
import { FRAME_HEADER_BYTES, ROWS_FD } from '../row-frame.js';
import { FaultError } from './protocol.js';

const FRAME_TARGET_BYTES = 256 * 1024;

/** Sends rows as frames. A frame that the parent has not taken yet holds up the next. */
export class RowWriter {
  private readonly socket = new Socket({ fd: ROWS_FD, readable: false, writable: true });

  constructor() {
    this.socket.on('error', () => process.kill(process.pid, 'SIGKILL'));
    this.socket.unref();
  }

  /** A stream of one answer; what goes beyond `maxBytes` is a fault. */
  open(requestId: number, maxBytes: number): RowStream {
    return new RowStream(this.socket, requestId, maxBytes);
  }
}

export class RowStream {
  frames = 0;
  private bytes = 0;
  private pending: string[] = [];
  private pendingBytes = 0;

  constructor(
    private readonly socket: Socket,
    private readonly requestId: number,
    private readonly maxBytes: number,
  ) {}

  async add(row: ResultValue[]): Promise<void> {
    const text = JSON.stringify(row);
    const size = Buffer.byteLength(text, 'utf8') + 1;
    this.count(size);
    this.pending.push(text);
    this.pendingBytes += size;
    if (this.pendingBytes >= FRAME_TARGET_BYTES) await this.flush();
  }

  /** Counts what is part of the answer without being a row. */
  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) {
      throw new FaultError({ kind: 'too_large', message: `the answer has more than ${this.maxBytes} bytes` });
    }
  }

  async flush(): Promise<void> {
    if (this.pending.length === 0) return;
    const body = Buffer.from(`[${this.pending.join(',')}]`, 'utf8');
    this.pending = [];
    this.pendingBytes = 0;
    this.frames += 1;
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt32BE(body.length, 0);
    header.writeUInt32BE(this.requestId, 4);
    await new Promise<void>((resolve) => this.socket.write(Buffer.concat([header, body]), () => resolve()));
  }
}
