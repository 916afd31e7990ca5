export default async function globalTeardown() {
  await globalThis.tidemarkTestServices?.stop();
}
