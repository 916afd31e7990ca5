import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '../support/postgres.js';
import { TestService, type ServiceOptions } from '../support/service.js';

/** All that a start printed that could not be. */
function printedBy(options: ServiceOptions): Promise<string> {
  return TestService.start(options).then(async (service) => {
    await service.dispose();
    return 'it started';
  }, String);
}

const databaseAt = (url: string, changes: Partial<URL>): string => Object.assign(new URL(url), changes).href;

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

  it('where nothing answers at the address of Postgres', async () => {
    const databaseUrl = 'postgres://joe:hidden-word@127.0.0.1:9/events';
    const printed = await printedBy({ databaseUrl });
    expect(printed).toContain(
      '\nCannot open the database events at 127.0.0.1:9: nothing answers there (ECONNREFUSED). ' +
        'Start Postgres, or set TIDEMARK_DATABASE_URL to where it runs.\n',
    );
    expect(printed).not.toMatch(/stack|ExceptionHandler|hidden-word/);
  });

  it('where Postgres has no such database, or does not let the user in', async () => {
    const database = await createTestDatabase();
    try {
      const { host, pathname } = new URL(database.url);
      const elsewhere = databaseAt(database.url, { pathname: '/nowhere' });
      const none = await printedBy({ databaseUrl: elsewhere });
      expect(none).toContain(
        `\nCannot open the database nowhere at ${host}: it does not exist (3D000). ` +
          'Create it, or set TIDEMARK_DATABASE_URL to another.\n',
      );
      const stranger = databaseAt(database.url, { username: 'joe', password: 'hidden-word' });
      const refused = await printedBy({ databaseUrl: stranger });
      expect(refused).toMatch(
        new RegExp(
          `\nCannot open the database ${pathname.slice(1)} at ${host}: the user joe is not let in \\(28[0-9P]{3}\\)\\. ` +
            'Set TIDEMARK_DATABASE_URL to a user and password that are\\.\n',
        ),
      );
      for (const printed of [none, refused])
        expect(printed).not.toMatch(/stack|ExceptionHandler|hidden-word/);
    } finally {
      await database.drop();
    }
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
