import { AppError, REQUEST_INVALID } from '../kernel/index.js';

const ENTITY_TAGS = /^(?:W\/)?"[^"\s]{0,64}"(?:\s*,\s*(?:W\/)?"[^"\s]{0,64}"){0,15}$/;

/**
 * The tags of an `If-Match` header, without quotes; undefined where there is none or it is `*`. A tag that a proxy
 * marked as weak counts like the one that it was. Throws REQUEST_INVALID for anything else.
 */
export function readIfMatch(header: string | undefined): string[] | undefined {
  const text = header?.trim();
  if (text === undefined || text === '*') return undefined;
  if (!ENTITY_TAGS.test(text)) {
    const violations = [{ path: 'If-Match', message: 'must be an ETag with its quotes, such as "3"' }];
    throw new AppError(REQUEST_INVALID, 'If-Match: must be an ETag with its quotes, such as "3".', {
      context: { violations },
    });
  }
  return [...text.matchAll(/"([^"]*)"/g)].map(([, tag = '']) => tag);
}
