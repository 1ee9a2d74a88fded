/**
 * Servers that some tests need (a PostgreSQL, a Kafka, …). None is needed yet: every part so far has an
 * embedded adapter. A server gets a line here, with how it is installed and how a test finds it.
 *
 * A test that needs one asks for its variable and skips itself without it, with a reason in this form:
 * `test('…', { skip: process.env.DURE_POSTGRES_URL ? false : needsServer('postgres') }, …)`.
 */
export type Server = {
  readonly name: string
  /** The environment variable that tells tests where it is. */
  readonly variable: string
  /** Installs it where that is possible; says why where it is not. */
  readonly install: () => Promise<string>
}

export const servers: readonly Server[] = []

/** How a skipped test says which server it missed. */
export const NEEDS_SERVER = /^needs server: (?<server>.+)$/

if (import.meta.main) {
  if (servers.length === 0) console.log('No test needs a server yet: everything runs on embedded adapters.')
  for (const { name, install } of servers) console.log(`${name}: ${await install()}`)
}
