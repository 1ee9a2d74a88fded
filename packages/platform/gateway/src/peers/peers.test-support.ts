/** What programs of others make of the gateway: one line a check. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askAutobahn } from './autobahn.test-support.ts'
import { gunicornCases, smugglingCases } from './corpora.test-support.ts'
import { endAll } from './processes.test-support.ts'
import { readBy } from './readers.test-support.ts'
import { askRedbot } from './redbot.test-support.ts'
import { askServices } from './services.test-support.ts'
import { smuggle } from './smuggling.test-support.ts'
import { weigh } from './weights.test-support.ts'

const [jar = '', readers = '', ws = '', autobahn = '', redbot = '', nginx = ''] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-peers-'))
const inReaders = (path: string): string => join(readers, path)
try {
  await smuggle(
    [...gunicornCases(inReaders('tests/requests')), ...smugglingCases()],
    [
      { name: 'h11', read: (given) => readBy(inReaders('venv/bin/python'), [inReaders('read.py')], given) },
      { name: 'net/http of Go', read: (given) => readBy(inReaders('read'), [], given) },
    ],
  )
  await askRedbot({ folder, nginx, redbot: join(redbot, 'venv/bin/redbot') })
  await askAutobahn({ folder, ws, autobahn })
  await weigh({ folder })
  await askServices({ folder, jar })
} finally {
  await endAll()
  rmSync(folder, { recursive: true, force: true })
}
