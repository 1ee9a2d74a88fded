/** Autobahn's fuzzing client on a WebSocket server of others, straight and through the gateway. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { check } from '@dure/testing/foreign'
import { begin, beginGateway, end } from './processes.test-support.ts'

const SERVER = `
const { WebSocketServer } = require('ws')
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, maxPayload: 67108864 }, () =>
  console.log('at ' + server.address().port))
server.on('connection', (socket) => {
  socket.on('error', () => {})
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})`
const CLIENT = `import sys
sys.argv = ['wstest', '-m', 'fuzzingclient', '-s', 'spec.json']
from autobahntestsuite.wstest import run
run()
print('done')`

type Judged = Readonly<Record<string, { readonly behavior: string; readonly behaviorClose: string }>>

/** All but speed and compressed messages, which are between the two and take an hour; of what is large, what goes in one message. */
const CASES = ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '9.1.*', '9.2.*', '10.*']

/** How often a case is asked that has another end through the gateway: how a connection closes is judged by a second that a busy machine may not have. */
const TIMES = 3

export async function askAutobahn(options: {
  readonly folder: string
  /** Where `ws` is installed. */
  readonly ws: string
  /** Where Autobahn is: PYTHONUSERBASE. */
  readonly autobahn: string
  /** Which of its cases, as `12.1.*`. Default: those that take minutes. */
  readonly cases: readonly string[]
}): Promise<void> {
  const folder = join(options.folder, 'autobahn')
  mkdirSync(folder)
  const echo = await begin(process.execPath, ['-e', SERVER], /at (\d+)/, { cwd: options.ws })
  const direct = `127.0.0.1:${echo.found[1]}`
  const gateway = await beginGateway(folder, {
    routes: { all: { prefix: '/', to: 'echo' } },
    upstreams: { echo: { addresses: [direct] } },
  })
  /** How both ended, by case. */
  const judge = async (cases: readonly string[]): Promise<readonly [straight: Judged, through: Judged]> => {
    const spec = {
      outdir: './reports',
      servers: [
        { agent: 'direct', url: `ws://${direct}` },
        { agent: 'gateway', url: gateway.url.replace('http:', 'ws:') },
      ],
      cases,
      'exclude-cases': [],
      'exclude-agent-cases': {},
    }
    writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec))
    const client = await begin('python2.7', ['-c', CLIENT], /done\n/, {
      cwd: folder,
      env: { PYENV_VERSION: '2.7', PYTHONUSERBASE: options.autobahn },
    })
    await end(client.child)
    const reports = JSON.parse(readFileSync(join(folder, 'reports/index.json'), 'utf8')) as Readonly<Record<string, Judged>>
    return [reports['direct']!, reports['gateway']!]
  }
  const given = options.cases.length > 0
  await check('Autobahn finds no case that passes straight and not through the gateway', async () => {
    const [straight, through] = await judge(given ? options.cases : CASES)
    const behaviours = (judged: Judged): string =>
      [...Map.groupBy(Object.values(judged), ({ behavior }) => behavior)].map(([name, all]) => `${all.length} ${name}`).join(', ')
    console.log(`  straight: ${behaviours(straight)}; through the gateway: ${behaviours(through)}`)
    assert.deepEqual(Object.keys(through).toSorted(), Object.keys(straight).toSorted())
    const { length } = Object.keys(through)
    assert.ok(given ? length > 0 : length > 230, `${length} cases`)
    let lost = differing(straight, through)
    for (let time = 1; time < TIMES && lost.size > 0; time++) {
      console.log(`  asked again: ${[...lost.values()].join('; ')}`)
      lost = differing(...(await judge([...lost.keys()])))
    }
    assert.deepEqual([...lost.values()], [])
  })
  await end(gateway.child)
  await end(echo.child)
}

/** Cases that do not end through the gateway as they end straight, and how. */
const differing = (straight: Judged, through: Judged): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(straight).flatMap(([name, { behavior, behaviorClose }]) => {
      const { behavior: ours, behaviorClose: oursClose } = through[name]!
      return behavior === ours && behaviorClose === oursClose
        ? []
        : [[name, `${name}: ${behavior} ${behaviorClose} → ${ours} ${oursClose}`]]
    }),
  )
