import { existsSync } from 'node:fs'
import { java, linters, python } from './judges/installed.ts'
import { ONLY_WHEN_NAMED } from './runner.ts'
import { brokers } from './servers/brokers.ts'
import { installPackage } from './servers/packages.ts'

/**
 * Servers that some tests need and npm does not bring: `npm run servers` installs them where that is possible. (Every part
 * has an embedded adapter, and a PostgreSQL 18 comes with the npm packages.) `npm run servers -- kubernetes` installs those that are named.
 *
 * A test that needs one asks whether it is there and skips itself without it, with a reason in this form:
 * `test('…', { skip: missing15 }, …)`, where `missing15` is false or `needs server: postgres15`.
 */
type Server = {
  readonly name: string
  readonly there: () => boolean
  /** Installs it where that is possible; says why where it is not. */
  readonly install: () => Promise<string>
}

const servers: readonly Server[] = [
  {
    // The oldest version that is supported; as Debian 12 has it, and elsewhere from PostgreSQL's own repository.
    name: 'postgres15',
    there: () => existsSync('/usr/lib/postgresql/15/bin/postgres'),
    install: async () => installPackage('postgresql-15') ?? 'installed',
  },
  {
    // What shows the page of an API as its readers see it.
    name: 'chromium',
    there: () => ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].some((path) => existsSync(path)),
    install: async () => installPackage('chromium-headless-shell') ?? 'installed',
  },
  {
    // What judges the text of metrics, and asks for it.
    name: 'prometheus',
    there: () => existsSync('/usr/bin/promtool'),
    install: async () => installPackage('prometheus') ?? 'installed',
  },
  // What judges the documents: each in the language it is written in, where that is here.
  ...[python, java, linters].map(({ name, there, install }) => ({ name, there, install: async () => install() })),
  ...brokers,
]

if (import.meta.main) {
  const words = process.argv.slice(2)
  const wanted = servers.filter(({ name }) => (words.length === 0 ? !ONLY_WHEN_NAMED.includes(name) : words.includes(name)))
  if (wanted.length === 0) {
    console.error(`Cannot install "${words.join(' ')}": the servers are ${servers.map(({ name }) => name).join(', ')}`)
    process.exitCode = 1
  }
  for (const { name, there, install } of wanted) {
    console.log(`${name}: ${there() ? 'is here' : await install()}`)
  }
}
