import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestService, type ServiceOptions } from '../support/service.js';

/** All that a start printed that could not be. */
function printedBy(options: ServiceOptions): Promise<string> {
  return TestService.start(options).then(async (service) => {
    await service.dispose();
    return 'it started';
  }, String);
}

describe('a start that cannot be says why in a line, and what to do', () => {
  it('where another process has the port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    try {
      const printed = await printedBy({ env: { TIDEMARK_HTTP_PORT: String(port) } });
      expect(printed).toContain(
        `\nCannot listen on 127.0.0.1:${port}: another process has the port. ` +
          'Stop it, or set TIDEMARK_HTTP_PORT to another port; 0 takes a free one.\n',
      );
      expect(printed).not.toContain('"stack"');
    } finally {
      other.close();
    }
  });

  it('where the address is not one of this machine', async () => {
    const printed = await printedBy({ env: { TIDEMARK_HTTP_HOST: '203.0.113.9' } });
    expect(printed).toMatch(/\nCannot listen on 203\.0\.113\.9:0: .*TIDEMARK_HTTP_HOST.*\n/);
    expect(printed).not.toContain('"stack"');
  });

  it('where the data dir cannot be a folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-start-'));
    const file = join(folder, 'file');
    writeFileSync(file, '');
    try {
      const printed = await printedBy({ databaseUrl: 'embedded', env: { TIDEMARK_DATA_DIR: file } });
      expect(printed).toContain(
        `\n${file} cannot be the data dir (EEXIST). Set TIDEMARK_DATA_DIR to a folder that this user may write to.\n`,
      );
      expect(printed).not.toContain('"stack"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
