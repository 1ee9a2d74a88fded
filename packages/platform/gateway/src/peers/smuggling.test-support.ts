/** Whether anything that servers read in different ways gets past a gateway as more, or as something else, than it was let in as. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { check } from '@dure/testing/foreign'
import { silentLogger } from 'dure/telemetry'
import { startGateway } from '../gateway.ts'
import type { Case } from './corpora.test-support.ts'
import { readByNode, recorder, type Read, type Reading } from './readers.test-support.ts'

export type Reader = { readonly name: string; readonly read: (cases: readonly Case[]) => Promise<readonly Reading[]> }

type Answer = { readonly status: number; readonly id: string; readonly carried: boolean }
type Carried = { readonly of: Case; readonly answers: readonly Answer[] }

const AT_ONCE = 64

/** Sends every case to a gateway, and looks at what comes out behind it. */
export async function smuggle(cases: readonly Case[], readers: readonly Reader[]): Promise<void> {
  const upstream = await recorder()
  const gateway = await startGateway({
    port: 0,
    log: silentLogger(),
    // Whatever waits for more has none to come.
    limits: { headTimeout: 500, stallTimeout: 500, requestTimeout: 2_000, idleTimeout: 300 },
    routes: { routes: { all: { prefix: '/', to: 'one' } }, upstreams: { one: { addresses: [`127.0.0.1:${upstream.port}`] } } },
  })
  const done: Carried[] = []
  try {
    const rest = cases.values()
    const port = Number(new URL(gateway.url).port)
    const work = async (): Promise<void> => {
      for (const of of rest) done.push({ of, answers: await answersTo(port, of) })
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  } finally {
    await gateway.stop()
    upstream.close()
  }
  const connections = upstream.connections()
  const arrived = connections.flatMap(({ requests }) => requests)
  const byId = new Map(arrived.map((one) => [one.id, one]))
  const answered = done.flatMap(({ answers }) => answers.filter(({ carried }) => carried))
  const refused = done.filter(({ answers }) => !answers.some(({ carried }) => carried)).length
  console.log(`  ${cases.length} cases: ${refused} refused, ${cases.length - refused} passed on as ${arrived.length} requests`)
  await check(
    'a refusal is the last word on its connection, and each request that arrives is one that was answered',
    async () => {
      for (const { of, answers } of done) {
        const end = answers.findIndex(({ carried }) => !carried)
        assert.ok(end === -1 || end === answers.length - 1, `${of.name}: ${answers.map(({ status }) => status).join(' ')}`)
      }
      assert.equal(byId.size, arrived.length, 'two requests of one id arrived')
      assert.deepEqual(answered.map(({ id }) => id).toSorted(), [...byId.keys()].toSorted())
      assert.ok(
        connections.every((one) => !one.refused),
        'Node refused something behind the gateway',
      )
    },
  )
  const streams = connections.map(({ bytes }, i): Case => ({ name: `connection ${i}`, bytes }))
  for (const { name, read } of readers)
    await check(`${name} reads the same requests behind the gateway as Node does there`, async () => {
      const readings = await read(streams)
      for (const [i, { requests, refused: wrong }] of readings.entries()) {
        assert.ok(!wrong, `${name} refuses ${JSON.stringify(streams[i]!.bytes.toString('latin1').slice(-400))}`)
        assert.deepEqual(requests, connections[i]!.requests)
      }
    })
  for (const { name, read } of [{ name: 'Node', read: readByNode }, ...readers]) await asInFront(name, read, done, byId)
}

/** What was passed on is what others read in front of the gateway, where they take it. */
async function asInFront(
  name: string,
  read: Reader['read'],
  done: readonly Carried[],
  byId: ReadonlyMap<string, Read>,
): Promise<void> {
  const passed = done.filter(({ answers }) => answers.some(({ carried }) => carried))
  let stricter: readonly string[] = []
  await check(`${name} reads in front of the gateway what is passed on, where it takes it`, async () => {
    const readings = await read(passed.map(({ of }) => of))
    const wrong: string[] = []
    for (const [i, { of, answers }] of passed.entries()) {
      const ours = answers.filter(({ carried }) => carried).map(({ id }) => plain(byId.get(id)!))
      const { requests, refused } = readings[i]!
      const theirs = requests.slice(0, ours.length).map(plain)
      if (refused && theirs.length < ours.length) {
        stricter = [...stricter, of.name]
        ours.length = theirs.length
      }
      if (JSON.stringify(theirs) !== JSON.stringify(ours)) wrong.push(`${of.name}: ${JSON.stringify({ ours, theirs })}`)
    }
    assert.deepEqual(wrong, [])
    // Node's is the reading that ours is a part of.
    if (name === 'Node') assert.deepEqual(stricter, [])
  })
  if (stricter.length > 0)
    console.log(`  ${name} refuses ${stricter.length} of ${passed.length}: ${stricter.slice(0, 5).join(', ')}…`)
}

/** Without what a gateway says in its own way: a target with a host is passed on without, as the host is in Host. */
const plain = ({ method, target, body }: Read): object => ({
  method,
  target: target.replace(/^https?:\/\/[^/?]*/, '').replace(/^(?=\?|$)/, '/'),
  body,
})

async function answersTo(port: number, { bytes }: Case): Promise<readonly Answer[]> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let said = ''
  socket.on('error', () => {})
  socket.on('data', (more) => (said += more.toString('latin1')))
  socket.on('end', () => socket.end())
  socket.write(bytes)
  await once(socket, 'close')
  return said.split(/(?=HTTP\/1\.1 \d{3} )/).flatMap((answer) => {
    const status = Number(answer.slice(9, 12))
    const id = /\r\nx-correlation-id: (\S+)/.exec(answer)?.[1] ?? ''
    return status >= 200 ? [{ status, id, carried: answer.includes('\r\nx-upstream: yes\r\n') }] : []
  })
}
