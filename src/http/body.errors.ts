import { AppError, PAYLOAD_TOO_LARGE, REQUEST_INVALID, UNSUPPORTED_MEDIA_TYPE } from '../kernel/index.js';

export function bodyTooLarge(maxBytes: number, when: 'as sent' | 'after decompression'): AppError {
  return new AppError(PAYLOAD_TOO_LARGE, `The body is over ${maxBytes} bytes ${when}.`, {
    context: { max_bytes: maxBytes },
  });
}

export function bodyInvalid(message: string, context: Record<string, unknown> = {}): AppError {
  return new AppError(REQUEST_INVALID, message, {
    context: { violations: [{ path: '$', message }], ...context },
  });
}

export function mediaTypeUnsupported(message: string, supported: readonly string[]): AppError {
  return new AppError(UNSUPPORTED_MEDIA_TYPE, message, { context: { supported } });
}
