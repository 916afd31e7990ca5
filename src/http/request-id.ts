import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const SANE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const ZERO_TRACE = '0'.repeat(32);

/** The caller's `Request-Id`, else the trace id of its `traceparent`, else a new one. Safe to echo and to log. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const sent = headers['request-id'];
  if (typeof sent === 'string' && SANE_ID.test(sent)) return sent;
  const parent = headers.traceparent;
  const traceId = typeof parent === 'string' ? TRACEPARENT.exec(parent)?.[1] : undefined;
  return traceId !== undefined && traceId !== ZERO_TRACE ? traceId : randomUUID().replaceAll('-', '');
}
