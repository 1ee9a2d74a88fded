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

export async function askAutobahn(options: {
  readonly folder: string
  /** Where `ws` is installed. */
  readonly ws: string
  /** Where Autobahn is: PYTHONUSERBASE. */
  readonly autobahn: string
}): Promise<void> {
  const folder = join(options.folder, 'autobahn')
  mkdirSync(folder)
  const echo = await begin(process.execPath, ['-e', SERVER], /at (\d+)/, { cwd: options.ws })
  const direct = `127.0.0.1:${echo.found[1]}`
  const gateway = await beginGateway(folder, {
    routes: { all: { prefix: '/', to: 'echo' } },
    upstreams: { echo: { addresses: [direct] } },
  })
  const spec = {
    outdir: './reports',
    servers: [
      { agent: 'direct', url: `ws://${direct}` },
      { agent: 'gateway', url: gateway.url.replace('http:', 'ws:') },
    ],
    cases: ['*'],
    // Speed, and what is compressed of other texts and by other windows: that is between the two, and takes an hour.
    'exclude-cases': ['9.*', '12.2.*', '12.3.*', '12.4.*', '12.5.*', '13.*'],
    'exclude-agent-cases': {},
  }
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec))
  await check('Autobahn finds no case that passes straight and not through the gateway', async () => {
    const client = await begin('python2.7', ['-c', CLIENT], /done\n/, {
      cwd: folder,
      env: { PYENV_VERSION: '2.7', PYTHONUSERBASE: options.autobahn },
    })
    await end(client.child)
    const reports = JSON.parse(readFileSync(join(folder, 'reports/index.json'), 'utf8')) as Readonly<Record<string, Judged>>
    const [straight, through] = [reports['direct']!, reports['gateway']!]
    const behaviours = (judged: Judged): string =>
      [...Map.groupBy(Object.values(judged), ({ behavior }) => behavior)].map(([name, all]) => `${all.length} ${name}`).join(', ')
    console.log(`  straight: ${behaviours(straight)}; through the gateway: ${behaviours(through)}`)
    assert.deepEqual(Object.keys(through).toSorted(), Object.keys(straight).toSorted())
    assert.ok(Object.keys(through).length > 200)
    const lost = Object.entries(straight).flatMap(([name, { behavior, behaviorClose }]) => {
      const { behavior: ours, behaviorClose: oursClose } = through[name]!
      return behavior === ours && behaviorClose === oursClose
        ? []
        : [`${name}: ${behavior} ${behaviorClose} → ${ours} ${oursClose}`]
    })
    assert.deepEqual(lost, [])
  })
  await end(gateway.child)
  await end(echo.child)
}
