/** For Jest run by hand: `npm test` has started the services already and says so in the environment. */
export default async function globalSetup() {
  if (process.env.TIDEMARK_TEST_RUN_ID) return;
  const { startServices } = await import('./services.mjs');
  const services = await startServices((line) => console.error(line));
  Object.assign(process.env, services.env);
  globalThis.tidemarkTestServices = services;
}
