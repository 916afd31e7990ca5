import { Draining } from '../../src/http/index.js';
import { openSocket, readAnswer } from '../support/http-app.js';
import { held, startTrialApp } from '../support/trial-app.js';

it('answers what comes until the close, closes connections, then refuses', async () => {
  const http = await startTrialApp();
  const socket = await openSocket(http.port);
  const slow = readAnswer(socket);
  socket.write('GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await held.waiting;
  http.app.get(Draining).begin();
  const { response, status } = await http.get('/v1/rows');
  expect([status, response.headers.get('connection')]).toEqual([200, 'close']);
  const closing = http.app.close();
  held.release();
  expect(await slow).toMatchObject({ status: 200, headers: { connection: 'close' } });
  await closing;
  socket.destroy();
});
