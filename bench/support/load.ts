import { Pool } from 'undici';

/** A keep-alive client for one base URL. undici, because the load generator shares the machine with the service. */
export class LoadClient {
  private readonly pool: Pool;

  constructor(baseUrl: string, connections: number) {
    this.pool = new Pool(baseUrl, { connections });
  }

  async post(
    path: string,
    headers: Record<string, string>,
    body: string | Buffer,
  ): Promise<{ status: number; body: string }> {
    const response = await this.pool.request({ path, method: 'POST', headers, body });
    return { status: response.statusCode, body: await response.body.text() };
  }

  async close(): Promise<void> {
    await this.pool.close();
  }
}

/** Runs `work(n)` for n from 0 to count - 1, at most `clients` at once. Answers the seconds that it took. */
export async function drive(
  count: number,
  clients: number,
  work: (n: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let n = next++; n < count; n = next++) await work(n);
    }),
  );
  return (performance.now() - startedAt) / 1000;
}
