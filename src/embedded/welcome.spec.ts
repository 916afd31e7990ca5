import { welcomeText } from './welcome.js';

const text = welcomeText({
  dataDir: '/srv/tidemark',
  notes: ['Data: /srv/tidemark'],
  credentials: {
    url: 'http://127.0.0.1:8080',
    tenant: 'first',
    platform_key: 'platform-secret',
    keys: { writer: 'writer-secret', reader: 'reader-secret', admin: 'admin-secret' },
  },
});

describe('welcomeText', () => {
  it('says where the service, its data and its credentials are', () => {
    expect(text).toContain('Tidemark listens on http://127.0.0.1:8080');
    expect(text).toContain('Data: /srv/tidemark');
    expect(text).toContain('/srv/tidemark/credentials.json');
  });

  it('shows one line to write with and one to query with, each with its own key', () => {
    const lines = text.split('\n').filter((line) => line.startsWith('curl '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(
      "http://127.0.0.1:8080/v1/ingest/events -H 'Authorization: Bearer writer-secret'",
    );
    expect(lines[1]).toContain("http://127.0.0.1:8080/v1/query -H 'Authorization: Bearer reader-secret'");
    for (const line of lines) {
      const body = /-d '([^']*)'$/.exec(line)?.[1];
      expect(() => JSON.parse(body ?? '') as unknown).not.toThrow();
    }
  });

  it('keeps the powerful keys out of the terminal', () => {
    expect(text).not.toContain('admin-secret');
    expect(text).not.toContain('platform-secret');
  });
});
