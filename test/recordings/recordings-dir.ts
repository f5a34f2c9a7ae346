/** Where the recordings are: `npm run test:recordings -- DIR` says it to the suites that it starts. */
export function recordingsDirectory(): string {
  const directory = process.env.RECORDINGS_DIR
  if (directory === undefined) throw new Error('RECORDINGS_DIR must name a folder of recordings, is not set')
  return directory
}
