import { randomBytes } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientRefusal, problemHeaders, problemOf } from './problem.js';
import { pathOf } from './problem-reply.js';
import { requestIdOf } from './request-id.js';

const STATUS_BY_PARSER_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Time for the client to read the answer and go. */
const LINGER_MS = 1000;

/** Answers what Node's HTTP parser could not make a request of, and closes the connection. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  const underWay = (socket as { _httpMessage?: ServerResponse })._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || underWay) {
    socket.destroy();
    return;
  }
  const { head, body } = wireProblem(STATUS_BY_PARSER_CODE[error.code ?? ''] ?? 400, error);
  socket.end(`${head}\r\n\r\n${body}`);
  // A client that keeps its side open would keep what its request holds.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Answers an `Expect` header other than "100-continue", which Node would refuse without a body. */
export function answerUnmetExpectation(request: IncomingMessage, response: ServerResponse): void {
  const { error, status } = clientRefusal(417, undefined);
  const problem = problemOf(
    error,
    { traceId: requestIdOf(request.headers), path: pathOf(request.url) },
    status,
  );
  const body = JSON.stringify(problem);
  response.writeHead(problem.status, wireHeaders(problemHeaders(problem, error), body));
  response.end(body);
}

function wireProblem(wanted: number, cause: Error): { head: string; body: string } {
  const { error, status } = clientRefusal(wanted, cause);
  const problem = problemOf(error, { traceId: randomBytes(16).toString('hex'), path: undefined }, status);
  const body = JSON.stringify(problem);
  const lines = Object.entries(wireHeaders(problemHeaders(problem, error), body)).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return {
    head: [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`, ...lines].join('\r\n'),
    body,
  };
}

function wireHeaders(headers: Record<string, string>, body: string): Record<string, string> {
  return { ...headers, 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close' };
}
