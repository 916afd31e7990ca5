const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Base64 of RFC 4648 section 4: padded, no line breaks, unused bits zero. */
export function isBase64(text: string): boolean {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return false;
  // The last group alone can say one value in several ways.
  const last = text.slice(-4);
  return Buffer.from(last, 'base64').toString('base64') === last;
}
