/** What programs of others make of the gateway: one line a check. The first word is which parts of it, the last are cases of Autobahn. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { fuzzAnswers, fuzzCuts, fuzzRequests } from '../wire/fuzz.conformance.ts'
import { askApiserver } from './apiserver.test-support.ts'
import { askAutobahn } from './autobahn.test-support.ts'
import { killAndFreeze } from './copies.test-support.ts'
import { gunicornCases, smugglingCases } from './corpora.test-support.ts'
import { endAll } from './processes.test-support.ts'
import { readBy } from './readers.test-support.ts'
import { askRedbot } from './redbot.test-support.ts'
import { askServices } from './services.test-support.ts'
import { smuggle } from './smuggling.test-support.ts'
import { weigh } from './weights.test-support.ts'

const [, , named = '', jar = '', readers = '', ws = '', autobahn = '', redbot = '', nginx = '', ...cases] = process.argv
const folder = mkdtempSync(join(tmpdir(), 'dure-gateway-peers-'))
const inReaders = (path: string): string => join(readers, path)
const RUNS = 40_000

const parts: Readonly<Record<string, () => Promise<void>>> = {
  parser: () =>
    check(
      `${RUNS} spoilt requests and as many answers: what is taken, Node takes and reads alike, however it is cut`,
      async () => {
        await fuzzRequests(RUNS)
        fuzzCuts(RUNS)
        await fuzzAnswers(RUNS)
      },
    ),
  smuggling: () =>
    smuggle(
      [...gunicornCases(inReaders('tests/requests')), ...smugglingCases()],
      [
        { name: 'h11', read: (given) => readBy(inReaders('venv/bin/python'), [inReaders('read.py')], given) },
        { name: 'net/http of Go', read: (given) => readBy(inReaders('read'), [], given) },
      ],
    ),
  redbot: () => askRedbot({ folder, nginx, redbot: join(redbot, 'venv/bin/redbot') }),
  copies: () => killAndFreeze({ folder }),
  weights: () => weigh({ folder }),
  services: () => askServices({ folder, jar }),
  ingress: askApiserver,
  autobahn: () => askAutobahn({ folder, ws, autobahn, cases }),
}
try {
  for (const name of named.split(',')) await parts[name]!()
} finally {
  await endAll()
  rmSync(folder, { recursive: true, force: true })
}
