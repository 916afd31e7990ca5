import { SingleBar } from 'cli-progress';

/** Shows how far a load is. */
export interface Progress {
  start(what: string, total: number): void;
  add(count: number): void;
  stop(): void;
}

type Stream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** A bar on a terminal; elsewhere a line for every quarter. */
export function createProgress(stream: Stream): Progress {
  return stream.isTTY === true ? new BarProgress(stream) : new LineProgress(stream);
}

/** Since when, and how many. */
class Meter {
  done = 0;
  private readonly startedAt = performance.now();

  constructor(
    readonly what: string,
    readonly total: number,
  ) {}

  get rate(): string {
    const seconds = Math.max(0.001, (performance.now() - this.startedAt) / 1000);
    return `${Math.round(this.done / seconds).toLocaleString('en')} records/s`;
  }
}

class BarProgress implements Progress {
  private readonly bar: SingleBar;
  private meter = new Meter('', 0);

  constructor(stream: Stream) {
    this.bar = new SingleBar({
      stream,
      format: '  {what} [{bar}] {percentage}%  {value}/{total}  {rate}',
      barsize: 32,
      hideCursor: true,
      gracefulExit: true,
    });
  }

  start(what: string, total: number): void {
    this.meter = new Meter(what, total);
    this.bar.start(total, 0, { what: what.padEnd(8), rate: '' });
  }

  add(count: number): void {
    this.meter.done += count;
    this.bar.update(this.meter.done, { rate: this.meter.rate });
  }

  stop(): void {
    this.bar.stop();
  }
}

class LineProgress implements Progress {
  private meter = new Meter('', 0);
  private shownQuarter = 0;

  constructor(private readonly stream: Stream) {}

  start(what: string, total: number): void {
    this.meter = new Meter(what, total);
    this.shownQuarter = 0;
  }

  add(count: number): void {
    this.meter.done += count;
    const { what, done, total, rate } = this.meter;
    const quarter = Math.floor((4 * done) / total);
    if (quarter === this.shownQuarter) return;
    this.shownQuarter = quarter;
    this.stream.write(`  ${what.padEnd(8)} ${done}/${total}  ${rate}\n`);
  }

  stop(): void {
    return;
  }
}
